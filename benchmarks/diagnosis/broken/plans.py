"""Too few updates, and batches that are too small."""

from functools import partial

from benchmarks.diagnosis import datasets, networks, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import adam, sgd

FEW = "too_few_updates|learning_rate_too_low|slow_convergence"


def few_updates() -> Cases:
    """Return trainings that end before they have begun."""
    return (
        static(
            "ten updates of all spirals", recipes.SPIRALS, fault(FEW, batch_size=675, epochs=10)
        ),
        static(
            "two epochs of large batches, digits",
            recipes.DIGITS,
            fault(FEW, batch_size=512, epochs=2),
        ),
        static(
            "one epoch of 256 images at a time",
            recipes.DIGITS_CNN,
            fault(FEW, batch_size=256, epochs=1, optimizer=adam(1e-3)),
        ),
        static(
            "three epochs of all words",
            recipes.WORDS,
            fault(FEW, batch_size=675, epochs=3, optimizer=adam(1e-3)),
        ),
        static(
            "four epochs of 30 rows",
            recipes.FRIEDMAN,
            fault(FEW, spoils=(spoils.few_rows(64),), epochs=4, optimizer=adam(1e-3)),
        ),
        static(
            "one epoch of a transformer, softmax over one unit",
            recipes.TRANSFORMER,
            fault(FEW, batch_size=128, epochs=1, optimizer=adam(1e-4)),
            fault("softmax_one_unit", output="softmax"),
        ),
        static(
            "three epochs of waves with SGD",
            recipes.WAVES,
            fault(FEW, batch_size=256, epochs=3, optimizer=sgd(0.01)),
        ),
    )


def small_batches() -> Cases:
    """Return batches whose gradients, or statistics, are mostly noise."""
    name = "too_small_batch"
    noisy = recipes.regression(
        partial(datasets.few_points, rows=300, noise=1.2),
        networks.mlp(16),
        0.15,
        epochs=30,
        optimizer=sgd(0.02),
    )
    normalized = recipes.classifier(
        "MLP",
        datasets.blobs,
        networks.normalized_mlp(24, 24),
        0.9,
        5,
        epochs=6,
        optimizer=adam(0.01),
    )
    return (
        trained(
            "one row at a time with momentum, a noisy target",
            noisy,
            fault(
                f"{name}|learning_rate_too_high|oscillating_loss",
                batch_size=1,
                epochs=3,
                optimizer=sgd(0.02, 0.9),
            ),
        ),
        trained(
            "one row at a time with batch normalization",
            normalized,
            fault(f"{name}|batch_norm_gap", batch_size=1, epochs=1),
        ),
        trained(
            "batch normalization over two rows, Friedman",
            recipes.regression(datasets.friedman, networks.normalized_mlp(32, 32), 0.7, epochs=20),
            fault(f"{name}|batch_norm_gap", batch_size=2, epochs=2),
        ),
        trained(
            "one row at a time with SGD(1), raw columns",
            recipes.CANCER,
            fault(
                f"{name}|learning_rate_too_high|oscillating_loss",
                batch_size=1,
                epochs=1,
                optimizer=sgd(1.0, 0.9),
            ),
            fault("unnormalized_input", data=partial(datasets.cancer, scaled=False)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*few_updates(), *small_batches())
