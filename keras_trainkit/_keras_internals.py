"""What Keras keeps inside: every private name that the package touches, each with the reason.

No other file touches one: `tests/test_keras_internals.py` sees to it, and says which name has moved
when a new version of Keras moves one. Beside them stands what Keras does not document: which
optimizers a model has, and what its callbacks carry from epoch to epoch.
"""

import contextlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from keras_trainkit._patching import patched

# Layers and models.


def layers_of(layer: keras.Layer, include_self: bool = True) -> list[keras.Layer]:
    """Return a layer or model and all layers inside it, at any depth, each once.

    Public is only `model.layers`, which knows nothing of layers in attributes of layers.
    """
    return list(layer._flatten_layers(include_self=include_self))


def children_of(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a layer, in the order in which it was given them."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def models_in(model: keras.Model) -> list[keras.Model]:
    """Return a model and all models inside it, each once."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.Model)]


def nodes_in_order(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a functional graph from the inputs to the outputs.

    Public is which tensors a layer connects, not in which order the layers run.
    """
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from graph._nodes_by_depth[depth]


def origin_of(tensor: Any) -> tuple[Any, list[Any]] | None:
    """Return the operation that a symbolic tensor comes from, and the tensors that it was given.

    None for tensors with values. Public is only which tensors a layer was first called with.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def symbolic_build(model: keras.Model, batch: Any) -> None:
    """Build model, loss, metrics and optimizer by the shapes of a batch, as `fit` does.

    A public call of the model would build no loss and no metrics.
    """
    model._symbolic_build(data_batch=batch)


@contextlib.contextmanager
def may_get_state(layer: keras.Layer) -> Iterator[None]:
    """Let a built layer be given a random stream that its constructor did not need.

    Keras locks what a layer tracks when it is built, and nothing public unlocks it.
    """
    locked, layer._tracker.locked = layer._tracker.locked, False
    try:
        yield
    finally:
        layer._tracker.locked = locked


def has_met_data(model: keras.Model) -> bool:
    """Say whether `fit` needs no batch to build the loss and the metrics; nothing public tells."""
    return all(part is None or part.built for part in (model._compile_loss, model._compile_metrics))


def compiled_with(model: keras.Model) -> dict[str, Any]:
    """Return the arguments of `compile`; `get_compile_config` gives them through a serializer."""
    given = getattr(model, "_compile_config", None)
    return dict(given.config) if given else {}


def output_shape_of(layer: keras.layers.Lambda) -> Any:
    """Return the argument `output_shape` of a Lambda layer; its config holds it as bytecode."""
    return layer._output_shape


def mask_of(tensor: Any) -> Any:
    """Return the mask that came with a tensor, None if none did.

    Public is only that a layer with an argument `mask` is given it.
    """
    return sys.modules[keras.Layer.__module__].backend.get_keras_mask(tensor)


def keeping_losses(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Keep the losses of the last step through a forward pass, whose call would clear them."""
    return patched(model, _clear_losses=lambda: None)


_GLOBAL_GENERATOR = "global_seed_generator"
_SERIALIZATION = keras.saving.serialize_keras_object.__module__


def global_seed(create: bool = False) -> keras.Variable | None:
    """Return the state of the generator for draws without a seed, None if there were none yet.

    Nothing public reads it; `set_random_seed` only begins another one.
    """
    module = sys.modules[keras.random.SeedGenerator.__module__]
    held = module.global_state.get_global_attribute(_GLOBAL_GENERATOR)
    if held is None and create:
        held = module.global_seed_generator()
    return held and held.state


@contextlib.contextmanager
def process_state_kept() -> Iterator[None]:
    """Restore what Keras counts and draws for the whole process: the names it gives, and a seed.

    Public is only to begin both anew.
    """
    state = sys.modules[keras.random.SeedGenerator.__module__].global_state
    names, generator = (
        state.get_global_attribute(name) for name in ("object_name_uids", _GLOBAL_GENERATOR)
    )
    before = None if names is None else names.copy()
    seed = generator and keras.ops.convert_to_numpy(generator.state).copy()
    try:
        yield
    finally:
        state.set_global_attribute("object_name_uids", before)
        state.set_global_attribute(_GLOBAL_GENERATOR, generator)
        if generator is not None and (keras.ops.convert_to_numpy(generator.state) != seed).any():
            generator.state.assign(seed)


def without_tensorflow() -> contextlib.AbstractContextManager[Any]:
    """Keep Keras, as it serializes, from importing TensorFlow to ask whether something is of it.

    That takes seconds, and nothing is of it where nobody has imported it.
    """
    if "tensorflow" in sys.modules:
        return contextlib.nullcontext()
    return patched(sys.modules[_SERIALIZATION].tf, _available=False)


# `fit`.


def has_been_traced(train_function: Callable[..., Any]) -> bool:
    """Say whether a train function has run compiled; False where nothing tells.

    On TensorFlow it is a closure over functions that count their traces, on JAX a closure over
    functions that count what they have compiled, or such a function itself.
    """
    plain = inspect.unwrap(train_function)
    held = inspect.getclosurevars(plain).nonlocals.values() if inspect.isfunction(plain) else ()
    counters = ("experimental_get_tracing_count", "_cache_size")
    found = (getattr(f, name, None) for f in (train_function, *held) for name in counters)
    return any(count() for count in found if callable(count))


# What `fit` leaves in the attributes of a model.
LEFT_BY_FIT = ("history", "stop_training", "_initial_epoch", "_eval_epoch_iterator")


def begin_at(model: keras.Model, epoch: int | None) -> None:
    """Have the running `fit` begin with `epoch`; None leaves it to the argument.

    `fit` asks for this after `on_train_begin`, as for `BackupAndRestore`; its argument
    `initial_epoch` is no longer in reach then.
    """
    model._initial_epoch = epoch


_JAX_STATE, _SETATTR_HOOK = "_jax_state", "_setattr_hook"


@contextlib.contextmanager
def jax_state_in_reach(model: keras.Model) -> Iterator[None]:
    """Let the model hold the very lists that `fit` on JAX hands from step to step.

    They are a local variable of `fit`. Keras assigns them to the model after each step, to bring
    the variables up to date from when a callback reads `self.model`; but a model copies the dicts
    and lists that it is assigned. A proxy is neither.
    """
    keras_hook = getattr(model, _SETATTR_HOOK, None)
    # Another callback of this `fit` may have done it.
    if keras_hook is None or _SETATTR_HOOK in vars(model):
        yield
        return

    def hook(name: str, value: Any) -> tuple[str, Any]:
        name, value = keras_hook(name, value)
        return name, MappingProxyType(value) if name == _JAX_STATE and value else value

    with patched(model, **{_SETATTR_HOOK: hook}):
        yield


def write_jax_state(
    model: keras.Model, variable: keras.Variable, place: tuple[str, int], value: Any
) -> None:
    """Let the next step of `fit` on JAX read a value of a variable.

    The public way, `Callback.model`, brings all variables up to date at each step, some percent of
    a small model's; it is taken where Keras holds its state elsewhere. Where that does not reach
    the state either, the value would be lost without a word: that is an error.

    Args:
        model: the model that trains, its state `jax_state_in_reach`.
        variable: the variable.
        place: the part of the state and the position in it.
        value: array.
    """
    state = getattr(model, _JAX_STATE, None)
    synced = getattr(model, "_jax_state_synced", None)
    if synced is None or not (synced or isinstance(state, MappingProxyType)):
        model.jax_state_sync()
        if held_by_jax_trainer(variable):
            raise RuntimeError(
                "Keras's `fit` on JAX holds its variables elsewhere than this version of "
                f"keras_trainkit knows. Received: keras {keras.__version__}"
            )
        _warn_of_slow_way("the state of `fit` on JAX")
        synced = True
    if synced:  # The next step collects what the variables hold.
        variable.assign(value)
    # Where the data has ended there is no next step, and Keras falls back on its last state.
    if isinstance(state, MappingProxyType):
        state[place[0]][place[1]] = value


def end_jax_state(model: keras.Model) -> None:
    """Write the last state of a failed `fit` on JAX into the model, and have `fit` forget it.

    `fit` does both while it unwinds. What a second interruption leaves of that would go into the
    model when the next `fit` fails.
    """
    if getattr(model, _JAX_STATE, None):
        model.jax_state_sync()
        setattr(model, _JAX_STATE, None)


def held_by_jax_trainer(variable: keras.Variable) -> bool:
    """Say whether `variable` is empty because `fit` on JAX carries its value in its own hands."""
    # Until something reads `Callback.model` there is no value, and one assigned would be lost.
    return variable._value is None and variable._initializer is None


def backend_value(variable: keras.Variable) -> Any:
    """Return the backend's own variable; the public `value` may be another, cast, or a replica."""
    return variable._value


# Callbacks and metrics.

# How `keras.callbacks.SwapEMAWeights` notes that the model holds the moving average.
HOLDS_AVERAGE = "_ema_weights_in_model"
# What Keras's and KerasTuner's callbacks carry from epoch to epoch, and of what types; they have no
# `get_state`.
_NUMBER = (int, float, np.ndarray, type(None))
STATE_OF_CALLBACKS: dict[str, dict[str, tuple[type, ...]]] = {
    "EarlyStopping": {
        **dict.fromkeys(("wait", "best", "best_epoch", "stopped_epoch"), _NUMBER),
        "best_weights": (list, type(None)),
    },
    "ReduceLROnPlateau": dict.fromkeys(("wait", "best", "cooldown_counter"), _NUMBER),
    "ModelCheckpoint": dict.fromkeys(
        ("best", "_batches_seen_since_last_saving", "_last_batch_seen"), _NUMBER
    ),
    "SwapEMAWeights": {HOLDS_AVERAGE: (bool,)},
    "TensorBoard": {"_global_train_batch": _NUMBER},
    "History": {"epoch": (list,), "history": (dict,)},
    "SaveBestEpoch": {"best_value": _NUMBER},
}


def forget_model(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Return a callback's attributes without its model, which a copy gets from its own `fit`."""
    return {**vars(callback), "_model": None}


def direction_of(metric: Any) -> str | None:
    """Return "min" or "max" where a metric of Keras says which way it improves, else None."""
    direction = getattr(metric, "_direction", None)
    return direction and ("max" if direction == "up" else "min")


def function_of(metric: Any) -> Any:
    """Return the function whose mean a metric is, None if it is none."""
    return getattr(metric, "_fn", None)


def arguments_of_function(wrapper: Any) -> dict[str, Any]:
    """Return what a loss or metric gives to its function; no config has all of it."""
    return dict(getattr(wrapper, "_fn_kwargs", {}))


def metrics_in(model: keras.Model) -> list[Any]:
    """Return the metrics of `compile`; the public list has them in one that hides its parts."""
    return list(model._compile_metrics.metrics) if model._compile_metrics else []


# SavedModels.


class ShownToSavedModel:
    """A layer or optimizer of which TensorFlow sees also what Keras neither tracks nor saves.

    A training step that goes into a SavedModel reads it. Checkpoints of TensorFlow do not hold it.
    """

    def _read_by_steps(self) -> dict[str, Any]:
        """Return these variables by name."""
        raise NotImplementedError

    def _trackable_children(self, save_type: str = "checkpoint", **arguments: Any) -> dict:
        children: Any = super()._trackable_children(save_type, **arguments)  # type: ignore[misc]
        return {**children, **self._read_by_steps()} if save_type == "savedmodel" else children


# Optimizers.


def optimizers_of(model: keras.Model) -> Iterator[keras.optimizers.Optimizer]:
    """Yield a compiled model's optimizer and those that it wraps."""
    return with_wrapped(optimizers_in([getattr(model, "optimizer", None)]))


def with_wrapped(
    optimizers: Iterable[keras.optimizers.Optimizer],
) -> Iterator[keras.optimizers.Optimizer]:
    """Yield optimizers, each followed by those that it wraps."""
    for optimizer in optimizers:
        yield optimizer
        yield from with_wrapped(wrapped_optimizers(optimizer) or ())


def wrapped_optimizers(optimizer: keras.optimizers.Optimizer) -> list | None:
    """Return what a wrapper of optimizers wraps, None if the optimizer is none."""
    inner = getattr(optimizer, "inner_optimizer", None)
    return getattr(optimizer, "optimizers", None) if inner is None else [inner]


def optimizers_in(values: Iterable[Any]) -> Iterator[keras.optimizers.Optimizer]:
    """Yield optimizers among attributes, also those in nested lists and dicts, each once."""
    seen = set()
    pending = list(values)[::-1]
    while pending:
        value = pending.pop()
        if not isinstance(value, list | tuple | dict | keras.optimizers.Optimizer):
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.optimizers.Optimizer):
            yield value
        else:
            pending.extend([*(value.values() if isinstance(value, dict) else value)][::-1])


def given_learning_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    """Return the variable, schedule or function; the public `learning_rate` is what it gives."""
    return optimizer._learning_rate


def excludes_from_decay(optimizer: keras.optimizers.Optimizer) -> bool:
    """Say whether `exclude_from_weight_decay` was called; no config has what it was told."""
    names = "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"
    return any(getattr(optimizer, name, None) for name in names)


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list:
    """Return the variables that the optimizer was built for; nothing public names them."""
    return optimizer._trainable_variables


def counted_batches(optimizer: keras.optimizers.Optimizer) -> int:
    """Return how many batches it has taken; the public `iterations` counts whole updates."""
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def moving_averages(optimizer: keras.optimizers.Optimizer) -> Iterator[tuple[Any, Any]]:
    """Yield the variables of which the optimizer keeps a moving average, and the averages."""
    if getattr(optimizer, "use_ema", False):
        averages = optimizer._model_variables_moving_average
        pairs = zip(trained_variables(optimizer), averages, strict=True)
        yield from ((variable, average) for variable, average in pairs if average is not None)


# What Keras calls on an optimizer by private names, and what we call it. Public is `update_step`,
# of one variable; fused updates take all of them at once, and decay and clip in their own order.
HOOKS = {
    "_take_step": "_backend_update_step",
    "_clip_before_step": "_clip_gradients",
    "_decay_weights": "_apply_weight_decay",
}


class HookedOptimizer(ShownToSavedModel, keras.optimizers.Optimizer):
    """An optimizer that Keras calls by its private names, with no call in between."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for ours, keras_name in HOOKS.items():
            if ours in vars(cls):
                setattr(cls, keras_name, vars(cls)[ours])

    # The position of a variable among those that the optimizer was built for.
    _place_of = keras.optimizers.Optimizer._get_variable_index
    # What tells a variable from all others, also under a distribution strategy.
    _key_of = keras.optimizers.Optimizer._var_key
    # These variables; the state that Keras tracks, which `variables` extends; the variable,
    # schedule or function that gives the learning rate, whose present value is `learning_rate`.
    _trained = property(trained_variables)
    _state = property(attrgetter("_variables"))
    _given_rate = property(given_learning_rate)


# TensorFlow's distribution strategies, of which Keras's optimizer has no public method.


def replicas_of(optimizer: Any) -> int:
    """Return over how many replicas a strategy mirrors the optimizer's variables."""
    return optimizer._distribution_strategy.num_replicas_in_sync


def summed_over_replicas(optimizer: Any, pairs: Sequence[tuple[Any, Any]]) -> list:
    """Return pairs of gradients and variables, the gradients summed over the replicas."""
    return optimizer._all_reduce_sum_gradients(pairs)


def update_across_replicas(
    optimizer: Any, merge: Callable[..., Any], pairs: list, learning_rate: Any
) -> None:
    """Have Keras call `update_step` for each variable on each replica, from within a merge call."""
    strategy = optimizer._distribution_strategy
    merge(optimizer._distributed_tf_update_step, strategy, pairs, learning_rate)


def _warn_of_slow_way(what: str) -> None:
    warnings.warn(
        f"Keras {keras.__version__} holds {what} elsewhere than this version of keras_trainkit "
        "knows: a slower public way is taken.",
        stacklevel=2,
    )
