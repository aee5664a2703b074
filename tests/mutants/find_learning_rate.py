"""Mistakes in the learning-rate range test."""

from tests.mutants.mutant import Mutant

PLACE = "callbacks/find_learning_rate"
RULES = f"{PLACE}/test_suggestion.py {PLACE}"
SWEEPS = f"{PLACE}/test_find_learning_rate.py"

MUTANTS = (
    Mutant(
        "callbacks/_find_learning_rate/curve.py",
        "DIVISOR = 5",
        "DIVISOR = 10",
        "the suggestion is a tenth of the minimum",
        RULES,
    ),
    Mutant(
        "callbacks/_find_learning_rate/curve.py",
        "smoothed[: minimum(smoothed) + 1]",
        "smoothed",
        "the steepest descent is sought behind the minimum as well",
        RULES,
    ),
    Mutant(
        "callbacks/_find_learning_rate/curve.py",
        "np.exp(-0.5 * (",
        "np.exp(-1.0 * (",
        "the smoothing is narrower than its width",
        RULES,
    ),
    Mutant(
        "callbacks/_find_learning_rate/curve.py",
        "10 ** (-2 * width)",
        "10 ** (-width)",
        "points count as apart from one width on",
        RULES,
    ),
    Mutant(
        "callbacks/_find_learning_rate/curve.py",
        "best + (divergence - 1) * abs(best)",
        "best * divergence",
        "a negative loss diverges at once",
        RULES,
    ),
    Mutant(
        "callbacks/_find_learning_rate/sweep.py",
        "float(np.mean(self._of_point))",
        "self._of_point[-1]",
        "the loss of an accumulated update is that of its last batch",
        SWEEPS,
    ),
    Mutant(
        "callbacks/_find_learning_rate/sweep.py",
        "        model.reset_metrics()\n",
        "",
        "the loss of a step is the mean since the beginning",
        SWEEPS,
    ),
    Mutant(
        "callbacks/_find_learning_rate/restored_model.py",
        "        set_generator_states(self._generators)\n",
        "",
        "the global generators stay where the test left them",
        SWEEPS,
    ),
    Mutant(
        "callbacks/_find_learning_rate/restored_model.py",
        "        vars(model).update(self._attributes)\n",
        "",
        "the history of the fit before is lost",
        SWEEPS,
    ),
    Mutant(
        "callbacks/_find_learning_rate/plot.py",
        "ax.axvline(suggestion,",
        "ax.axvline(learning_rates[np.argmin(smoothed)],",
        "the line of the suggestion stands at the minimum",
        SWEEPS,
    ),
    Mutant(
        "callbacks/_find_learning_rate/proof.py",
        "next(proof for proof in proofs if not proof.is_worse_than(lowest))",
        "proofs[0]",
        "a rate at which training sticks is suggested",
        f"{PLACE}/test_proof.py",
    ),
)
