"""What `mc_predict` returns."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import keras
import numpy as np

from keras_trainkit._validation import real


@dataclass(frozen=True, eq=False, repr=False)
class MCPrediction:
    """Monte-Carlo estimates of a model's prediction and its uncertainty.

    Every attribute is a float64 array or, for a model with several outputs, has the structure of
    the outputs.

    Attributes:
        mean: mean of the sampled predictions, of the shape that `predict` returns.
        variance: their population variance (divided by `passes`), of the same shape.
        entropy: predictive entropy in nats: one number per distribution, so without the class
            axis for categorical outputs. `None` for outputs that are no probabilities.
        mutual_information: the part of `entropy` that comes from the uncertainty about the
            weights, in nats, of the same shape. `None` where `entropy` is.
        passes: int. How many predictions were sampled.
        samples: all of them, of the shape `(passes, *mean.shape)`, or `None`.
    """

    mean: Any
    variance: Any
    entropy: Any
    mutual_information: Any
    passes: int
    samples: Any = None

    @property
    def std(self) -> Any:
        """The standard deviation of the sampled predictions, of the shape of `mean`."""
        return keras.tree.map_structure(np.sqrt, self.variance)

    def interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """Return the bounds between which a share `level` of the sampled predictions lies.

            with samples        quantiles (1 - level) / 2 and (1 + level) / 2, interpolated
            without             mean -+ z std,   z = Phi^-1((1 + level) / 2)

        The second takes the predictions for normally distributed; bounds of probabilities are cut
        to [0, 1]. Either is an interval of the model's uncertainty alone: the noise of the data
        comes on top of it. Quantiles need samples beyond them, some 10 / (1 - level).

        Args:
            level: float in [0, 1). Defaults to `0.95`.

        Returns:
            Tuple of the lower and the upper bounds, each of the shape and structure of `mean`.

        Raises:
            ValueError: if `level` is outside its interval, or there was one pass only.

        Reference: Gal (2016), Uncertainty in Deep Learning, PhD thesis, University of Cambridge,
            section 3.3: the moments; Hyndman & Fan (1996), Sample Quantiles in Statistical
            Packages, The American Statistician 50(4), definition 7: the quantiles.
        """
        level = real("level", level, low=0.0, high=1.0, high_open=True)
        if self.passes < 2:
            raise ValueError(
                f"`samples` must be >= 2 in `mc_predict` for an interval. "
                f"Received: samples={self.passes}"
            )
        low, high = (self._bound(share) for share in ((1 - level) / 2, (1 + level) / 2))
        return low, high

    def __repr__(self) -> str:
        """Return how much there is, and how uncertain it is on average."""
        shapes = keras.tree.map_structure(np.shape, self.mean)
        spread = keras.tree.map_structure(lambda std: float(f"{std.mean():.3g}"), self.std)
        return f"<MCPrediction of shape {shapes} from {self.passes} passes, mean std {spread}>"

    def _bound(self, share: float) -> Any:
        """Return the value below which this share of the predictions lies."""
        if self.samples is not None:
            return keras.tree.map_structure(
                lambda samples: np.quantile(samples, share, axis=0), self.samples
            )
        z = NormalDist().inv_cdf(share)

        def bound(mean: np.ndarray, std: np.ndarray, entropy: np.ndarray | None) -> np.ndarray:
            value = mean + z * std
            return value if entropy is None else np.clip(value, 0.0, 1.0)

        return keras.tree.map_structure(bound, self.mean, self.std, self.entropy)
