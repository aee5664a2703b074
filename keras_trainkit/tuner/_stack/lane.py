"""One trial of a stack: its rows, its settings, and its random numbers."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit.tuner._stack.chain import Chain
from keras_trainkit.tuner._stack.data import Plan
from keras_trainkit.tuner._stack.layout import Layout
from keras_trainkit.tuner._stack.program import Features, State
from keras_trainkit.tuner._stack.rules import Rule

OF_NORM = ("gamma", "beta")


class Lane:
    """A network in training, as NumPy holds it between two epochs.

    Args:
        chain: its chain, whose weights are the first ones.
        rule: of its optimizer.
        plan: of its `fit`.
        seed: int, from which order and dropout follow.

    Attributes:
        layout: `Layout`, that of the chain alone before `place`.
        features: `Features` that it needs.
        state: its row of each array of `State`.
        settings: what is fixed, as `Program` has it.
        steps: how many it has taken.
        epochs: how many are behind.
    """

    def __init__(self, chain: Chain, rule: Rule, plan: Plan, seed: int) -> None:
        self.chain, self.rule, self.plan = chain, rule, plan
        self.layout = Layout.of(chain)
        self.steps = self.epochs = 0
        order, *drops = np.random.SeedSequence(seed).spawn(len(chain.blocks))
        self._order = np.random.default_rng(order)
        self._drops = [np.random.default_rng(each) for each in drops]
        rates = [block.rate for block in chain.hidden]
        has_norm = any(block.norm is not None for block in chain.hidden)
        penalties = [block.strengths for block in chain.blocks]
        functions = dict.fromkeys(block.activation for block in chain.hidden)
        self.features = Features(
            activations=tuple(functions),
            norm=has_norm,
            dropout=any(rates),
            penalty=bool(np.any(penalties)),
            clip=math.isfinite(rule.clip),
            decay=rule.decay > 0,
        )
        self.settings: dict[str, np.ndarray] = {}

    def place(self, layout: Layout) -> None:
        """Begin with the model's weights, in a layout that has room for them."""
        self.layout = layout
        self.state, self.settings = self._first(), self._settings()
        self._read_model()

    def _first(self) -> State:
        dtype, layout = keras.config.floatx(), self.layout
        weights, m = np.zeros((2, layout.size), dtype)
        v = np.full(layout.size, self.rule.first, dtype)
        return State(weights, m, v, np.zeros((2, layout.depth, layout.width), dtype))

    def _settings(self) -> dict[str, np.ndarray]:
        dtype, layout, hidden = keras.config.floatx(), self.layout, self.chain.hidden
        rows = {name: np.zeros(layout.size, dtype) for name in ("present", "decays", "l1", "l2")}
        for name, place, variable in self._variables():
            l1, l2 = self._strengths(place) if name == "kernel" else (0.0, 0.0)
            for row, value in (
                ("present", 1.0),
                ("decays", 1.0 if self.rule.decays_all or name == "kernel" else 0.0),
                ("l1", l1),
                ("l2", l2),
            ):
                layout.view(rows[row], name, place, tuple(variable.shape))[...] = value
        blocks = {
            name: np.zeros(layout.depth, kind)
            for name, kind in (
                ("active", "bool"),
                ("norm", "bool"),
                ("gain", dtype),
                ("momentum", dtype),
                ("epsilon", dtype),
            )
        }
        blocks["epsilon"][:] = 1.0
        for i, block in enumerate(hidden):
            blocks["active"][i] = True
            blocks["gain"][i] = 1 / (1 - block.rate) if block.rate < 1 else 0.0
            if block.norm is not None:
                blocks["norm"][i] = True
                blocks["momentum"][i] = block.norm.momentum
                blocks["epsilon"][i] = block.norm.epsilon
        return {**rows, **blocks, "clip": np.array(self.rule.clip, dtype)}

    def activations(self, known: tuple[Callable, ...]) -> np.ndarray:
        """Return the number of each block's activation among the known ones."""
        numbers = np.zeros(self.layout.depth, "int32")
        for i, block in enumerate(self.chain.hidden):
            numbers[i] = known.index(block.activation)
        return numbers

    # The model.

    def _read_model(self) -> None:
        """Take weights and statistics from the model."""
        row = self.state.weights
        for name, place, variable in self._variables():
            view = self.layout.view(row, name, place, tuple(variable.shape))
            view[...] = ops.convert_to_numpy(variable)
        for i, block in enumerate(self.chain.hidden):
            if block.norm is None:
                continue
            if not block.norm.scale:
                self.layout.view(row, "gamma", i, (block.width,))[...] = 1.0
            for which, variable in enumerate(_statistics(block.norm)):
                self.state.moving[which, i, : block.width] = ops.convert_to_numpy(variable)

    def write_to_model(self) -> None:
        """Give weights and statistics to the model."""
        row = self.state.weights
        for name, place, variable in self._variables():
            variable.assign(self.layout.view(row, name, place, tuple(variable.shape)))
        for i, block in enumerate(self.chain.hidden):
            if block.norm is not None:
                for which, variable in enumerate(_statistics(block.norm)):
                    variable.assign(self.state.moving[which, i, : block.width])

    def _variables(self) -> list[tuple[str, int, Any]]:
        """Return the trained variables of the model, each with its place in the layout."""
        found = []
        for i, block in enumerate(self.chain.blocks):
            place = i if block is not self.chain.blocks[-1] else self.layout.depth
            found.append(("kernel", place, block.dense.kernel))
            if block.dense.use_bias:
                found.append(("bias", place, block.dense.bias))
            norm = block.norm
            if norm is not None:
                has = {"gamma": norm.scale, "beta": norm.center}
                found += [(name, place, getattr(norm, name)) for name in OF_NORM if has[name]]
        return found

    def _strengths(self, place: int) -> tuple[float, float]:
        is_last = place == self.layout.depth
        return self.chain.blocks[-1 if is_last else place].strengths

    # An epoch.

    def numbers(self) -> np.ndarray:
        """Return the optimizer's numbers of the epoch that begins, `(steps, columns)`."""
        return self.rule.table(self.steps, self.steps + self.plan.steps)

    def order(self) -> np.ndarray:
        """Return the places of the rows of the epoch that begins, as they are trained."""
        rows = len(self.plan.x)
        return self._order.permutation(rows) if self.plan.shuffle else np.arange(rows)

    def keep(self, block: int, steps: int) -> np.ndarray:
        """Return which outputs of a hidden block its dropout lets pass in the next steps."""
        hidden = self.chain.hidden[block]
        shape = (steps, self.plan.batch_size, hidden.width)
        return self._drops[block].random(shape, "float32") >= hidden.rate


def _statistics(norm: Any) -> tuple[Any, Any]:
    return norm.moving_mean, norm.moving_variance
