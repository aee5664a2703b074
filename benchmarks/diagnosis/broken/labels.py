"""Labels that say something else than they should."""

from functools import partial

from benchmarks.diagnosis import datasets, odd_layers, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import adam, sgd

ENCODING = "label_encoding"


def encoding() -> Cases:
    """Return labels that are scaled, shifted or in a code of their own."""
    divided = spoils.labels_times(1 / 255)
    signs = spoils.labels_times(2, -1)
    return (
        static("labels / 255", recipes.DIGITS_SPARSE, fault(ENCODING, spoils=(divided,))),
        static("labels / 255, images", recipes.STRIPES, fault(ENCODING, spoils=(divided,))),
        static(
            "labels / 255 and inputs * 255",
            recipes.DIGITS_PLAIN,
            fault(ENCODING, spoils=(divided,)),
            fault("unnormalized_input", spoils=(spoils.inputs_times(255.0),)),
        ),
        static("labels of -1 and 1", recipes.CIRCLES, fault(ENCODING, spoils=(signs,))),
        static("labels of -1 and 1, words", recipes.WORDS, fault(ENCODING, spoils=(signs,))),
        static(
            "labels of 1 and 2", recipes.MOONS, fault(ENCODING, spoils=(spoils.labels_times(1, 1),))
        ),
        static(
            "standardized labels",
            recipes.CANCER,
            fault(ENCODING, spoils=(spoils.standardized_labels,)),
        ),
        static(
            "standardized labels and no sigmoid",
            recipes.FIRST_SIGN,
            fault(ENCODING, spoils=(spoils.standardized_labels,)),
            fault("missing_output_activation", output="linear"),
        ),
        static(
            "one-hot rows of 0 and 255",
            recipes.DIGITS,
            fault(ENCODING, spoils=(spoils.labels_times(255.0),)),
        ),
    )


def broadcast() -> Cases:
    """Return own losses that subtract (N,) from (N, 1)."""
    name = "label_shape_broadcast"
    flat = (spoils.flat_targets,)
    return (
        static(
            "own squared error of (N,) and (N, 1)",
            recipes.FRIEDMAN,
            fault(name, loss=odd_layers.OwnSquaredError, spoils=flat),
        ),
        static(
            "own squared error of (N,) and (N, 1), forecast",
            recipes.FORECAST,
            fault(name, loss=odd_layers.OwnSquaredError, spoils=flat),
        ),
        static(
            "own absolute error of (N,) and (N, 1), and raw prices",
            recipes.HOUSES,
            fault(name, loss=odd_layers.OwnAbsoluteError, spoils=flat),
            fault("unnormalized_target", data=partial(datasets.houses, scaled_target=False)),
        ),
    )


def unrelated() -> Cases:
    """Return labels that have nothing to do with their rows."""
    name = "no_learning|bad_data|underfitting|overfitting"
    return (
        trained("labels in another order, blobs", recipes.BLOBS, fault(name, spoils=(_mixed,))),
        trained(
            "labels in another order, waves",
            recipes.WAVES,
            fault(name, spoils=(_mixed,)),
        ),
        trained(
            "targets in another order, a small net with SGD",
            recipes.HOUSES_SGD,
            fault(name, spoils=(_mixed,), epochs=10),
        ),
    )


def imbalance() -> Cases:
    """Return a class that is too rare to matter to the loss."""
    goal = 0.75
    name = "class_imbalance"
    fields = {**vars(recipes.MOONS), "score": recipes.scores.balanced, "goal": goal}
    fields |= {"data": datasets.rare, "changes": (spoils.repeated_rare_class,)}
    fields |= {"body": recipes.networks.mlp(16), "optimizer": adam(3e-3), "epochs": 6}
    rare = recipes.Recipe(**fields)
    other = {**fields, "data": partial(datasets.rare, share=0.03, distance=1.7)}
    other |= {"goal": 0.68, "optimizer": sgd(0.05, 0.9)}
    other["body"] = recipes.networks.mlp(24, 12, activation="elu")
    return (
        static("one row in 25 is of class 1", rare, fault(name, changes=())),
        static(
            "three rows in 100 are of class 1", recipes.Recipe(**other), fault(name, changes=())
        ),
        static(
            "one row in 25 is of class 1, softmax over one unit",
            rare,
            fault(name, changes=()),
            fault("softmax_one_unit", output="softmax"),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*encoding(), *broadcast(), *unrelated(), *imbalance())


_mixed = spoils.random_labels
