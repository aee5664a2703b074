"""Where each weight of a network lies in the row of its lane."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from keras import ops

from keras_trainkit._tensors import Tensor
from keras_trainkit.tuner._stack.chain import Chain

Piece = tuple[str, int]


@dataclass(frozen=True)
class Layout:
    """A network as deep and as wide as any of a stack; narrower ones leave their rest at 0.

    Args:
        inputs: int. Number of inputs.
        depth: int. Number of hidden blocks.
        width: int. Units of each.
        outputs: int. Number of outputs.
    """

    inputs: int
    depth: int
    width: int
    outputs: int

    @classmethod
    def of(cls, chain: Chain) -> "Layout":
        """Return the layout that a chain fills."""
        widths = [block.width for block in chain.hidden]
        inputs, outputs = chain.blocks[0].dense.kernel.shape[0], chain.blocks[-1].width
        return cls(inputs, len(widths), max(widths, default=0), outputs)

    def around(self, other: "Layout") -> "Layout":
        """Return the layout that has room for both."""
        return Layout(
            self.inputs, max(self.depth, other.depth), max(self.width, other.width), self.outputs
        )

    def rounded(self) -> "Layout":
        """Return the layout whose width is a power of 2, so that later trials find room too."""
        width = 1 << (self.width - 1).bit_length() if self.width else 0
        return Layout(self.inputs, self.depth, width, self.outputs)

    @cached_property
    def shapes(self) -> dict[Piece, tuple[int, ...]]:
        """The shape of each weight: its name and the number of its block, outputs last."""
        found: dict[Piece, tuple[int, ...]] = {}
        before = self.inputs
        for i in range(self.depth):
            found["kernel", i] = (before, self.width)
            for name in ("bias", "gamma", "beta"):
                found[name, i] = (self.width,)
            before = self.width
        found["kernel", self.depth] = (before, self.outputs)
        found["bias", self.depth] = (self.outputs,)
        return found

    @cached_property
    def places(self) -> dict[Piece, slice]:
        """Where each weight lies."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        begins = [0, *ends[:-1]]
        pairs = zip(self.shapes, begins, ends, strict=True)
        return {piece: slice(int(begin), int(end)) for piece, begin, end in pairs}

    @property
    def size(self) -> int:
        """How long a row is."""
        return max(place.stop for place in self.places.values())

    def pieces(self, rows: Tensor) -> dict[Piece, Tensor]:
        """Return each weight of all lanes, shape `(lanes, ...)`."""
        ends = [place.stop for place in self.places.values()]
        # At once, as each slice by itself would have a gradient as large as all of them.
        parts = ops.split(rows, ends[:-1], axis=1)
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {piece: ops.reshape(part, (-1, *shape)) for (piece, shape), part in pairs}

    def view(self, row: np.ndarray, name: str, block: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return the part of a lane's row that is a weight of a narrower shape, to write to."""
        whole = row[self.places[name, block]].reshape(self.shapes[name, block])
        return whole[tuple(slice(length) for length in shape)]
