"""Search space of a weight penalty."""

from functools import partial
from typing import Any

import keras
from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import RUNTIME, dimension
from keras_trainkit.tuner.spaces._space import Space, register_space

NONE = "none"
PENALTIES = {NONE: (), "l1": ("l1",), "l2": ("l2",), "l1l2": ("l1", "l2")}


@register_space
class Regularizer(Space):
    """Penalty on a kernel's weights: none, L1, L2, or both, which is the elastic net.

        loss += l1 * sum |w| + l2 * sum w^2

    Args:
        choices: str, one of `"none"`, `"l1"`, `"l2"`, `"l1l2"`; `False` means `"none"`. Defaults
            to `("none", "l1", "l2")`.
        strength: float > 0. The factors l1 and l2 above; a range is sampled on a logarithmic
            scale, for each factor by itself (`l1/strength`, `l2/strength`). Defaults to the range
            `(1e-6, 1e-2)`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> regularizer = spaces.Regularizer("l2", strength=0.5).build(HyperParameters())
        >>> float(regularizer(keras.ops.ones((3,))))
        1.5

    Reference:
        Zou, H. & Hastie, T. (2005), Regularization and variable selection via the elastic net,
        doi:10.1111/j.1467-9868.2005.00503.x, equation 3.
    """

    def __init__(self, choices: Any = None, strength: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        self.kind = dimension(
            "regularizer",
            choices,
            partial(_validation.one_of, choices=PENALTIES),
            default=(NONE, "l1", "l2"),
            off=NONE,
        )
        self.strengths = {
            norm: dimension(
                f"{norm}/strength",
                strength,
                _validation.positive,
                default=(1e-6, 1e-2),
                kind=RUNTIME,
                log=True,
            )
            for norm in ("l1", "l2")
        }

    def declare(self, hp: HyperParameters) -> dict[str, float]:
        """Register kind and strengths; return the active strengths by norm."""
        with self._scope(hp):
            self.kind.declare(hp)
            strengths = {
                norm: strength.declare_when(
                    hp, self.kind, [kind for kind in PENALTIES if norm in PENALTIES[kind]]
                )
                for norm, strength in self.strengths.items()
            }
        return {norm: value for norm, value in strengths.items() if value is not None}

    def build(self, hp: HyperParameters) -> keras.regularizers.Regularizer | None:
        """Return a new regularizer, or `None` where it is off."""
        strengths = self.declare(hp)
        return keras.regularizers.L1L2(**strengths) if strengths else None


def regularizer(
    hp: HyperParameters, *arguments: Any, **options: Any
) -> keras.regularizers.Regularizer | None:
    """Return what `Regularizer(*arguments, **options)` builds."""
    return Regularizer(*arguments, **options).build(hp)
