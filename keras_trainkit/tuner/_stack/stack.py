"""Lanes that share a program, and the epochs that they train together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit.tuner._stack.data import prepared
from keras_trainkit.tuner._stack.lane import Lane
from keras_trainkit.tuner._stack.layout import Layout
from keras_trainkit.tuner._stack.program import Program, State
from keras_trainkit.tuner._stack.rules import IDLE
from keras_trainkit.tuner._stack.scores import Scores

# So many bytes of dropout masks, and values of a hidden block at validation, at a time.
MASKS, VALUES = 1 << 25, 1 << 22
# On JAX a program for fewer lanes is worth its compilation when so many times fewer are left.
SHRINK = 4
Logs = dict[str, float]


class Stack:
    """Networks of one layout, loss and data.

    Args:
        layout: `Layout`.
        lane: one of them.
        scores: `Scores` of all of them.

    Attributes:
        layout: `Layout`.
    """

    def __init__(self, layout: Layout, lane: Lane, scores: Scores) -> None:
        self.layout, self._scores, self._plan = layout, scores, lane.plan
        self._head = lane.chain.blocks[-1].activation
        self._program: Program | None = None
        self._slots = 0
        chain, plan = lane.chain, lane.plan
        self._training = prepared(chain, plan.x, plan.y)
        self._validation = None if plan.validation is None else prepared(chain, *plan.validation)

    def train(self, lanes: Sequence[Lane]) -> list[Logs]:
        """Train each lane for an epoch, and return what `fit` would log of it."""
        program = self._program_for(lanes)
        slots = self._slots_for(len(lanes))
        rows = zip(*(lane.state for lane in lanes), strict=True)
        state = State(*(_stacked(of_lanes, slots) for of_lanes in rows))
        settings = self._settings(lanes, program, slots)
        sums = 0.0
        for batch in self._batches(lanes, program, slots):
            state, new = program.step(state, settings, self._training, batch)
            sums = sums + new
        logs = self._logs("", sums, len(self._plan.x))
        for lane, *arrays in zip(lanes, *map(ops.convert_to_numpy, state), strict=False):
            # Copies, as a view would keep the rows of all lanes.
            lane.state = State(*(array.copy() for array in arrays))
            lane.steps += self._plan.steps
            lane.epochs += 1
        if self._validation is not None:
            of_validation = self._validated(program, self._validation, state, settings)
            logs = [{**one, **other} for one, other in zip(logs, of_validation, strict=True)]
        return logs[: len(lanes)]

    def _program_for(self, lanes: Sequence[Lane]) -> Program:
        """Return the program that can do all that the lanes need, and what it could before."""
        features = self._program.features if self._program else lanes[0].features
        for lane in lanes:
            features = features.joined(lane.features)
        if self._program is None or features != self._program.features:
            self._program = Program(self.layout, features, self._scores, self._head)
        return self._program

    def _slots_for(self, lanes: int) -> int:
        """Return how many rows the tensors have: JAX compiles anew for each number."""
        if keras.backend.backend() != "jax":
            return lanes
        if not self._slots / SHRINK < lanes <= self._slots:
            self._slots = 1 << (lanes - 1).bit_length()
        return self._slots

    def _settings(self, lanes: Sequence[Lane], program: Program, slots: int) -> dict[str, Any]:
        names = program.settings
        rows = {name: [lane.settings[name] for lane in lanes] for name in names}
        known = program.features.activations
        rows["activation"] = [lane.activations(known) for lane in lanes]
        return {name: _stacked(values, slots) for name, values in rows.items()}

    def _batches(
        self, lanes: Sequence[Lane], program: Program, slots: int
    ) -> Iterator[dict[str, Any]]:
        """Yield the batches of an epoch, each lane's in its own order."""
        plan, floatx = self._plan, keras.config.floatx()
        size, steps, count = plan.batch_size, plan.steps, len(plan.x)
        order = np.zeros((slots, steps * size), "int32")
        numbers = np.tile(np.array([*IDLE.values()], floatx), (slots, steps, 1))
        for i, lane in enumerate(lanes):
            order[i, :count], numbers[i] = lane.order(), lane.numbers()
        batches = order.reshape(slots, steps, size)
        counts = np.zeros(steps * size, floatx)
        counts[:count] = 1.0
        keep = self._keep(lanes, slots) if program.features.dropout else iter(())
        for step in range(steps):
            batch = {
                "rows": batches[:, step],
                "counts": counts[step * size :][:size],
                "numbers": numbers[:, step],
            }
            if program.features.dropout:
                batch["keep"] = next(keep)
            yield {name: ops.convert_to_tensor(value) for name, value in batch.items()}

    def _keep(self, lanes: Sequence[Lane], slots: int) -> Iterator[np.ndarray]:
        """Yield for each step what dropout lets pass, `(depth, lanes, batch, width)`."""
        plan, layout = self._plan, self.layout
        shape = (layout.depth, slots, plan.batch_size, layout.width)
        at_once = max(1, MASKS // int(np.prod(shape)))
        for begin in range(0, plan.steps, at_once):
            steps = min(at_once, plan.steps - begin)
            keep = np.ones((steps, *shape), bool)
            for i, lane in enumerate(lanes):
                for j, block in enumerate(lane.chain.hidden):
                    if block.rate:
                        keep[:, j, i, :, : block.width] = lane.keep(j, steps)
            yield from keep

    def _validated(
        self, program: Program, data: dict[str, Any], state: State, settings: dict[str, Any]
    ) -> list[Logs]:
        count, widest = len(data["x"]), max(self.layout.width, self.layout.inputs)
        size = min(count, max(1, VALUES // (len(state.weights) * widest)))
        sums = 0.0
        for begin in range(0, count, size):
            x, y = (data[name][begin : begin + size] for name in ("x", "y"))
            counts = ops.ones(len(x), keras.config.floatx())
            sums = sums + program.score(state, settings, x, y, counts)
        return self._logs("val_", sums, count)

    def _logs(self, prefix: str, sums: Any, count: int) -> list[Logs]:
        means = ops.convert_to_numpy(sums) / count
        names = [prefix + name for name in self._scores.names]
        return [dict(zip(names, map(float, row), strict=True)) for row in means]


def _stacked(rows: Iterable[np.ndarray], slots: int) -> Any:
    """Return rows as one tensor, the last of them again where there are not enough."""
    rows = list(rows)
    rows += rows[-1:] * (slots - len(rows))
    return ops.convert_to_tensor(np.stack(rows))
