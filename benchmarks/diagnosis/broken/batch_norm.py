"""Batch normalization whose inference is not what was trained."""

from functools import partial

from keras import layers

from benchmarks.diagnosis import datasets, networks, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import adam


def behind() -> Cases:
    """Return moving statistics that have not arrived when the training ends."""
    name = "moving_statistics_behind|batch_norm_gap"
    slow = partial(layers.BatchNormalization, momentum=0.9999)
    bright = partial(datasets.digits, flat=False, scale=1.0)
    normalized = recipes.classifier(
        "MLP",
        partial(datasets.digits, scale=1.0),
        networks.normalized_mlp(
            48, 24, normalizer=partial(layers.BatchNormalization, momentum=0.9)
        ),
        0.9,
        10,
        epochs=6,
    )
    regression = recipes.regression(
        partial(datasets.friedman),
        networks.normalized_mlp(
            32, 32, normalizer=partial(layers.BatchNormalization, momentum=0.9)
        ),
        0.7,
        epochs=15,
    )
    fields = {**vars(recipes.NORMALIZED_CNN), "data": bright}
    fields["body"] = networks.normalized_cnn(
        12, 24, normalizer=partial(layers.BatchNormalization, momentum=0.9)
    )
    return (
        static(
            "momentum of .9999, digits",
            normalized,
            fault(name, body=networks.normalized_mlp(48, 24, normalizer=slow)),
        ),
        static(
            "momentum of .9999, convolutions",
            recipes.Recipe(**fields),
            fault(name, body=networks.normalized_cnn(12, 24, normalizer=slow)),
        ),
        static(
            "momentum of .9999, Friedman",
            regression,
            fault(name, body=networks.normalized_mlp(32, 32, normalizer=slow)),
        ),
        static(
            "momentum of .9999 and labels / 255",
            normalized,
            fault(name, body=networks.normalized_mlp(48, 24, normalizer=slow)),
            fault("label_encoding", spoils=(spoils.labels_times(1 / 255),)),
        ),
    )


def gap() -> Cases:
    """Return batches of one class each: each batch's statistics are its own."""
    name = "batch_norm_gap|moving_statistics_behind|unshuffled_split|bad_data"
    ordered = {"spoils": (spoils.sorted_by_class,), "shuffle": False}
    normalized = recipes.classifier(
        "MLP",
        datasets.digits,
        networks.normalized_mlp(48, 24),
        0.9,
        10,
        epochs=8,
        optimizer=adam(5e-3),
    )
    return (
        trained("sorted digits, not shuffled, normalized", normalized, fault(name, **ordered)),
        trained(
            "sorted images, not shuffled, normalized",
            recipes.NORMALIZED_CNN,
            fault(name, **ordered),
        ),
        trained(
            "sorted blobs, not shuffled, normalized",
            recipes.classifier(
                "MLP",
                datasets.blobs,
                networks.normalized_mlp(32),
                0.9,
                5,
                epochs=8,
                optimizer=adam(5e-3),
            ),
            fault(name, **ordered),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*behind(), *gap())
