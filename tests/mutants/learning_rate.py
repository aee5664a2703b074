"""Mistakes in the control of the learning rate, and in numbers that change between steps."""

from tests.mutants.mutant import Mutant

PLACE = "callbacks/learning_rate"
RATES = "layers/dropout/test_runtime_rate.py optimizers/test_hyperparameters.py"

MUTANTS = (
    Mutant(
        "callbacks/_learning_rate/rates.py",
        "self._value = self._planned * self.multiplier",
        "self._value = self._planned",
        "what others assigned is overwritten by the schedule",
        PLACE,
    ),
    Mutant(
        "callbacks/_learning_rate/rates.py",
        '"multiplier": self.multiplier,',
        '"multiplier": 1.0,',
        "a resumed training forgets the plateaus before",
        "callbacks/training_state/test_cases.py",
    ),
    Mutant(
        "callbacks/_learning_rate/rates.py",
        "if self._assigned and self._planned and",
        "if self._assigned and",
        "an assignment where the schedule is 0 divides by zero",
        PLACE,
    ),
    Mutant(
        "callbacks/learning_rate.py",
        "(position.batches_before + batch) // position.batches_per_step",
        "position.batches_before + batch // position.batches_per_step",
        "epochs are counted in batches where gradients are accumulated",
        PLACE,
    ),
    Mutant(
        "callbacks/_learning_rate/position.py",
        "self.origin = 0 if epoch else counted",
        "self.origin = 0",
        "a second fit on data without a length goes on with the schedule",
        PLACE,
    ),
    Mutant(
        "callbacks/learning_rate.py",
        "        if epoch:\n",
        "        if True:\n",
        "a second fit begins below the schedule",
        PLACE,
    ),
    Mutant(
        "callbacks/_learning_rate/rates.py",
        "self.multiplier *= multiplier",
        "pass",
        "a fit that goes on forgets the plateaus before",
        PLACE,
    ),
    Mutant(
        "_keras_internals.py",
        "        variable.assign(value)\n",
        "        pass\n",
        "the rate is lost whenever a callback has read the model",
        PLACE,
        "jax",
    ),
    Mutant(
        "callbacks/_learning_rate/_tensorflow.py",
        "AssignedScalar(resource)",
        "FastScalar(resource)",
        "several replicas never get the rate",
        f"{PLACE}/test_learning_rate.py::test_two_replicas",
    ),
    Mutant(
        "_runtime_number.py",
        "        self.variable.assign(value)\n",
        "",
        "the number changes and the variable that steps read does not",
        RATES,
        "tensorflow",
    ),
    Mutant(
        "_runtime_number.py",
        'return [self.variable] if keras.backend.backend() == "jax" else []',
        "return []",
        "compiled steps on JAX hold the number as a constant",
        RATES,
        "jax",
    ),
    Mutant(
        "callbacks/_learning_rate/rates.py",
        "return self.own / self._height if self._height else 1.0",
        "return 1.0",
        "one schedule drives several optimizers to one rate",
        PLACE,
    ),
    Mutant(
        "callbacks/_learning_rate/rates.py",
        "_LEFT[self._optimizer] = self.own, self._actual()",
        "pass",
        "a second fit begins where the first has ended",
        PLACE,
    ),
    Mutant(
        "_training_optimizers.py",
        "given = {} if _is_default(model) else compiled",
        "given = compiled",
        "the default of `compile` counts beside others",
        PLACE,
    ),
)
