"""Search space of the number of epochs."""

from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import DATA, dimension
from keras_trainkit.tuner.spaces._space import Space, register_space


@register_space
class Epochs(Space):
    """Passes over the data.

    Where validation comes after each epoch, a trial's score is that of its best one, so that more
    are seldom worse: search for them where time counts, or where trials do not validate.

    Args:
        number: int >= 1; a range is sampled on a logarithmic scale. `False` leaves it to the
            arguments of `search`. Defaults to the range `(10, 100)`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.Epochs(20).build(HyperParameters())
        20
    """

    def __init__(self, number: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        self.number = dimension(
            "epochs",
            number,
            partial(_validation.integer, low=1),
            default=(10, 100),
            kind=DATA,
            off=None,
            log=True,
        )

    def declare(self, hp: HyperParameters) -> int | None:
        """Register the number; return its value."""
        with self._scope(hp):
            return self.number.declare(hp)

    def build(self, hp: HyperParameters) -> int | None:
        """Return the number, or `None` where it is off."""
        return self.declare(hp)


def epochs(hp: HyperParameters, *arguments: Any, **options: Any) -> int | None:
    """Return what `Epochs(*arguments, **options)` builds."""
    return Epochs(*arguments, **options).build(hp)
