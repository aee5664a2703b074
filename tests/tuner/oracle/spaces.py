"""Spaces with every kind of hyperparameter that KerasTuner knows."""

from keras_tuner import HyperParameters


def every_kind() -> HyperParameters:
    hp = HyperParameters()
    hp.Fixed("fixed", "here")
    hp.Boolean("boolean")
    hp.Choice("choice", ["a", "b", "c"])
    hp.Choice("numbers", [8, 16, 32])
    hp.Int("int", 1, 9)
    hp.Int("int_step", 2, 9, step=3)
    hp.Int("int_log", 1, 1000, sampling="log")
    hp.Int("int_log_step", 2, 40, step=2, sampling="log")
    hp.Int("int_reverse", 1, 1000, sampling="reverse_log")
    hp.Float("float", -1, 1)
    hp.Float("float_step", 0.0, 1.0, step=0.1)
    hp.Float("float_short", 0.0, 0.95, step=0.3)
    hp.Float("float_log", 1e-5, 1e-1, sampling="log")
    hp.Float("float_log_step", 1e-3, 10, step=10, sampling="log")
    hp.Float("float_reverse", 0.5, 0.999, sampling="reverse_log")
    hp.Float("float_reverse_step", 1.0, 100.0, step=10, sampling="reverse_log")
    hp.Float("single", 0.5, 0.5)
    return hp


def conditional() -> HyperParameters:
    """Return a space in which one name stands twice, and one condition hangs on another."""
    hp = HyperParameters()
    hp.Choice("optimizer", ["sgd", "adam"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("rate", 1e-2, 1.0, sampling="log")
        hp.Boolean("momentum")
        with hp.conditional_scope("momentum", [True]):
            hp.Float("strength", 0.5, 0.99)
    with hp.conditional_scope("optimizer", ["adam"]):
        hp.Float("rate", 1e-4, 1e-2, sampling="log")
    return hp
