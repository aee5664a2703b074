"""What every optimizer of the package shares: its arguments, its state and its files.

The step itself stands in `_update_groups.py`, and what is asked of gradients before it in
`_gradients.py`. Keras calls `_take_step`, `_decay_weights` and `_clip_before_step` by names of its
own (`HookedOptimizer`).
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._keras_internals import moving_averages
from keras_trainkit._older_state import present_form
from keras_trainkit._runtime_number import refuse_if_held
from keras_trainkit._tensors import Tensor, at_least_float32
from keras_trainkit._variable_paths import checked_factors, checked_patterns, pattern_of
from keras_trainkit.optimizers._arguments import unknown_arguments
from keras_trainkit.optimizers._gradients import (
    apply_if_finite,
    by_global_norm,
    by_norm,
    by_value,
    complex_numbers,
    dense,
    refuse_complex,
)
from keras_trainkit.optimizers._hyperparameters import Hyperparameter, numbers_of, read, threaded
from keras_trainkit.optimizers._update_groups import BACKEND, GroupedUpdate, traits_of
from keras_trainkit.optimizers.clipping import Clipping

CLIPS = {"clipnorm": by_norm, "global_clipnorm": by_global_norm, "clipvalue": by_value}

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


class Optimizer(GroupedUpdate):
    """Base of the package's optimizers: Keras's base arguments and these, on every backend.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments.
        weight_decay_exclude: sequence of paths or regular expressions for whole segments of a
            variable's path, such as `"embedding"` or `"norm.*"`. Variables without weight decay.
            Begin with a layer's name: a model's own is missing in the paths of a loaded
            `Sequential`. Defaults to `()`.
        weight_decay_min_rank: int >= 0. Least rank of the variables with weight decay. `None` has
            it act on the kernels of linear maps and on embeddings, and not on offsets, scales and
            slopes of any rank, which `AdamW` explains. Defaults to `0`, as in Keras.
        learning_rate_multipliers: dict from such patterns to floats >= 0. Factors of the learning
            rate; the first pattern that fits a variable counts. Defaults to `None`.
        clipping: `AdaptiveClipping` or `PercentileClipping`, in place of Keras's three thresholds.
            Defaults to `None`.
        skip_nonfinite: bool. Leave out the updates whose gradients hold NaN or infinity, and count
            them in `skipped_updates`. Defaults to `False`.

    The others are those of `keras.optimizers.Optimizer`.

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm` and the rule's own
    numbers may be assigned between two training steps without a new trace, if they were given.
    """

    weight_decay = Hyperparameter(partial(_validation.real, low=0.0), optional=True)
    clipnorm = Hyperparameter(_validation.positive, optional=True)
    clipvalue = Hyperparameter(_validation.positive, optional=True)
    global_clipnorm = Hyperparameter(_validation.positive, optional=True)

    _access_path = "self.model.optimizer"
    # Whether the rule takes `tf.IndexedSlices` as they are.
    _takes_slices = False
    # What a file held for variables that the optimizer has not been built for yet.
    _waiting: dict[str, Any] | None = None

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        weight_decay_exclude: Sequence[str] = (),
        weight_decay_min_rank: int | None = 0,
        learning_rate_multipliers: Mapping[str, float] | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        clipping: Clipping | dict[str, Any] | None = None,
        skip_nonfinite: bool = False,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        """Check and keep the arguments."""
        if unknown:
            raise unknown_arguments(type(self), unknown)
        if not callable(learning_rate):
            learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=_validation.boolean("use_ema", use_ema),
            ema_momentum=_validation.real("ema_momentum", ema_momentum, low=0.0, high=1.0),
            ema_overwrite_frequency=_if_given(
                partial(_validation.integer, low=1),
                "ema_overwrite_frequency",
                ema_overwrite_frequency,
            ),
            loss_scale_factor=_if_given(
                _validation.positive, "loss_scale_factor", loss_scale_factor
            ),
            gradient_accumulation_steps=_if_given(
                partial(_validation.integer, low=2),
                "gradient_accumulation_steps",
                gradient_accumulation_steps,
            ),
            name=name,
        )
        self.clipping = self._checked_clipping(clipping)
        self.skip_nonfinite = _validation.boolean("skip_nonfinite", skip_nonfinite)
        self.weight_decay_exclude = checked_patterns("weight_decay_exclude", weight_decay_exclude)
        self.weight_decay_min_rank = _if_given(
            partial(_validation.integer, low=0), "weight_decay_min_rank", weight_decay_min_rank
        )
        self.learning_rate_multipliers = checked_factors(
            "learning_rate_multipliers", learning_rate_multipliers
        )

    @property
    def learning_rate(self) -> Any:
        """The variable or number of the next step; a number >= 0 may be assigned."""
        return keras.optimizers.Optimizer.learning_rate.fget(self)

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if isinstance(learning_rate, Real):
            learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)
            refuse_if_held("learning_rate", learning_rate, self._given_rate, self._access_path)
        keras.optimizers.Optimizer.learning_rate.fset(self, learning_rate)

    @property
    def variables(self) -> list[keras.Variable]:
        """The state that is saved, and on JAX the numbers that compiled steps read."""
        clipping = threaded(self.clipping) if self.clipping else []
        return [*super().variables, *threaded(self), *clipping]

    def _read_by_steps(self) -> dict[str, Any]:
        own = {f"number_{name}": number for name, number in numbers_of(self).items()}
        clipping = numbers_of(self.clipping) if self.clipping else {}
        own |= {f"clipping_{name}": number for name, number in clipping.items()}
        return {name: number.variable for name, number in own.items()}

    @property
    def skipped_updates(self) -> int:
        """How many updates were left out because a gradient was not finite."""
        return int(ops.convert_to_numpy(self._skipped)) if self.skip_nonfinite and self.built else 0

    @property
    def counters(self) -> dict[str, float]:
        """What is counted: `skipped_updates`, `clipping_frequency`; `GradientMonitor` logs it."""
        counted: dict[str, float] = {}
        if self.skip_nonfinite:
            counted["skipped_updates"] = self.skipped_updates
        if self.clipping and self.built:
            counted["clipping_frequency"] = self.clipping.frequency
        return counted

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state, and resolve what the patterns mean for these variables."""
        if self.built:
            return
        if self._waiting is None:
            self._build(variables)
            return
        on_tensorflow = keras.backend.backend() == "tensorflow"
        with BACKEND.outside_graph() if on_tensorflow else contextlib.nullcontext():
            # What has been there meanwhile may have been assigned.
            waiting, self.__dict__["_waiting"] = {**self._waiting, **self._values()}, None
            self._build(variables)
            self._restore(waiting)

    def _build(self, variables: Sequence[Any]) -> None:
        refuse_complex(variables)
        super().build(variables)
        if self.skip_nonfinite:
            self._skipped = self._add_shared(0, "int32", "skipped_updates")
        if self.clipping:
            self.clipping._build(self, variables)
        self.__dict__["_traits"] = traits_of(
            variables,
            multipliers=self.learning_rate_multipliers,
            decay=self.weight_decay is not None,
            min_rank=self.weight_decay_min_rank,
            excluded=self.weight_decay_exclude,
        )
        self.__dict__["_known_indices"] = ([], [])
        self.__dict__["_known_groups"] = ([], [], [])
        self._add_slots(variables)

    def _add_slots(self, variables: Sequence[Any]) -> None:
        """Create what the rule keeps from step to step."""
        raise NotImplementedError

    def _add_shared(
        self, value: float, dtype: str, name: str, shape: tuple[int, ...] = ()
    ) -> keras.Variable:
        """Add numbers to the state, which all replicas share."""
        return self.add_variable(
            shape,
            initializer=keras.initializers.Constant(value),
            dtype=dtype,
            aggregation="only_first_replica",
            name=name,
        )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Add to `weight_decay_exclude` these variables, and those with names that contain these.

        Unlike Keras's, the exclusion is part of the config, so that files and copies hold it.
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay` must be called before the optimizer is built"
            )
        paths = [pattern_of(variable) for variable in var_list or ()]
        names = [rf"[^/]*(?:{name})[^/]*$" for name in var_names or ()]
        self.weight_decay_exclude = (*self.weight_decay_exclude, *paths, *names)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables, unless a gradient is not finite and `skip_nonfinite` is on."""
        if keras.backend.backend() == "torch":
            BACKEND.uncompiled(self._apply, grads, trainable_variables)
        else:
            self._apply(grads, trainable_variables)

    def _apply(self, grads: Any, trainable_variables: Any) -> None:
        grads = _real_tensors(grads)
        if not self.skip_nonfinite:
            super().apply(grads, trainable_variables)
            return
        if not self.built:
            with keras.name_scope(self.name, caller=self):
                self.build(list(trainable_variables))
        apply_if_finite(self, super().apply, grads, trainable_variables)

    def _count_skipped(self, amount: Any = 1) -> None:
        """Count an update that was left out."""
        self._skipped.assign_add(ops.cast(amount, "int32"))

    def _clip_before_step(self, grads: list[Tensor]) -> list[Tensor]:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        if on_tensorflow and BACKEND.sums_replicas_later(self):
            return grads  # Their sum is clipped, in `update_replicas`.
        return self._clipped_by_threshold(grads)

    def _clipped_by_threshold(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return what `clipnorm`, `clipvalue` or `global_clipnorm` make of the gradients."""
        for name, clip in CLIPS.items():
            if getattr(self, name) is not None:
                limit = read(self, name, at_least_float32(keras.config.floatx()))
                return clip([ops.convert_to_tensor(g) for g in dense(gradients)], limit)
        return gradients

    def _take_step(
        self, grads: list[Tensor], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if keras.backend.backend() == "tensorflow":
            if BACKEND.several_replicas(self):
                BACKEND.update_replicas(self, grads, trainable_variables, learning_rate)
                return
            grads = grads if self._takes_slices else BACKEND.dense(grads)
        gradients = self._clipped(grads, trainable_variables)
        self._update_all(gradients, trainable_variables, learning_rate)

    def _clipped(self, gradients: Sequence[Tensor], variables: Sequence[Any]) -> Sequence[Tensor]:
        """Return what `clipping` makes of the gradients of an update."""
        return self.clipping._clip(dense(gradients), variables) if self.clipping else gradients

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave these variables at their moving averages with `use_ema`."""
        # Keras takes the averages in the order of the list, which lacks what is frozen now.
        for index, average in self._averages_of(var_list).items():
            # A copy, as a step on JAX gives the memory of both away.
            self._trained[index].assign(ops.copy(average))

    def _averages_of(self, variables: Sequence[Any]) -> dict[int, Any]:
        """Return the moving averages of these variables by their places."""
        keys = {self._key_of(variable) for variable in variables}
        pairs = moving_averages(self) if self.built else ()
        return {self._place_of(v): average for v, average in pairs if self._key_of(v) in keys}

    def save_own_variables(self, store: Any) -> None:
        """Write the state; the numbers stand in the config."""
        for name, value in {**(self._waiting or {}), **self._values()}.items():
            store[name] = value

    def _values(self) -> dict[str, np.ndarray]:
        """Return the state as files hold it."""
        return {str(i): ops.convert_to_numpy(variable) for i, variable in enumerate(self._state)}

    def load_own_variables(self, store: Any) -> None:
        """Restore the state, also from a file of the Keras optimizer with the same slots.

        Before `build` there is no place for it but the count of steps and the learning rate: it
        waits for the variables.
        """
        values = {name: np.array(store[name]) for name in list(store.keys())}
        if self.built:
            self._restore(values)
            return
        if len(values) > len(self._state):
            self.__dict__["_waiting"] = values
        for i, variable in enumerate(self._state):
            if str(i) in values:
                variable.assign(values[str(i)])

    def _restore(self, store: dict[str, Any]) -> None:
        if len(store) != len(self._state):
            warnings.warn(
                f"The state of optimizer {self.name!r} is not loaded: the file holds "
                f"{len(store)} variables, the optimizer {len(self._state)}.",
                stacklevel=3,
            )
            return
        for i, variable in enumerate(self._state):
            variable.assign(present_form(variable, store[str(i)]))

    def _checked_clipping(self, clipping: Any) -> Clipping | None:
        if isinstance(clipping, dict):
            clipping = keras.saving.deserialize_keras_object(clipping)
        if clipping is None:
            return None
        if not isinstance(clipping, Clipping):
            raise _validation.invalid(
                "clipping", "an AdaptiveClipping or a PercentileClipping", clipping
            )
        for name in CLIPS:
            if getattr(self, name) is not None:
                raise _validation.invalid("clipping", f"None beside `{name}`", clipping)
        return clipping

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the present numbers."""
        clipping = self.clipping and keras.saving.serialize_keras_object(self.clipping)
        return {
            **super().get_config(),
            "weight_decay_exclude": list(self.weight_decay_exclude),
            "weight_decay_min_rank": self.weight_decay_min_rank,
            "learning_rate_multipliers": dict(self.learning_rate_multipliers) or None,
            "clipping": clipping,
            "skip_nonfinite": self.skip_nonfinite,
        }


def _real_tensors(gradients: Iterable[Any]) -> list[Any]:
    """Return lists of numbers as tensors and all else as it is, or raise if one is complex."""
    tensors = list(gradients)
    try:
        dtypes = {tensor.dtype for tensor in tensors}
    except AttributeError:  # No gradient, or a list: rare, and the set is quick.
        tensors = [
            tensor if tensor is None or hasattr(tensor, "dtype") else ops.convert_to_tensor(tensor)
            for tensor in tensors
        ]
        dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
    for dtype in dtypes:
        if "complex" in str(dtype):
            dtype = keras.backend.standardize_dtype(dtype)
            raise complex_numbers("grads", f"a gradient of type {dtype}")
    return tensors


def _if_given(check: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    """Return None for None, and else what `check` makes of the value."""
    return None if value is None else check(name, value)
