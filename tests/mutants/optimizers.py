"""Mistakes in the optimizers, and in the callback that validates at NAG's iterate."""

from tests.mutants.mutant import Mutant

FOLLOWED = "optimizers/test_lockstep.py optimizers"
COMMON = "optimizers/test_optimizers.py optimizers"

MUTANTS = (
    # Adam and its family.
    Mutant(
        "optimizers/adam.py",
        "epsilon if self.epsilon_hat else epsilon * root",
        "epsilon",
        "epsilon is added before the bias of v is corrected, as in Keras",
    ),
    Mutant(
        "optimizers/adam.py",
        "bias_correction(beta_1, step)",
        "bias_correction(beta_1, step + 1)",
        "the bias of m is corrected for one step more",
    ),
    Mutant(
        "optimizers/adam.py",
        "self.assign(maximum[0], v)",
        "pass",
        "the largest v is never stored",
        backend="jax",
    ),
    Mutant(
        "optimizers/adam.py",
        "epsilon: float = 1e-8,",
        "epsilon: float = 1e-7,",
        "the default of `epsilon` is Keras's",
    ),
    Mutant(
        "optimizers/_adam_family.py",
        'read(self, "beta_2", dtype)',
        'read(self, "beta_1", dtype)',
        "v forgets as fast as m",
        "optimizers/test_adam.py optimizers",
    ),
    Mutant(
        "optimizers/_adam_family.py",
        '            "beta_2": self.beta_2,\n',
        "",
        "the config forgets `beta_2`",
        COMMON,
    ),
    Mutant(
        "optimizers/adamw.py",
        "weight_decay_min_rank: int = 2,",
        "weight_decay_min_rank: int = 1,",
        "biases decay by default",
    ),
    Mutant(
        "optimizers/nadam.py",
        "self._momentum(beta_1, step + 1)",
        "self._momentum(beta_1, step)",
        "the momentum of the next step is that of this one",
    ),
    Mutant(
        "optimizers/nadam.py",
        "ops.cast(self.iterations + 1, dtype)",
        "ops.cast(self.iterations, dtype)",
        "the product of the momentum is one step late",
    ),
    Mutant(
        "optimizers/nadam.py",
        "epsilon=epsilon * root",
        "epsilon=epsilon",
        "epsilon is added before the bias of v is corrected",
    ),
    Mutant(
        "optimizers/_hyperparameters.py",
        "-ops.expm1(exponent)",
        "1 - ops.exp(exponent)",
        "the bias correction cancels in float32",
        "optimizers/test_adam.py optimizers",
        "jax",
    ),
    # What is common to the rules.
    Mutant(
        "optimizers/_update_groups.py",
        "None if decay is None else rate * decay",
        "decay",
        "weight decay does not follow the learning rate",
        "optimizers/test_weight_decay.py optimizers",
    ),
    Mutant(
        "optimizers/_update_groups.py",
        "self.iterations, traits.dtype) + 1",
        "self.iterations, traits.dtype) + 2",
        "steps are counted from 2",
        "optimizers/test_adam.py optimizers",
    ),
    Mutant(
        "optimizers/_base.py",
        'rf"[^/]*(?:{name})[^/]*$"',
        'rf"{name}"',
        "an exclusion from decay must be a whole name",
        "optimizers/test_weight_decay.py",
    ),
    Mutant(
        "optimizers/_base.py",
        'f"None beside `{name}`"',
        '"None beside `clipnorm`"',
        "a message names another argument than the one that was given",
        "optimizers/test_clipping.py",
    ),
    Mutant(
        "optimizers/_update_groups.py",
        "len(variable.shape) >= min_rank",
        "len(variable.shape) > min_rank",
        "matrices do not decay where rank 2 is the least",
        "optimizers/test_weight_decay.py",
    ),
    Mutant(
        "optimizers/_torch.py",
        "maxima[0] if maxima else []",
        "[m.clone() for m in maxima[0]] if maxima else []",
        "the largest v is never stored by the fused kernel",
        "optimizers/test_adam.py optimizers",
    ),
    Mutant(
        "optimizers/_torch.py",
        "        velocities = maxima[0]\n",
        "",
        "`amsgrad` divides by v where the kernels are not fused",
        "optimizers/test_lockstep.py::test_every_step_equals_the_paper_and_torch[amsgrad-0.1-foreach]"
        " optimizers",
    ),
    Mutant(
        "optimizers/_torch.py",
        "(velocities, gradients, gradients, ",
        "(velocities, momentums, gradients, ",
        "v takes in the momentum times the gradient",
        "optimizers/test_nadam.py optimizers",
    ),
    Mutant(
        "optimizers/_tensorflow.py",
        "summed = dense([gradient for gradient, _ in reduced])",
        "summed = dense(gradients)",
        "each replica updates by its own gradient",
        "optimizers/test_replicas.py",
    ),
    Mutant(
        "optimizers/_tensorflow.py",
        "everywhere = tf.reduce_all(",
        "everywhere = tf.reduce_any(",
        "an update is skipped only if the gradients of all replicas are broken",
        "optimizers/test_replicas.py",
    ),
    # Clipping, and gradients that are not finite.
    Mutant(
        "optimizers/_gradients.py",
        "[clipped for gradient in gradients for clipped in by_global_norm([gradient], limit)]",
        "by_global_norm(gradients, limit)",
        "`clipnorm` clips the norm of all gradients together",
        "optimizers/test_clipping.py optimizers",
    ),
    Mutant(
        "optimizers/_gradients.py",
        "-larger(-high, -larger(-high, gradient))",
        "larger(-high, gradient)",
        "`clipvalue` leaves large positive entries",
        "optimizers/test_clipping.py optimizers",
    ),
    Mutant(
        "optimizers/_gradients.py",
        "unit = ops.where(largest > 0, largest, ops.ones_like(largest))",
        "unit = ops.ones_like(largest)",
        "the norm of large gradients overflows",
        "optimizers/test_clipping.py",
    ),
    Mutant(
        "optimizers/_gradients.py",
        ", *optimizer.variables]",
        "]",
        "a skipped update still moves the slots",
        "optimizers/test_nonfinite.py",
        "jax",
    ),
    Mutant(
        "optimizers/clipping.py",
        "larger(least, _unit_norms(ops.cast(variable, dtype)))",
        "_unit_norms(ops.cast(variable, dtype))",
        "weights of zero never leave zero",
    ),
    Mutant(
        "optimizers/clipping.py",
        "tuple(range(len(x.shape) - 1)) if len(x.shape) > 1 else None",
        "None",
        "adaptive clipping looks at matrices as a whole",
    ),
    Mutant(
        "optimizers/clipping.py",
        "remembered % self.window",
        "ops.minimum(remembered, self.window - 1)",
        "a full memory of norms renews its last entry only",
    ),
    Mutant(
        "optimizers/clipping.py",
        "ops.cast(last, norms.dtype)",
        "ops.cast(known, norms.dtype)",
        "the percentile is that of one norm more",
    ),
    Mutant(
        "optimizers/clipping.py",
        'remembered + ops.cast(finite, "int32")',
        "remembered + 1",
        "norms that are not finite are remembered",
    ),
    # NAG.
    Mutant(
        "optimizers/nag.py",
        "else momentum * old / unit",
        "else momentum",
        "the velocity is not brought to its new unit",
    ),
    Mutant(
        "optimizers/_velocity_units.py",
        "np.sqrt(np.where(fits, products, 1.0))",
        "rates",
        "the new unit fits one line of PyTorch's kernel only",
    ),
    Mutant(
        "optimizers/nag.py",
        "momentum * unit if self.nesterov else unit",
        "unit",
        "the step to the next look-ahead point is a whole velocity",
        backend="jax",
    ),
    Mutant(
        "optimizers/_look_ahead.py",
        "self._move_to_iterate(averaged)",
        "self._move_to_iterate()",
        "the moving average is taken for a look-ahead point at the end of fit",
        COMMON,
    ),
    Mutant(
        "optimizers/_velocity_units.py",
        "str(own - 2): self.momentum,",
        "str(own - 2): -1.0,",
        "a file of Keras is continued as if it held the iterate",
        "optimizers/test_files.py optimizers/test_nag.py",
    ),
    Mutant(
        "callbacks/swap_iterate.py",
        '"""Go to the iterate."""\n        self._enter()\n\n    def on_test_begin',
        '"""Go to the iterate."""\n\n    def on_test_begin',
        "checkpoints of an epoch hold the look-ahead point",
        "callbacks/test_swap_iterate.py",
    ),
)
