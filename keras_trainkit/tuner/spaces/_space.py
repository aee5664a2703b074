"""What every space is: how it is told what to search, and what it makes of that."""

from typing import Any, Self

from keras_tuner import HyperParameters


class Space:
    """A part of a model, or of its training, whose settings a KerasTuner search chooses.

    `declare(hp)` registers every hyperparameter of the space, whether or not the current values
    make it active, and returns the current values. `build(hp, ...)` returns the part that they
    describe, a new one at each call; what else it depends on follows `hp`.

    Arguments follow one convention:

        0.3                 a value: fixed, not a hyperparameter
        (0.1, 0.5)          a range, both ends included
        [0.1, 0.3], names   a choice; names may stand in a tuple as well
        None                the documented default space
        False               off

    KerasTuner's `hp.name_scope` tells two spaces of one class in one model apart.

    Raises:
        ValueError: if an argument is, or has among its choices, a value that it does not allow.
    """

    def __init__(self, argument: Any = None) -> None:
        """Check the arguments, of which the first tells the space by the convention above."""
        raise NotImplementedError

    @classmethod
    def of(cls, argument: Any) -> Self:
        """Return `argument` if it is such a space already, else the space that it describes."""
        return argument if isinstance(argument, cls) else cls(argument)

    def declare(self, hp: HyperParameters) -> Any:
        """Register every hyperparameter in `hp`; return the current values."""
        raise NotImplementedError
