"""Where every Keras trainer hands over the true gradients: `apply` on the optimizer instance."""

import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
from keras import ops

from keras_trainkit._keras_internals import HookedOptimizer, optimizers_in, trained_variables
from keras_trainkit._patching import patched
from keras_trainkit._runtime_number import traced_value
from keras_trainkit._tensors import Tensor
from keras_trainkit._variable_paths import matches, path_of
from keras_trainkit.callbacks._gradient_monitor.reductions import (
    Exchange,
    Reductions,
    Settings,
    Update,
)

STEP_FACTS = ("batch_size", "broken_examples", "loss_broken", "broken_here", "first_broken")
THRESHOLDS = ("clipnorm", "global_clipnorm", "clipvalue")


class Recorder:
    """Measures what the optimizers of a model are given in a step, and what they do with it.

    While `watching`, the methods by which an optimizer takes gradients are patched on the
    instance. Only the outermost call counts: LossScaleOptimizer calls its inner optimizer inside
    a conditional, and the tensors made there may not leave it.

    Args:
        model: the model whose attributes are searched for optimizers.
        reductions: `Reductions` of the backend.
        statistics: collection of names from `reductions.GROUPS`.
        patterns: paths or regular expressions; the variables to measure, all if empty.
    """

    def __init__(
        self,
        model: keras.Model,
        reductions: Reductions,
        statistics: frozenset[str],
        patterns: Sequence[str],
    ) -> None:
        self.optimizers = list(optimizers_in(vars(model).values()))
        self.exchange: Exchange = lambda variables, units: ops.zeros_like(units)
        self.variables: list[Any] = []
        self.failure: Exception | None = None
        self.sees_updates = False
        self.statistics = statistics
        self.reductions = reductions
        self._patterns = patterns
        self._warned = False
        # Replicas run in threads of their own, which take turns inside an update.
        self._step = threading.local()
        self._watching, self._hooks = 0, ExitStack()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Shadow the optimizers' methods while one step runs or is traced."""
        self.begin_step()
        if not self._watching:
            for optimizer in self.optimizers:
                apply = self._hooked_apply(optimizer)
                stateless_apply = self._hooked_stateless_apply(optimizer)
                hooks = patched(optimizer, apply=apply, stateless_apply=stateless_apply)
                self._hooks.enter_context(hooks)
        self._watching += 1
        try:
            yield
        finally:
            self._watching -= 1
            if not self._watching:  # The last replica to leave.
                self._hooks.close()

    def begin_step(self) -> None:
        """Forget the rows of the last step."""
        self._step.blocks, self._step.place, self._step.inside = [], {}, False
        self._step.repeated, self._step.last = [], {}

    def table(self, data: Any, logs: Any) -> Tensor | None:
        """Return the facts of this step, and below them one row of statistics per variable.

        None if no update was seen, or if measuring one has failed.
        """
        self._step.last = {}  # As large as the gradients.
        if self.failure is not None or not self._step.blocks:
            return None
        with self.harmless():
            reductions, blocks = self.reductions, self._step.blocks
            width = blocks[0].shape[1]
            rest = reductions.full(width - len(STEP_FACTS), math.nan)
            facts = reductions.join([step_facts(data, logs, reductions), rest], axis=0)
            absent = reductions.full(width, math.nan)
            rows = reductions.join([facts[None], absent[None], *blocks], axis=0)
            places = [self._step.place.get(id(variable), 1) for variable in self.variables]
            if self._step.repeated:
                self._warn_repeated(self._step.repeated[0])
            return ops.take(rows, [0, *places], axis=0)
        return None

    def wanted(self, variables: Sequence[Any]) -> list[int]:
        """Return the positions of the variables to measure."""
        return [i for i, variable in enumerate(variables) if self._is_wanted(variable)]

    def keep(self, update: Update, weights: Sequence[Tensor]) -> None:
        """Hold an update's rows until `table`; those of a variable's later update replace them."""
        known = {id(variable) for variable in self.variables}
        for variables, rows in update.finish(weights):
            first = 2 + sum(block.shape[0] for block in self._step.blocks)
            self._step.repeated += [v for v in variables if id(v) in self._step.place]
            self._step.blocks.append(rows)
            self._step.place.update((id(v), first + i) for i, v in enumerate(variables))
        self.variables += [v for v in update.variables if id(v) not in known]

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """Note what goes wrong in measuring: no reason to stop the training that is measured."""
        try:
            yield
        except Exception as error:
            self.failure = error if self.failure is None else self.failure

    def exchange_once(self, variables: Sequence[Any], units: Tensor) -> Tensor:
        """Keep the directions of a step's last update; return those of the step before."""
        key = tuple(id(variable) for variable in variables)
        last = self.exchange(variables, units)
        return self._step.last.setdefault(key, last)

    def _is_wanted(self, variable: Any) -> bool:
        # The "gradient" of a float8 scale is its next value.
        real = math.prod(variable.shape) and not getattr(variable, "overwrite_with_gradient", False)
        named = not self._patterns or any(matches(p, variable) for p in self._patterns)
        return bool(real and named)

    def _warn_repeated(self, variable: Any) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"A training step updates {path_of(variable)} more than once: GradientMonitor "
                "records the last update.",
                stacklevel=2,
            )

    def _hooked_apply(self, optimizer: keras.optimizers.Optimizer) -> Callable:
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            if self._step.inside:
                return original(grads, trainable_variables)
            grads, given = _reusable(grads), _reusable(trainable_variables)
            variables = list(given or trained_variables(optimizer))
            with self._measured(optimizer, [], variables, list(grads), variables) as after:
                result = original(grads, given)
                after += variables
            return result

        return apply

    def _hooked_stateless_apply(self, optimizer: keras.optimizers.Optimizer) -> Callable:
        original = optimizer.stateless_apply

        def stateless_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            variables, grads = trained_variables(optimizer), list(grads)
            state = list(zip(optimizer.variables, optimizer_variables, strict=False))
            given = list(trainable_variables)
            with self._measured(optimizer, state, variables, grads, given) as after:
                result = original(optimizer_variables, grads, given)
                after += result[0]
            return result

        return stateless_apply

    @contextmanager
    def _measured(
        self,
        optimizer: keras.optimizers.Optimizer,
        state: Sequence[tuple[Any, Any]],
        variables: Sequence[Any],
        gradients: Sequence[Any],
        before: Sequence[Any],
    ) -> Iterator[list]:
        """Measure one update; the caller fills the list it is given with the new weights."""
        chosen = self.wanted(variables)
        self.sees_updates = True
        update = Update([variables[i] for i in chosen], self.reductions, self.statistics)
        after: list[Tensor] = []
        with self.harmless():
            with keras.StatelessScope(state) if state else ExitStack():
                complete = len(chosen) == len(variables)
                settings = settings_of(optimizer, complete, self.reductions.replicas())
            update.begin([before[i] for i in chosen])
            update.see([gradients[i] for i in chosen], settings, self.exchange_once)
        self._step.inside = True
        try:
            yield after
        finally:
            self._step.inside = False
        with self.harmless():
            self.keep(update, [after[i] for i in chosen])


