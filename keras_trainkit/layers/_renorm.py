"""Batch renormalization: how a batch's statistics are corrected towards the moving ones."""

import math
from typing import Any

from keras import ops

from keras_trainkit._validation import invalid, real

UNCLIPPED = {"rmin": 0.0, "rmax": math.inf, "dmax": math.inf}


def correction(
    mean: Any, stddev: Any, renorm_mean: Any, renorm_stddev: Any, clipping: dict[str, float]
) -> tuple[Any, Any]:
    """Return r and d, which have no gradient (Ioffe 2017, Algorithm 1).

    r = clip(stddev / renorm_stddev, rmin, rmax)
    d = clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)
    """
    rmin, rmax, dmax = (clipping.get(key, UNCLIPPED[key]) for key in UNCLIPPED)
    r = ops.clip(stddev / renorm_stddev, rmin, rmax)
    d = ops.clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)
    return ops.stop_gradient(r), ops.stop_gradient(d)


def checked_clipping(clipping: Any) -> dict[str, float]:
    """Return the limits as a dict, or raise."""
    clipping = {} if clipping is None else dict(clipping)
    if clipping.keys() - UNCLIPPED.keys():
        requirement = f"a dict with keys among {', '.join(UNCLIPPED)}"
        raise invalid("renorm_clipping", requirement, clipping)
    for key, value in clipping.items():
        real(f"renorm_clipping[{key!r}]", value, low=0)
    if clipping.get("rmin", 0) > clipping.get("rmax", math.inf):
        raise invalid("renorm_clipping", "a dict with rmin <= rmax", clipping)
    return clipping
