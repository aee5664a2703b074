"""The rules as TensorFlow's fused training operations, and updates on several replicas."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from keras_trainkit._keras_internals import (
    replicas_of,
    summed_over_replicas,
    update_across_replicas,
)

Tensors = list[tf.Tensor]
Variables = list[tf.Variable]


def can_update(variables: Variables) -> bool:
    """Say whether the fused operations are the fastest way; on GPUs they are not measured."""
    return all("GPU" not in variable.device for variable in variables)


def dense(gradients: Sequence[Any]) -> Tensors:
    """Return each gradient as one tensor; rows that `tf.IndexedSlices` holds twice are summed."""
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def shrink(variables: Variables, shrinkage: tf.Tensor) -> None:
    """Take a share of every variable away."""
    for variable in variables:
        variable.assign_sub(shrinkage * variable)


def adam(variables: Variables, gradients: Tensors, slots: list[Variables], scalars: Any) -> None:
    """Apply `Adam`'s rule."""
    # The operation takes lr * sqrt(1 - beta2_power) / (1 - beta1_power), which loses five digits in
    # float32 at the first step. Powers of zero make that lr; `step_size` is corrected already.
    corrected = tf.zeros((), variables[0].dtype)
    for variable, gradient, m, v in zip(variables, gradients, *slots, strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=corrected,
            beta2_power=corrected,
            lr=scalars.step_size,
            beta1=scalars.beta_1,
            beta2=scalars.beta_2,
            epsilon=scalars.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


def nag(variables: Variables, gradients: Tensors, slots: list[Variables], scalars: Any) -> None:
    """Apply `NAG`'s rule."""
    if scalars.torch_velocity:
        operation = tf.raw_ops.ResourceApplyMomentum
    else:
        operation = tf.raw_ops.ResourceApplyKerasMomentum
    for variable, gradient, velocity in zip(variables, gradients, *slots, strict=True):
        operation(
            var=variable.handle,
            accum=velocity.handle,
            lr=scalars.learning_rate,
            grad=tf.cast(gradient, variable.dtype),
            momentum=scalars.momentum,
            use_nesterov=scalars.nesterov,
        )


def descend(variables: Variables, gradients: list[Any], slots: list, scalars: Any) -> None:
    """Apply `NAG`'s rule without momentum; of `tf.IndexedSlices` only the rows that it names."""
    for variable, gradient in zip(variables, gradients, strict=True):
        step = tf.cast(gradient, variable.dtype)
        if isinstance(step, tf.IndexedSlices):
            rows = tf.IndexedSlices(scalars.learning_rate * step.values, step.indices)
            variable.scatter_sub(rows)
        else:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.handle, alpha=scalars.learning_rate, delta=step
            )


def outside_graph() -> Any:
    """Return a context in which nothing becomes part of a function that is being traced."""
    return tf.init_scope()


def resume_outside_graph(optimizer: Any, indices: Sequence[int]) -> None:
    """Have `NAG` leave the iterate before a step, also before one that is being traced."""
    if several_replicas(optimizer):
        return
    with outside_graph():
        if optimizer._lead.value.is_initialized():  # not in the trace that creates it
            optimizer._resume(indices)


def several_replicas(optimizer: Any) -> bool:
    """Say whether a strategy mirrors the variables."""
    return replicas_of(optimizer) > 1


def sums_replicas_later(optimizer: Any) -> bool:
    """Say whether these are one replica's gradients, which `update_replicas` will sum."""
    return several_replicas(optimizer) and tf.distribute.get_replica_context() is not None


def update_replicas(
    optimizer: Any, gradients: list[Any], variables: list[Any], learning_rate: Any
) -> None:
    """Sum the gradients over the replicas, clip the sum, and update each replica's copy."""
    own = [getattr(variable, "value", variable) for variable in variables]
    reduced = summed_over_replicas(optimizer, list(zip(gradients, own, strict=True)))
    summed = dense([gradient for gradient, _ in reduced])
    clipped = optimizer._clipped(optimizer._clipped_by_threshold(summed), own)
    pairs = list(zip(clipped, own, strict=True))
    merge_call = tf.__internal__.distribute.interim.maybe_merge_call
    update_across_replicas(optimizer, merge_call, pairs, learning_rate)


def apply_if_finite_everywhere(
    optimizer: Any,
    apply: Callable,
    gradients: list[Any],
    variables: Sequence[Any] | None,
    finite: tf.Tensor,
) -> None:
    """Call `apply` on every replica if the gradients of all are finite, else count."""

    def across(strategy: Any, gradients: Any, variables: Any, finite: Any) -> None:
        everywhere = tf.reduce_all(tf.stack(strategy.experimental_local_results(finite)))
        tf.cond(
            everywhere,
            lambda: _run(strategy, apply, (gradients, variables)),
            lambda: _run(strategy, optimizer._count_skipped, ()),
        )

    tf.distribute.get_replica_context().merge_call(across, args=(gradients, variables, finite))


def _run(strategy: Any, function: Callable, arguments: tuple) -> None:
    strategy.extended.call_for_each_replica(function, args=arguments)