def _reusable(values: Any) -> Any:
    """Return what was given, for an optimizer may keep it; as a list if it can be read but once."""
    return list(values) if isinstance(values, Iterator) else values


def settings_of(
    optimizer: keras.optimizers.Optimizer, all_measured: bool, replicas: int = 1
) -> Settings:
    """Read an optimizer's settings, before the update changes the scale."""
    scale: Any = optimizer.loss_scale_factor or 1.0
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        scale = optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    rule = getattr(optimizer, "inner_optimizer", optimizer)
    names = [name for name in THRESHOLDS if _is_on(getattr(rule, name))]
    thresholds = {name: _fixed(traced_value(rule, name)) for name in names}
    otherwise = getattr(rule, "clipping", None) or rule.gradient_accumulation_steps
    partly = "global_clipnorm" in thresholds and not all_measured
    # Keras's own optimizers clip what each replica has, this package's clip the sum.
    apart = thresholds and replicas > 1 and not isinstance(rule, HookedOptimizer)
    return Settings(_fixed(scale), thresholds, bool(otherwise or partly or apart))


def _fixed(value: Any) -> Any:
    """Return a number as it is, and of a variable what it holds now."""
    return value if isinstance(value, float | int) else ops.cast(ops.copy(value), "float32")


def _is_on(threshold: Any) -> bool:
    """Say whether a threshold is one: Keras takes numbers up to 0 for none."""
    return threshold is not None and not (isinstance(threshold, float | int) and threshold <= 0)


def step_facts(data: Any, logs: Any, reductions: Reductions) -> Tensor:
    """Return the numbers that `STEP_FACTS` names; NaN where one is not known.

    `broken_examples` counts those with a value that is NaN or infinite, in inputs, targets or
    sample weights, `broken_here` those of this replica, and `first_broken` is the position of the
    first of these; `loss_broken` is 1 or 0.
    """
    leaves = [leaf for leaf in keras.tree.flatten(data) if getattr(leaf, "shape", ())]
    leaves = [leaf for leaf in leaves if leaf.shape[0] == leaves[0].shape[0]]
    floating = [leaf for leaf in leaves if _is_float(leaf)]
    size = ops.shape(leaves[0])[0] if leaves else math.nan
    count, first = reductions.broken_examples(floating) if floating else (0.0, 0.0)
    loss = logs.get("loss") if isinstance(logs, dict) else None
    broken = math.nan if loss is None else reductions.is_broken(loss)
    total = reductions.total(reductions.vector([size, count, broken]))
    return reductions.join([total, reductions.vector([count, first])], axis=0)


def _is_float(leaf: Tensor) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(leaf.dtype))
