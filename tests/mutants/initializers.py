"""Mistakes in the initial weights."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "initializers/rules.py",
        '(1.0, "fan_avg", "uniform")',
        '(1.0, "fan_in", "uniform")',
        "Glorot's uniform rule looks at the inputs alone",
        "initializers/test_variance_scaling.py",
    ),
    Mutant(
        "initializers/rules.py",
        '(2.0, "fan_in", "truncated_normal")',
        '(2.0, "fan_out", "truncated_normal")',
        "He's normal rule looks at the outputs",
        "initializers/test_variance_scaling.py",
    ),
    Mutant(
        "initializers/rules.py",
        "return self.fan_in or fan_in, fan_out",
        "return fan_in, fan_out",
        "a bias of PyTorch's rule forgets the fan-in that it was given",
        "initializers/test_variance_scaling.py",
    ),
    Mutant(
        "initializers/_fans.py",
        '"depthwise": (space, (*space, column))',
        '"depthwise": ((*space, row), (*space, column))',
        "a depthwise kernel counts all channels as inputs of one output, as Keras does",
        "initializers/test_fans.py",
    ),
    Mutant(
        "initializers/_fans.py",
        "return fan_in, fan_out // groups",
        "return fan_in, fan_out",
        "a grouped kernel counts the outputs of all groups",
        "initializers/test_fans.py",
    ),
    Mutant(
        "initializers/_kernels.py",
        '_named(layer, variable, "conv", getattr(layer, "groups", 1))',
        '_named(layer, variable, "conv")',
        "the groups of a convolution are not read from the layer",
        "initializers/test_fans.py",
    ),
    Mutant(
        "initializers/_kernels.py",
        "if label not in inputs)",
        "if label in result)",
        "an axis that input, kernel and output share counts as an output",
        "initializers/test_fans.py",
    ),
    Mutant(
        "initializers/variance_scaling.py",
        "stddev / TRUNCATED_STD",
        "stddev",
        "the cut normal distribution has 0.77 of the variance",
        "initializers/test_variance_scaling.py",
    ),
    Mutant(
        "initializers/variance_scaling.py",
        "if not _is_rehearsal():",
        "if True:",
        "a rehearsal of the call takes a draw of the seed, and fit starts elsewhere",
        "initializers/test_variance_scaling.py",
    ),
    Mutant(
        "initializers/for_activation.py",
        "rule[distribution](seed, **options)",
        "rule[distribution](**options)",
        "the seed does not reach the initializer",
    ),
    Mutant(
        "initializers/initialize.py",
        "_assign(bias, bias_initializer, kernel.fans)",
        "_assign(bias, bias_initializer, (bias.shape[0], bias.shape[0]))",
        "a bias is drawn for its own shape in place of the kernel's inputs",
        "initializers/test_fans.py",
    ),
    Mutant(
        "initializers/lsuv.py",
        "self.scale /= math.sqrt(variance)",
        "self.scale /= variance",
        "the report tells another scale than the kernel got",
    ),
    Mutant(
        "initializers/lsuv.py",
        "if fit.iterations == max_iterations:",
        "if fit.iterations > max_iterations:",
        "one iteration more than asked for",
    ),
    Mutant(
        "initializers/lsuv.py",
        "_variance(seen[-1] if seen else outputs)",
        "_variance(outputs)",
        "the variance is measured behind the activation",
    ),
    Mutant(
        "initializers/lsuv.py",
        "q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]",
        "q *= 1.0",
        "orthonormal matrices are not drawn uniformly",
    ),
)
