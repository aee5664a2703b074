"""Mistakes in the search spaces and in the model that is searched."""

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
)
