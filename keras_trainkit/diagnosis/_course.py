"""How the gradients went, layer by layer: when they exploded, where they ended."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from keras_trainkit.diagnosis.history import History, layer_of, ratio, root_sum_square

# The global norm is so many times the first one: it has exploded.
JUMP = 1e3
# After an explosion, what is this small beside the first step has ended.
GONE = 1e-6
DEAD_STEPS = 3
# From this share on, dead units are remarkable.
MANY_DEAD = 0.5
OFFSETS = ("bias", "beta")


class Course:
    """What notes and rules read of a history, each worked out once; S steps, L layers.

    Args:
        history: `History` with at least one step.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.layers = history.layers
        owners = {layer: i for i, layer in enumerate(self.layers)}
        self.owners = np.array([owners[layer_of(name)] for name in history.variables], int)
        self.size = np.bincount(self.owners, history.sizes, len(self.layers))

    @cached_property
    def variable_norms(self) -> np.ndarray:
        """The gradient norm of each variable, `(S, V)`."""
        return self.history["norm"]

    @cached_property
    def variable_weights(self) -> np.ndarray:
        """The norm of each variable before the step, `(S, V)`."""
        return self.history["weight_norm"]

    @cached_property
    def zero_fractions(self) -> np.ndarray:
        """The share of zeros in each gradient, `(S, V)`."""
        return self.history["zero_fraction"]

    @cached_property
    def broken(self) -> np.ndarray:
        """Which gradients held NaN or infinity, `(S, V)`."""
        return self.history["nonfinite"] > 0

    @cached_property
    def norms(self) -> np.ndarray:
        """The gradient norm of each layer, `(S, L)`."""
        return self._by_layer(self.variable_norms)

    @cached_property
    def weights(self) -> np.ndarray:
        """The norm of each layer's weights, `(S, L)`."""
        return self._by_layer(self.variable_weights)

    @cached_property
    def updates(self) -> np.ndarray:
        """The norm of each layer's moves, `(S, L)`."""
        return self._by_layer(self.history["update_norm"])

    @cached_property
    def ratios(self) -> np.ndarray:
        """The update ratio of each layer, `(S, L)`."""
        return ratio(self.updates, self.weights)

    @cached_property
    def global_norm(self) -> np.ndarray:
        """The gradient norm over all layers, `(S,)`."""
        return root_sum_square(self.norms)

    @cached_property
    def global_ratio(self) -> np.ndarray:
        """The update ratio over all layers, `(S,)`."""
        return ratio(root_sum_square(self.updates), self.global_weight)

    @cached_property
    def global_weight(self) -> np.ndarray:
        """The norm of all weights, `(S,)`."""
        return root_sum_square(self.weights)

    @cached_property
    def exploded(self) -> int | None:
        """The first index at which the global norm is finite and `JUMP` times the first one.

        Below the norm of all weights a gradient is not large, however small it was before.
        """
        norm = self.global_norm
        sound = np.flatnonzero(np.isfinite(norm) & (norm > 0))
        if not sound.size:
            return None
        large = np.nan_to_num(self.global_weight[0])
        jumped = np.isfinite(norm) & (norm > max(JUMP * norm[sound[0]], large))
        return int(np.flatnonzero(jumped)[0]) if jumped.any() else None

    @cached_property
    def burst(self) -> int | None:
        """The layer where the explosion begins: the step before moved it farthest for its size."""
        if self.exploded is None:
            return None
        before = self.ratios[max(self.exploded - 1, 0)]
        if np.isfinite(before).any():
            return int(np.nanargmax(np.where(np.isfinite(before), before, np.nan)))
        return int(np.nanargmax(self.norms[self.exploded]))

    @property
    def begin(self) -> int | None:
        """The layer that an explosion left dead, or else the one where it began."""
        origin = self.origin
        if self.exploded is None or origin is None or self.silent_since[origin] == 0:
            return self.burst
        return origin

    @cached_property
    def variables_silent_since(self) -> np.ndarray:
        """For each variable the index from which on no gradient comes, S where one does."""
        return self._silent_since(self.variable_norms)

    @cached_property
    def silent_since(self) -> np.ndarray:
        """For each layer the index from which on no gradient comes, S where one does."""
        return self._silent_since(self.norms)

    @cached_property
    def silent(self) -> np.ndarray:
        """Which layers have had no gradient for at least `DEAD_STEPS` steps at the end, `(L,)`."""
        given = ~np.isnan(self.norms)
        after = np.arange(len(given))[:, None] >= self.silent_since
        return (given & after).sum(axis=0) >= DEAD_STEPS

    @cached_property
    def dead_shares(self) -> dict[int, float]:
        """The share of dead units by layer, where the record shows it.

        Of the last probe where there is one; else the share of entries of a bias that no gradient
        reached in the last quarter of the steps, at its lowest, of layers below the last.
        """
        if self._is_probed:
            return self._probed_dead_shares()
        late = self.zero_fractions[-max(len(self.history.steps) // 4, 1) :]
        shares: dict[int, float] = {}
        if len(late) < DEAD_STEPS:
            return shares
        for i, name in enumerate(self.history.variables):
            share = late[:, i].min()
            below = self.owners[i] < len(self.layers) - 1
            if name.rpartition("/")[2] in OFFSETS and below and MANY_DEAD <= share < 1:
                shares[int(self.owners[i])] = float(share)
        return shares

    @cached_property
    def origin(self) -> int | None:
        """The layer whose units are all dead, so that no gradient comes to those below.

        By the probe where there is one; else it stands below a layer that has a gradient for its
        bias and none for its kernel, whose inputs are 0.
        """
        full = [i for i, share in self.dead_shares.items() if share >= 1]
        if full or self._is_probed:
            return full[0] if full else None
        chain = self._chain()
        return self._suspect(chain) if chain else None

    @property
    def _is_probed(self) -> bool:
        probe = self.history.activations
        return probe is not None and len(probe.epochs) > 0

    def _chain(self) -> list[int]:
        """Return silent layers in a row, below a layer that gets a gradient but no input."""
        silent = self.silent & (self.weights[-1] > 0)
        if not silent.any():
            return []
        last = int(np.flatnonzero(silent)[-1])
        above = self.owners == last + 1
        if not (self.variables_silent_since[above] < len(self.history.steps)).any():
            return []
        awake = np.flatnonzero(~silent[:last])
        return list(range(int(awake[-1]) + 1 if awake.size else 0, last + 1))

    def _suspect(self, chain: Sequence[int]) -> int:
        """Return the layer whose bias is by far the largest, or else the one next to the output."""
        size, weight = self.history.sizes, self.variable_weights[-1]
        offsets = {int(self.owners[i]): weight[i] / np.sqrt(size[i]) for i in self._offsets()}
        found = sorted((offsets.get(layer, 0.0), layer) for layer in chain)
        if len(found) > 1 and found[-1][0] > 10 * found[-2][0]:
            return found[-1][1]
        if self.burst in chain and self.burst is not None:
            return self.burst
        return chain[-1]

    def _offsets(self) -> list[int]:
        names = self.history.variables
        return [i for i, name in enumerate(names) if name.rpartition("/")[2] in OFFSETS]

    def _probed_dead_shares(self) -> dict[int, float]:
        probe = self.history.activations
        assert probe is not None
        places = {layer: i for i, layer in enumerate(self.layers)}
        shares: dict[int, float] = {}
        owner = None
        for layer, share in zip(probe.layers, probe["dead"][-1], strict=True):
            owner = places.get(layer, owner)
            if owner is not None and share >= MANY_DEAD:
                shares[owner] = max(float(share), shares.get(owner, 0.0))
        return shares

    def _silent_since(self, norms: np.ndarray) -> np.ndarray:
        """Return the index behind the last gradient of each column; NaN is a step left out."""
        floor = np.zeros(norms.shape)
        if self.exploded is not None:
            floor[self.exploded :] = GONE * np.where(np.isfinite(norms[0]), norms[0], 0.0)
        heard = norms > floor
        last = len(norms) - 1 - np.argmax(heard[::-1], axis=0)
        return np.where(heard.any(axis=0), last + 1, 0)

    def _by_layer(self, values: np.ndarray) -> np.ndarray:
        columns = [root_sum_square(values[:, self.owners == i]) for i in range(len(self.layers))]
        return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))
