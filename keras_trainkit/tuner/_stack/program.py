"""One training step of all lanes, and their scores: the same few operations for any number."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit._tensors import Tensor
from keras_trainkit.tuner._stack.layout import Layout, Piece
from keras_trainkit.tuner._stack.scores import Scores

Arrays = dict[str, Any]


# The settings of a lane that only some features read.
_OF_FEATURES = {
    "norm": ("norm", "momentum", "epsilon"),
    "dropout": ("gain",),
    "penalty": ("l1", "l2"),
    "clip": ("clip",),
    "decay": ("decays",),
}


class State(NamedTuple):
    """What a step changes, a row for each lane."""

    weights: Any
    """`(lanes, layout.size)`"""
    m: Any
    v: Any
    moving: Any
    """Mean and variance of normalized units, `(lanes, 2, depth, width)`."""


@dataclass(frozen=True)
class Features:
    """What the program of a stack can do beside linear layers; what no lane needs is left out.

    Args:
        activations: those of hidden blocks.
        norm: whether some lanes normalize.
        dropout: whether some drop.
        penalty: whether some have a penalty.
        clip: whether some clip their gradient.
        decay: whether weights of some decay.
    """

    activations: tuple[Callable, ...]
    norm: bool
    dropout: bool
    penalty: bool
    clip: bool
    decay: bool

    def joined(self, other: "Features") -> "Features":
        """Return what serves both."""
        new = [each for each in other.activations if each not in self.activations]
        return Features(
            (*self.activations, *new),
            self.norm or other.norm,
            self.dropout or other.dropout,
            self.penalty or other.penalty,
            self.clip or other.clip,
            self.decay or other.decay,
        )


class Program:
    """Steps and scores of a stack.

    Args:
        layout: `Layout`.
        features: `Features`.
        scores: `Scores`, loss and metrics of outputs.
        head: function. Activation of the outputs.
    """

    def __init__(self, layout: Layout, features: Features, scores: Scores, head: Callable) -> None:
        self.layout, self.features, self.scores, self.head = layout, features, scores, head

    @property
    def settings(self) -> list[str]:
        """Names of the settings of lanes that are read, besides "activation"."""
        found = ["present", "active"]
        for feature, names in _OF_FEATURES.items():
            found += names if getattr(self.features, feature) else ()
        return found

    @cached_property
    def step(self) -> Callable[..., tuple[State, Tensor]]:
        """The function of a training step; see `_step`."""
        return backend_module(__package__).compiled(self._step)

    @cached_property
    def score(self) -> Callable[..., Tensor]:
        """The function of an evaluation; see `_score`."""
        return backend_module(__package__).compiled(self._score)

    def _step(
        self, state: State, lane: Arrays, data: Arrays, batch: Arrays
    ) -> tuple[State, Tensor]:
        """Return the state after a step, and the sums of loss and metrics over the batch's rows.

        Args:
            state: `State`.
            lane: what the settings of each lane are.
            data: "x" and "y", all rows, standardized.
            batch: "rows" `(lanes, batch)`, places in the data; "counts" `(batch,)`, 1 for rows and
                0 for what fills up; "keep" `(depth, lanes, batch, width)`, bools; "numbers"
                `(lanes, columns)` of `rules`.
        """
        x, y = (ops.take(data[name], batch["rows"], axis=0) for name in ("x", "y"))
        counts = batch["counts"]

        def loss(weights: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            outputs, moving = self._outputs(weights, state.moving, lane, x, batch)
            sums = self.scores.sums(self.head, outputs, y, counts)
            return ops.sum(sums[:, 0]) / ops.sum(counts), (sums, moving)

        gradient, (sums, moving) = backend_module(__package__).gradient_of(loss, state.weights)
        if self.features.penalty:
            penalties, of_penalty = self._penalties(state.weights, lane)
            gradient = gradient + of_penalty
            sums = self.scores.with_penalty(sums, penalties, counts)
        gradient = gradient * lane["present"]
        if self.features.clip:
            gradient = _clipped(gradient, lane["clip"][:, None])
        a, b, c, d, e, f, g, h, i, k = ops.unstack(batch["numbers"][:, :, None], axis=1)
        m = a * state.m + b * gradient
        v = c * state.v + d * ops.square(gradient)
        weights = state.weights
        if self.features.decay:
            weights = weights * (1 - (1 - k) * lane["decays"])
        weights = weights - (e * m + f * gradient) / (ops.sqrt(g * v + h) + i)
        return State(weights, m, v, moving), sums

    def _score(self, state: State, lane: Arrays, x: Tensor, y: Tensor, counts: Tensor) -> Tensor:
        """Return the sums of loss and metrics over rows that all lanes are given."""
        lanes = ops.shape(state.weights)[0]
        x, y = (ops.broadcast_to(rows[None], (lanes, *ops.shape(rows))) for rows in (x, y))
        outputs, _ = self._outputs(state.weights, state.moving, lane, x, None)
        sums = self.scores.sums(self.head, outputs, y, counts)
        if self.features.penalty:
            penalties, _ = self._penalties(state.weights, lane)
            sums = self.scores.with_penalty(sums, penalties, counts)
        return sums

    def _outputs(
        self, weights: Tensor, moving: Tensor, lane: Arrays, x: Tensor, batch: Arrays | None
    ) -> tuple[Tensor, Tensor]:
        """Return what the network puts out before its last activation, and moved statistics.

        Args:
            weights: of all lanes.
            moving: statistics of normalization.
            lane: settings.
            x: `(lanes, rows, inputs)`.
            batch: that of `_step` in training, else `None`.
        """
        layout, features = self.layout, self.features
        pieces = layout.pieces(weights)
        moved: list[Tensor] = []
        for i in range(layout.depth):
            y = _linear(pieces, i, x)
            if features.norm:
                y, statistics = self._normalized(pieces, moving, lane, i, y, batch)
                moved.append(statistics)
            y = self._activated(lane["activation"][:, i], y)
            if features.dropout and batch is not None:
                y = ops.where(batch["keep"][i], y * lane["gain"][:, i, None, None], 0)
            # A lane that is less deep passes the last of its blocks on.
            x = y if i == 0 else ops.where(lane["active"][:, i, None, None], y, x)
        if batch is not None and moved:
            moving = ops.stack(moved, axis=2)
        return _linear(pieces, layout.depth, x), moving

    def _activated(self, which: Tensor, x: Tensor) -> Tensor:
        """Return each lane's activation of its outputs."""
        first, *others = self.features.activations
        y = first(x)
        for number, function in enumerate(others, start=1):
            y = ops.where((which == number)[:, None, None], function(x), y)
        return y

    def _normalized(
        self,
        pieces: dict[Piece, Tensor],
        moving: Tensor,
        lane: Arrays,
        block: int,
        x: Tensor,
        batch: Arrays | None,
    ) -> tuple[Tensor, Tensor]:
        """Return outputs that are normalized in the lanes that do so, and moved statistics."""
        old = moving[:, :, block]
        if batch is None:
            mean, variance = old[:, 0], old[:, 1]
        else:
            counts = batch["counts"][None, :, None]
            total = ops.sum(counts)
            mean = ops.sum(x * counts, axis=1) / total
            variance = ops.sum(ops.square(x - mean[:, None]) * counts, axis=1) / total
        gamma, beta = pieces["gamma", block], pieces["beta", block]
        scale = gamma / ops.sqrt(variance + lane["epsilon"][:, block, None])
        y = (x - mean[:, None]) * scale[:, None] + beta[:, None]
        share = lane["momentum"][:, block, None, None]
        new = share * old + (1 - share) * ops.stack([mean, variance], axis=1)
        return ops.where(lane["norm"][:, block, None, None], y, x), new

    def _penalties(self, weights: Tensor, lane: Arrays) -> tuple[Tensor, Tensor]:
        """Return the penalty of each lane and its gradient."""
        l1, l2 = lane["l1"], lane["l2"]
        penalties = ops.sum(l1 * ops.abs(weights) + l2 * ops.square(weights), axis=1)
        return penalties, l1 * ops.sign(weights) + 2 * l2 * weights


def _linear(pieces: dict[Piece, Tensor], block: int, x: Tensor) -> Tensor:
    # Not `ops.matmul`, which on PyTorch turns float64 into float32.
    return x @ pieces["kernel", block] + pieces["bias", block][:, None]


def _clipped(gradient: Tensor, limit: Tensor) -> Tensor:
    """Return the gradient of each lane, its norm at most a limit."""
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=1, keepdims=True))
    # A norm that is NaN stays, as a training alone would have it.
    return gradient * ops.where(norm > limit, limit / norm, ops.ones_like(norm))
