"""Mistakes in the search spaces, in the model that is searched, and in the search."""

from tests.mutants.mutant import Mutant

SPACES = "tuner/test_spaces.py tuner/test_dimension.py"
DIMENSION = "tuner/test_dimension.py tuner/test_spaces.py"

MUTANTS = (
    Mutant(
        "tuner/spaces/_dimension.py",
        "range(int(self.low), int(self.high) + 1)",
        "range(int(self.low), int(self.high))",
        "what depends on a range is inactive at its upper end",
        DIMENSION,
    ),
    Mutant(
        "tuner/spaces/_dimension.py",
        "math.sqrt(self.low * self.high) if self.log else ",
        "",
        "the default of a logarithmic range is its arithmetic middle",
        DIMENSION,
    ),
    Mutant(
        "tuner/spaces/_dimension.py",
        "not values[0] < values[1]",
        "not values[0] <= values[1]",
        "a range without a width is no error",
        DIMENSION,
    ),
    Mutant(
        "tuner/spaces/_dimension.py",
        "value if parent.declare(hp) in possible else None",
        "value",
        "a child has a value where its parent rules it out",
        DIMENSION,
    ),
    Mutant(
        "tuner/spaces/hidden_units.py",
        "width * (layers - i) / layers",
        "width * (layers - i) / (layers + 1)",
        "the first layer of a linear shape is narrower than the width",
        SPACES,
    ),
    Mutant(
        "tuner/spaces/hidden_units.py",
        "math.ceil(rule(",
        "int(rule(",
        "units are rounded down, to none at last",
        SPACES,
    ),
    Mutant(
        "tuner/spaces/optimizer.py",
        '"sgd": Rule(keras.optimizers.SGD, (1e-2, 1.0))',
        '"sgd": Rule(keras.optimizers.SGD, (1e-3, 1.0))',
        "the range of one learning rate begins lower",
        SPACES,
    ),
    Mutant(
        "tuner/spaces/schedule.py",
        "half_life / 3",
        "half_life / 2",
        "the inverse root falls faster than by half at its half-life",
        SPACES,
    ),
    Mutant(
        "tuner/spaces/regularizer.py",
        '"l1l2": ("l1", "l2")',
        '"l1l2": ("l2",)',
        "both penalties are one",
        SPACES,
    ),
    Mutant(
        "tuner/hyper_mlp.py",
        "use_bias=normalization is None",
        "use_bias=True",
        "a bias stands in front of batch normalization",
    ),
    Mutant(
        "tuner/hyper_mlp.py",
        ", activation=activation, dtype=dtype)",
        ", activation=activation)",
        "the outputs are in half precision",
    ),
    Mutant(
        "tuner/hyper_mlp.py",
        "hp if self.tunable else hp.copy()",
        "hp",
        "a model that is not to be tuned adds its batch size to the search",
    ),
    Mutant(
        "tuner/hyper_mlp.py",
        "            model.optimizer.build(model.trainable_variables)\n",
        "            pass\n",
        "KerasTuner's checkpoints load into an optimizer without slots",
    ),
    Mutant(
        "tuner/_oracle/files.py",
        'unfinished = f"{path}{UNFINISHED}"',
        "unfinished = path",
        "files are written in place",
    ),
    Mutant(
        "tuner/_oracle/history.py",
        "worst + sign * (high - low or",
        "worst - sign * (high - low or",
        "a failure counts as the best",
    ),
    Mutant(
        "tuner/_oracle/history.py",
        "name in values and name not in names and",
        "name in values and",
        "a value is told twice where its name is active twice",
    ),
    Mutant(
        "tuner/_oracle/distributions.py",
        "low + high - number",
        "number",
        "a reversed scale is dense at its lower end",
    ),
    Mutant(
        "tuner/_oracle/distributions.py",
        "Decimal(str(number)) for number",
        "Decimal(number) for number",
        "steps that rounding errors make too short leave out the last one",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "self.seed = self.seed if given is None else given",
        "self.seed = self.seed",
        "seed zero is no seed",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "key = (int(trial_id),) if execution",
        "key = (0,) if execution",
        "all proposals have one seed",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "if not self._duplicate(values):",
        "if values:",
        "values are tried twice",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "MOST_DEATHS = 2",
        "MOST_DEATHS = 3",
        "a trial may end three processes",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "            self._unended[trial.trial_id] += 1\n",
        "            pass\n",
        "no trial is ever given up",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "sorted(found, key=_number)",
        "sorted(found, key=lambda trial: trial.trial_id)",
        "trial 9 stands behind trial 10 once there are more than ten",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "        self._again([name for name in self.trials if name not in self.end_order])\n",
        "",
        "a trial that was running is lost",
    ),
    Mutant(
        "tuner/_oracle/oracle.py",
        "        if not self._seed_given:\n            self.seed",
        "        if self._seed_given:\n            self.seed",
        "a search that is taken up draws another seed",
    ),
    Mutant(
        "tuner/tuners.py",
        "next(self._executions)",
        "0",
        "all executions of a trial have one seed",
    ),
    Mutant(
        "tuner/tuners.py",
        '[begin, *kwargs.get("callbacks", [])]',
        '[*kwargs.get("callbacks", [])]',
        "what building draws changes the training",
    ),
    Mutant(
        "tuner/tuners.py",
        "        begin.on_train_begin()\n",
        "",
        "weights do not follow from the seed",
    ),
    Mutant(
        "tuner/tuners.py",
        "            set_generator_states(before)\n",
        "            pass\n",
        "a search leaves its seeds in the global generators",
    ),
    Mutant(
        "tuner/tuners.py",
        "                self.oracle.release(trial)\n",
        "",
        "Ctrl-C counts as the end of a process",
    ),
)
