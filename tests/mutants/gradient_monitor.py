"""Mistakes in the gradient monitor."""

from tests.mutants.mutant import Mutant

PLACE = "callbacks/gradient_monitor"
TRUTH = f"{PLACE}/test_truth.py {PLACE}"
RECORD = f"{PLACE}/test_record.py {PLACE}"
NONFINITE = f"{PLACE}/test_nonfinite.py {PLACE}"
OUTPUT = f"{PLACE}/test_output.py {PLACE}"
CONFIGURATIONS = f"{PLACE}/test_matrix.py {PLACE}"
PROBE = f"diagnosis/preflight/test_activation_probe.py {PLACE}"

MUTANTS = (
    # What is measured.
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "deviation / np.sqrt(sizes)",
        "deviation / np.sqrt(np.maximum(sizes - 1, 1))",
        "the deviation is that of a sample",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "sizes * r[",
        "r[",
        "the deviation of large variables is computed as if they had one element",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        'r["peak"] / r["scale"]',
        'r["peak"]',
        "the largest entry holds the scale of the loss",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        ' * r["factor"]',
        "",
        "the norm after clipping forgets the global threshold",
        CONFIGURATIONS,
    ),
    Mutant(
        "callbacks/_gradient_monitor/reductions.py",
        'magnitude, "right")',
        'magnitude, "left")',
        "powers of two are counted in the bin below",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/_torch.py",
        "torch.maximum(rows.amax(dim=1), -rows.amin(dim=1))",
        "rows.amax(dim=1)",
        "the largest entry is sought among the positive ones",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/_tensorflow.py",
        " ** 2 / rows.shape[1]",
        " / rows.shape[1]",
        "the share of zeros comes from the root of a count",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/_tensorflow.py",
        "(self._cursor.assign_add(1) - 1) % self._length",
        "self._cursor.assign_add(1) % self._length",
        "the ring of steps is shifted by one",
        TRUTH,
    ),
    Mutant(
        "callbacks/_gradient_monitor/_tensorflow.py",
        "draws_by_itself(tf.compat.v1.get_default_graph()) or ",
        "",
        "a step that draws by TensorFlow's operations is run by two functions",
        f"{PLACE}/test_draws.py",
    ),
    Mutant(
        "callbacks/_gradient_monitor/_tensorflow.py",
        "if found[0] >= 0",
        "if found",
        "steps that nobody asked for are recorded",
        f"{PLACE}/test_draws.py",
    ),
    Mutant(
        "callbacks/_gradient_monitor/_jax.py",
        "range(self.model.steps_per_execution - 1)",
        "range(self.model.steps_per_execution)",
        "an execution runs one step more",
        CONFIGURATIONS,
    ),
    Mutant(
        "diagnosis/_preflight/activation_probe.py",
        ', getattr(layer, "axis", -1))',
        ")",
        "softmax over another axis is measured along the last one",
        PROBE,
    ),
    Mutant(
        "diagnosis/_preflight/layer_statistics.py",
        "dead &= zero.all(axis=0)",
        "dead &= zero.any(axis=0)",
        "a unit is dead that is zero for one example",
        PROBE,
    ),
    # What is looked at beside the gradients, and what is told of it.
    Mutant(
        "callbacks/_gradient_monitor/looks.py",
        "not record.has_begun and ",
        "",
        "a network is tried that has trained before an interruption",
        f"{PLACE}/test_looks.py",
    ),
    Mutant(
        "callbacks/_gradient_monitor/looks.py",
        "            if self._is_own:\n                _warn(error)",
        "            _warn(error)",
        "a model that cannot be called is a warning that nobody asked for",
        f"{PLACE}/test_looks.py",
    ),
    Mutant(
        "callbacks/_gradient_monitor/looks.py",
        "contextlib.suppress(Exception), _silent(), isolated_pass(), process_state_kept()",
        "contextlib.suppress(Exception), _silent()",
        "a look moves the random numbers of the training",
        f"{PLACE}/test_looks.py",
    ),
    Mutant(
        "callbacks/_gradient_monitor/news.py",
        "yield _key(finding), min(finding.mildness, told)",
        "yield _key(finding), finding.mildness",
        "a finding that was milder for a while is told again",
        f"{PLACE}/test_news.py",
    ),
    Mutant(
        "_untouched.py",
        "            restore()\n",
        "            pass\n",
        "a generator in a layer goes on from what a look has drawn",
        f"{PLACE}/test_looks.py",
    ),
    # The record.
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "(np.nansum(self.norms**2) + np.nansum(last.norms**2)) / 2",
        "np.nansum(self.norms**2)",
        "the noise is estimated from one of the two steps",
        RECORD,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "last.step != self.step - 1",
        "last.step >= self.step",
        "steps that do not follow each other are compared",
        RECORD,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "self._sums += np.where(np.isfinite(values), values, 0.0)",
        "self._sums += values",
        "one broken step breaks the mean of its epoch",
        RECORD,
    ),
    Mutant(
        "callbacks/_gradient_monitor/record.py",
        "kept[:half] = kept[:half:2]",
        "kept[:half] = kept[1:half:2]",
        "the first step is forgotten when the record grows too long",
        RECORD,
    ),
    Mutant(
        "callbacks/_gradient_monitor/sampling.py",
        "range(step, step + count)",
        "range(step, step + count - 1)",
        "the last step of an execution is not looked at",
        f"{PLACE}/test_sampling.py {PLACE}",
    ),
    Mutant(
        "callbacks/gradient_monitor.py",
        "self._first_step = self._next_step or iterations(self.model)",
        "self._first_step = iterations(self.model)",
        "steps are counted anew where the optimizer's count falls behind",
        f"{PLACE}/test_gradient_monitor.py {PLACE}",
    ),
    Mutant(
        "callbacks/gradient_monitor.py",
        "self._next_step - 1, rows",
        "self._next_step, rows",
        "activations are written at the step behind the epoch",
        OUTPUT,
    ),
    Mutant(
        "callbacks/gradient_monitor.py",
        'logs.update(getattr(optimizer, "counters", {}))',
        "pass",
        "what the optimizer counts is not logged",
        "callbacks/gradient_monitor/test_nonfinite.py",
    ),
    # Hooks.
    Mutant(
        "callbacks/_gradient_monitor/recorder.py",
        "                self._hooks.close()\n",
        "                pass\n",
        "the optimizer keeps its hooks",
        f"{PLACE}/test_gradient_monitor.py {PLACE}",
    ),
    Mutant(
        "callbacks/_train_function.py",
        "            self.model.train_function = self.original\n",
        "            pass\n",
        "the model keeps the observed train function",
        f"{PLACE}/test_gradient_monitor.py {PLACE}",
    ),
    Mutant(
        "callbacks/_gradient_monitor/session.py",
        "self._armed and self.fit is self.model.history",
        "self.fit is self.model.history",
        "a call that nobody announced is recorded",
        f"{PLACE}/test_interruptions.py {PLACE}",
    ),
    # Gradients that are not finite.
    Mutant(
        "callbacks/_gradient_monitor/nonfinite.py",
        "np.flatnonzero(gradients)[-1]",
        "np.flatnonzero(gradients)[0]",
        "the first layer is blamed, not the one where the backward pass broke",
        NONFINITE,
    ),
    Mutant(
        "callbacks/_gradient_monitor/nonfinite.py",
        "batch=step.step - first_step,",
        "batch=step.step - first_step + 1,",
        "the event names the batch behind",
        NONFINITE,
    ),
    Mutant(
        "callbacks/_gradient_monitor/rollback.py",
        "CUT * rate if cut else rate",
        "CUT * rate",
        "the learning rate is cut although the data is to blame",
        NONFINITE,
    ),
    Mutant(
        "callbacks/_gradient_monitor/nonfinite.py",
        "max(1, self._fetch_every // 2)",
        "self._fetch_every",
        "a rollback does not shorten the time to the next look",
        NONFINITE,
    ),
    Mutant(
        "callbacks/_gradient_monitor/rollback.py",
        "        model.reset_metrics()\n",
        "",
        "the epoch's loss stays NaN after a rollback",
        NONFINITE,
    ),
    # TensorBoard.
    Mutant(
        "callbacks/_tensorboard.py",
        '"max": edges[inside.stop],',
        '"max": edges[inside.stop - 1],',
        "a histogram ends at the lower edge of its last bin",
        f"{PLACE}/test_tensorboard.py {PLACE}",
    ),
    Mutant(
        "callbacks/_tensorboard.py",
        "step >= self._places.due",
        "step > self._places.due",
        "the first step of an epoch is not written",
        "callbacks/learning_rate/test_learning_rate.py",
    ),
)
