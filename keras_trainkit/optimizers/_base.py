"""What every optimizer of the package shares: all that happens around a rule.

A rule (`Adam`, `NAG`, ...) says which slots it keeps, which scalars a step needs (`numbers`), how
they change one variable on any backend (`update`), and which fused kernel does the same (`kernel`).
Keras's hooks that this file overrides (`_backend_update_step`, `_apply_weight_decay`,
`_clip_gradients`) are internals; nothing outside this folder relies on them.
"""

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from types import ModuleType
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._backend import backend_module
from keras_trainkit._runtime_number import refuse_if_held
from keras_trainkit._tensors import at_least_float32
from keras_trainkit._variable_paths import checked_factors, checked_patterns, pattern_of
from keras_trainkit.optimizers._gradients import (
    apply_if_finite,
    by_global_norm,
    by_norm,
    by_value,
    dense,
)
from keras_trainkit.optimizers._hyperparameters import Hyperparameter, read, scalar_like, threaded
from keras_trainkit.optimizers._update_groups import Group, grouped, traits_of
from keras_trainkit.optimizers.clipping import Clipping

CLIPS = {"clipnorm": by_norm, "global_clipnorm": by_global_norm, "clipvalue": by_value}

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


class Optimizer(keras.optimizers.Optimizer):
    """Base of the package's optimizers: Keras's base arguments and these, on every backend.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments.
        weight_decay_exclude: sequence of paths or regular expressions for whole segments of a
            variable's path, such as `"embedding"` or `"norm.*"`. Variables without weight decay.
            Begin with a layer's name: a model's own is missing in the paths of a loaded
            `Sequential`. Defaults to `()`.
        weight_decay_min_rank: int >= 0. Least rank of the variables with weight decay; 2 leaves
            biases and the scales of normalization alone. Defaults to `0`.
        learning_rate_multipliers: dict from such patterns to floats >= 0. Factors of the learning
            rate; the first pattern that fits a variable counts. Defaults to `None`.
        clipping: `AdaptiveClipping` or `PercentileClipping`, in place of Keras's three thresholds.
            Defaults to `None`.
        skip_nonfinite: bool. Leave out the updates whose gradients hold NaN or infinity, and count
            them in `skipped_updates`. Defaults to `False`.
        **base_arguments: those of `keras.optimizers.Optimizer`.

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm` and the rule's own
    numbers may be assigned between two training steps without a new trace, if they were given.
    """

    weight_decay = Hyperparameter(partial(_validation.real, low=0.0), optional=True)
    clipnorm = Hyperparameter(_validation.positive, optional=True)
    clipvalue = Hyperparameter(_validation.positive, optional=True)
    global_clipnorm = Hyperparameter(_validation.positive, optional=True)

    access_path = "self.model.optimizer"

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay_exclude: Sequence[str] = (),
        weight_decay_min_rank: int = 0,
        learning_rate_multipliers: Mapping[str, float] | None = None,
        clipping: Clipping | dict[str, Any] | None = None,
        skip_nonfinite: bool = False,
        **base_arguments: Any,
    ) -> None:
        """Check and keep the arguments."""
        if base_arguments.get("loss_scale_factor") is not None:
            _validation.positive("loss_scale_factor", base_arguments["loss_scale_factor"])
        if base_arguments.get("gradient_accumulation_steps") is not None:
            steps = base_arguments["gradient_accumulation_steps"]
            _validation.integer("gradient_accumulation_steps", steps, low=2)
        if not callable(learning_rate):
            learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)
        super().__init__(learning_rate=learning_rate, **base_arguments)
        self.clipping = self._checked_clipping(clipping)
        self.skip_nonfinite = _validation.boolean("skip_nonfinite", skip_nonfinite)
        self.weight_decay_exclude = checked_patterns("weight_decay_exclude", weight_decay_exclude)
        self.weight_decay_min_rank = _validation.integer(
            "weight_decay_min_rank", weight_decay_min_rank, low=0
        )
        self.learning_rate_multipliers = checked_factors(
            "learning_rate_multipliers", learning_rate_multipliers
        )

    # What a rule defines.

    def slot_lists(self) -> Sequence[Sequence[Any]]:
        """Return one list of variables per kind of slot, in the order of the trained variables."""
        raise NotImplementedError

    def numbers(self, learning_rate: Any, step: Any, dtype: str) -> Any:
        """Return the scalars of update `step`, counted from 1: floats, or tensors of `dtype`."""
        raise NotImplementedError

    def update(self, gradient: Any, variable: Any, slots: Sequence[Any], numbers: Any) -> None:
        """Apply the rule to one variable; the gradient has the type in which to compute."""
        raise NotImplementedError

    def kernel(self, kernels: ModuleType) -> Callable | None:
        """Return the backend's fused form of `update` for many variables, if it has one."""
        raise NotImplementedError

    # What is common to the rules.

    @property
    def learning_rate(self) -> Any:
        """The variable or number of the next step; a number >= 0 may be assigned."""
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if isinstance(learning_rate, Real):
            learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)
            refuse_if_held("learning_rate", learning_rate, self._learning_rate, self.access_path)
        keras.optimizers.Optimizer.learning_rate.fset(self, learning_rate)

    @property
    def variables(self) -> list[keras.Variable]:
        """The state that is saved, and on JAX the numbers that compiled steps read."""
        clipping = threaded(self.clipping) if self.clipping else []
        return [*super().variables, *threaded(self), *clipping]

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
        """Create the shared state, and resolve what the patterns mean for these variables."""
        super().build(variables)
        if self.skip_nonfinite:
            self._skipped = self.add_scalar(0, "int32", "skipped_updates")
        if self.clipping:
            self.clipping.build(self, variables)
        self.__dict__["_traits"] = traits_of(
            variables,
            multipliers=self.learning_rate_multipliers,
            decay=self.weight_decay is not None,
            min_rank=self.weight_decay_min_rank,
            excluded=self.weight_decay_exclude,
        )
        self.__dict__["_cached_groups"] = None

    def add_scalar(self, value: float, dtype: str, name: str) -> keras.Variable:
        """Add a scalar to the state, which all replicas share."""
        return self.add_variable(
            (),
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
            from keras_trainkit.optimizers import _torch

            _torch.uncompiled(self._apply, grads, trainable_variables)
        else:
            self._apply(grads, trainable_variables)

    def _apply(self, grads: Any, trainable_variables: Any) -> None:
        if not self.skip_nonfinite:
            super().apply(grads, trainable_variables)
            return
        if not self.built:
            with keras.name_scope(self.name, caller=self):
                self.build(list(trainable_variables))
        apply_if_finite(self, super().apply, list(grads), trainable_variables)

    def count_skipped(self, amount: Any = 1) -> None:
        """Count an update that was left out."""
        self._skipped.assign_add(ops.cast(amount, "int32"))

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        if keras.backend.backend() == "tensorflow":
            from keras_trainkit.optimizers import _tensorflow

            if _tensorflow.several_replicas(self) and _tensorflow.in_replica():
                return grads  # The sum over the replicas is clipped, in `update_replicas`.
        return self.clipped_by_threshold(grads)

    def clipped_by_threshold(self, gradients: list[Any]) -> list[Any]:
        """Return what `clipnorm`, `clipvalue` or `global_clipnorm` make of the gradients."""
        for name, clip in CLIPS.items():
            if getattr(self, name) is not None:
                limit = read(self, name, at_least_float32(keras.config.floatx()))
                return clip([ops.convert_to_tensor(g) for g in dense(gradients)], limit)
        return gradients

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Do nothing: the decay is part of the update, where the learning rate is known."""

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if keras.backend.backend() == "tensorflow":
            from keras_trainkit.optimizers import _tensorflow

            if _tensorflow.several_replicas(self):
                _tensorflow.update_replicas(self, grads, trainable_variables, learning_rate)
                return
        gradients = self.clipped(dense(grads), trainable_variables)
        self.update_all(gradients, trainable_variables, learning_rate)

    def clipped(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Return what `clipping` makes of the gradients of an update."""
        return self.clipping.clip(gradients, variables) if self.clipping else gradients

    def update_all(
        self, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any
    ) -> None:
        """Apply decay and rule to every variable, by a fused kernel where there is one."""
        for group, kernels in self._groups(variables):
            given = [gradients[i] for i in group.places]
            numbers, shrinkage = self._numbers(group, learning_rate)
            kernel = kernels and self.kernel(kernels)
            if kernels and kernel:
                if shrinkage is not None:
                    kernels.shrink(group.values, shrinkage)
                kernel(group.values, given, group.slot_values, numbers)
                continue
            for gradient, variable, *slots in zip(
                given, group.variables, *group.slots, strict=True
            ):
                self._update(gradient, variable, slots, numbers, shrinkage)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply decay and rule to one variable; Keras calls it for each, on several replicas."""
        index = self._get_variable_index(variable)
        slots = [slots[index] for slots in self.slot_lists()]
        (group,) = grouped([variable], [self._traits[index]], [[slot] for slot in slots])
        (gradient,) = dense([gradient])
        self._update(gradient, variable, slots, *self._numbers(group, learning_rate))

    def _update(
        self, gradient: Any, variable: Any, slots: Sequence[Any], numbers: Any, shrinkage: Any
    ) -> None:
        dtype = at_least_float32(variable.dtype)
        if shrinkage is not None:
            lost = shrinkage * ops.cast(variable, dtype)
            self.assign_sub(variable, ops.cast(lost, variable.dtype))
        self.update(ops.cast(gradient, dtype), variable, slots, numbers)

    def _groups(self, variables: Sequence[Any]) -> list[tuple[Group, ModuleType | None]]:
        """Return groups and their fused kernels; known from the last step for equal variables."""
        known, groups = self._cached_groups or ((), [])
        if len(known) == len(variables) and all(map(operator.is_, known, variables)):
            return groups
        indices = [self._get_variable_index(variable) for variable in variables]
        slots = [[slots[i] for i in indices] for slots in self.slot_lists()]
        traits = [self._traits[i] for i in indices]
        groups = [(group, _kernels(group)) for group in grouped(variables, traits, slots)]
        if keras.backend.backend() != "jax":  # There a variable's value is another every step.
            self.__dict__["_cached_groups"] = (list(variables), groups)
        return groups

    def _numbers(self, group: Group, learning_rate: Any) -> tuple[Any, Any]:
        """Return the rule's scalars, and the share of the weights that decay takes, or None."""
        rate, step = self._rate_and_step(group, learning_rate)
        rate = rate * group.traits.multiplier if group.traits.multiplier != 1 else rate
        decay = read(self, "weight_decay", group.dtype) if group.traits.decays else None
        return self.numbers(rate, step, group.dtype), None if decay is None else rate * decay

    def _rate_and_step(self, group: Group, learning_rate: Any) -> tuple[Any, Any]:
        model = self.scalar_model(group.variables)
        step = scalar_like(model, self.iterations, group.dtype) + 1
        return scalar_like(model, learning_rate, group.dtype), step

    def scalar_model(self, variables: Sequence[Any]) -> float | None:
        """Return a float if a step's scalars are computed on the host, and None if by tensors."""
        if keras.backend.backend() != "torch":
            return None
        from keras_trainkit.optimizers import _torch

        return 0.0 if _torch.on_host(variables[0].value) else None

    def save_own_variables(self, store: Any) -> None:
        """Write the state; the numbers stand in the config."""
        for i, variable in enumerate(self._variables):
            store[str(i)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Restore the state, also from a file of the Keras optimizer with the same slots."""
        if len(store.keys()) != len(self._variables):
            warnings.warn(
                f"The state of optimizer {self.name!r} is not loaded: the file holds "
                f"{len(store.keys())} variables, the optimizer {len(self._variables)}.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

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


def _kernels(group: Group) -> ModuleType | None:
    """Return the module of the backend's fused kernels if they serve this group."""
    if keras.backend.backend() == "jax" or not group.native:
        return None
    kernels = backend_module(__package__)
    return kernels if kernels.serves(group.values) else None
