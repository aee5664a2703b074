"""The learning-rate range test."""

import inspect
import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import counted_batches
from keras_trainkit.callbacks._find_learning_rate import curve
from keras_trainkit.callbacks._find_learning_rate.plot import plot_range
from keras_trainkit.callbacks._find_learning_rate.proof import Proof, best, described, prove
from keras_trainkit.callbacks._find_learning_rate.restored_model import restored
from keras_trainkit.callbacks._find_learning_rate.sweep import Sweep
from keras_trainkit.callbacks._learning_rate.rates import chosen_optimizers, rate_variable
from keras_trainkit.callbacks._learning_rate.scalar import check_reach

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What `fit` says of data that is repeated here anyway.
_EXPECTED = ("Your input ran out of data", "`shuffle=True` was passed")


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateRange(curve.Curve):
    """Losses over learning rates, and what they suggest; `print` it to read it.

    Attributes:
        learning_rates: float64 array, shape `(points,)`. Rising by one factor.
        losses: float64 array, shape `(points,)`. Mean loss of the batches of each learning rate,
            before its update; all finite.
        smoothed: float64 array, shape `(points,)`. The losses without their noise.
        ending: str. Why there are no more points: `"end"` (of the interval), `"diverged"`, or
            `"nonfinite"` (the next loss was NaN or infinite).
        proofs: tuple. The short trainings at the suggested rate and at lower ones, each with
            `learning_rate`, `losses` and `loss`, the mean of the last third.
    """

    proofs: tuple[Proof, ...] = ()

    @property
    def steepest(self) -> float:
        """The learning rate at which the smoothed loss falls fastest per decade."""
        return float(self.learning_rates[curve.steepest(self.smoothed)])

    @property
    def valley(self) -> float:
        """The learning rate in the middle of the longest fall of the smoothed loss."""
        return float(self.learning_rates[curve.valley(self.smoothed)])

    @property
    def minimum(self) -> float:
        """The learning rate at which the smoothed loss is lowest."""
        return float(self.learning_rates[curve.minimum(self.smoothed)])

    @property
    def suggestion(self) -> float:
        """The learning rate to begin with; NaN if the loss never fell."""
        return best(self.proofs).learning_rate if self.proofs else curve.suggest(self)[0]

    @property
    def reason(self) -> str:
        """Which rule the suggestion comes from, and what to change if the test was not whole."""
        found, reason = curve.suggest(self)
        if not self.proofs:
            return reason
        if self.suggestion != found:
            reason = (
                f"Suggestion {self.suggestion:.3g}: training works less well at {found:.3g}, a "
                "fifth of where the smoothed loss is lowest."
            )
        return reason + described(self.proofs)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the losses, the smoothed curve, the suggestion and the diverging region.

        Args:
            ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
        """
        return plot_range(
            self.learning_rates,
            self.losses,
            self.smoothed,
            diverged=self.ending != "end",
            suggestion=self.suggestion,
            ax=ax,
        )

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<LearningRateRange: suggestion {self.suggestion:.3g}, {len(self.losses)} points from "
            f"{self.learning_rates[0]:.3g} to {self.learning_rates[-1]:.3g}, ending: {self.ending}>"
        )

    def __str__(self) -> str:
        """Return a table of the points that the rules pick."""
        return "\n".join(
            [
                f"Learning-rate range test from {self.learning_rates[0]:.3g} to "
                f"{self.learning_rates[-1]:.3g} ({len(self.losses)} points, ending: {self.ending})",
                f"  steepest descent   {self.steepest:.3g}",
                f"  valley             {self.valley:.3g}",
                f"  minimum            {self.minimum:.3g}  (a tenth: {self.minimum / 10:.3g})",
                f"  suggestion         {self.suggestion:.3g}",
                self.reason,
            ]
        )


def find_learning_rate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    min_learning_rate: float = 1e-6,
    max_learning_rate: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.25,
    divergence: float = 4.0,
    proving_steps: int = 100,
) -> LearningRateRange:
    """Learning-rate range test: train while the rate grows, watch the loss, take it all back.

        lr_i = min_learning_rate (max_learning_rate / min_learning_rate)^(i / (steps - 1))
        suggestion = 1/5 of the learning rate at which the smoothed loss is lowest

    Step i trains on the next batch with lr_i; `losses[i]` is the loss of that batch alone, before
    its update. Shorter data is passed over again. The sweep ends early at a loss that is not
    finite, and when the smoothed loss so far exceeds both `divergence` times its best value and
    every single loss at rates two widths of the smoothing lower. So that batches which merely
    scatter do not end it, those lower rates must be a fifth of the `steps`, and the highest loss
    counts as no more than the second highest. Afterwards the losses behind the lowest are cut off
    at that limit, and all are smoothed by a Gaussian over log10(lr), which has no lag.

    The rule was chosen among those that `LearningRateRange` lists, by how close each comes to the
    best of a grid in ten trainings with NAG and Adam (benchmarks/find_learning_rate.py): with any
    fraction from 1/4 to 1/10 nearly all of them are within one point of accuracy. The steepest
    descent is less safe: noise moves it, and in deeper networks it is close to divergence. The
    middle of the longest fall is too low there, since the loss begins to fall, slowly, at tiny
    rates.

    The suggestion is then proved: the model is put back and trains for `proving_steps` updates at
    it, and at an eighth of it and of that while the lower rate is not clearly worse. What is
    suggested is the highest of them that does not end clearly above another, by the losses of the
    last third, on the same batches. A model that sticks when it begins at a large rate does so
    there, and not in the sweep, whose low rates come first. Two or three such trainings take two or
    three times as long as the sweep.

    Afterwards weights, moving statistics, seeds, metrics, the optimizer with its learning rate, the
    attributes that `fit` leaves and the generators of Python, NumPy and PyTorch (on the CPU) are as
    before, bit for bit, also if the test was interrupted. What was not built is built at its
    initial values, and the generators then stand where the first step of a `fit` would have
    found them: the next `fit` trains as it would have without the test. (On PyTorch, if that
    first `fit` shuffles, as the test does: data in order draws less from the generator, from which
    dropout without a seed draws as well.) Not put back are TensorFlow's and Keras's global
    generators, buffers of modules of PyTorch, and what a data set keeps of its own: a generator
    loses the batches that were drawn, and a `PyDataset` with several workers may be shuffled in
    another order.

    Args:
        model: compiled `keras.Model`, whose optimizer has a number for its learning rate.
        x: what `fit` takes: arrays, lists or dicts of arrays (shuffled), `tf.data.Dataset`,
            `keras.utils.PyDataset`, `torch.utils.data.DataLoader`, or a generator of at least as
            many batches as the sweep takes, which are kept and repeated to prove the suggestion.
        y: targets, if `x` is arrays. Defaults to `None`.
        sample_weight: array of weights of the rows, if `x` is arrays. Defaults to `None`.
        batch_size: int >= 1. Rows of a batch, if `x` is arrays. Defaults to `None`, which is 32.
        optimizer: str. Which of several optimizers that train is swept, by the name that
            `LearningRate` gives it; the others train at their own rates. Defaults to `None`.
        min_learning_rate: float > 0. Where the sweep begins. Defaults to `1e-6`.
        max_learning_rate: float > `min_learning_rate`. Where it ends. Defaults to `10.0`.
        steps: int >= 10. Number of learning rates. Each has one update: as many batches as the
            optimizer accumulates, or as `steps_per_execution` takes at once, and then the mean
            of their losses. With fewer than about ten to a decade the suggestion is too large: the
            loss then falls at larger rates. Defaults to `100`.
        smoothing: float >= 0, in decades of the learning rate. Standard deviation of the Gaussian.
            Defaults to `0.25`.
        divergence: float > 1. Multiple of the best loss L that ends the sweep (if L < 0, the loss
            L + (divergence - 1) |L|). `inf` never ends it and cuts nothing off, to look at the
            losses; the suggestion is then too low or NaN. Defaults to `4.0`.
        proving_steps: int >= 0. Updates of each short training; 0 for none. Defaults to `100`.

    Returns:
        `LearningRateRange`: the arrays, `suggestion`, `reason` and `plot()`. The model keeps its
        learning rate; assign `model.optimizer.learning_rate = found.suggestion`. If that is NaN,
        `reason` is also a warning.

    Raises:
        ValueError: if an argument is outside its interval, the model is not compiled, several
            optimizers train and none is named, its learning rate is a schedule, or is one that
            compiled steps do not read, its `train_step` logs no "loss", the first loss is not
            finite, the optimizer takes no step, or the data ends before the sweep.

    Differs from Keras: Keras has no range test.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.callbacks import find_learning_rate
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.01), loss="mse")
        >>> x = np.eye(2)
        >>> found = find_learning_rate(model, x, x[:, :1])
        >>> found.ending, bool(0.01 < found.suggestion < 1)
        ('diverged', True)
        >>> model.optimizer.learning_rate = found.suggestion

    Reference: Smith, L. N. (2017), Cyclical Learning Rates for Training Neural Networks,
    arXiv:1506.01186, section 3.3; with the exponential sweep of Howard, J. & Gugger, S. (2020),
    Fastai: A Layered API for Deep Learning, arXiv:2002.04688, whose rules are `valley` and a
    tenth of `minimum`.
    """
    swept = _swept_optimizer(model, optimizer)
    if batch_size is not None:
        batch_size = _validation.integer("batch_size", batch_size, low=1)
    low = _validation.positive("min_learning_rate", min_learning_rate)
    high = _validation.positive("max_learning_rate", max_learning_rate)
    if high <= low:
        raise _validation.invalid("max_learning_rate", f"> min_learning_rate={low:g}", high)
    steps = _validation.integer("steps", steps, low=10)
    smoothing = _validation.real("smoothing", smoothing, low=0.0)
    if divergence != math.inf and _validation.positive("divergence", divergence) <= 1:
        raise _validation.invalid("divergence", "> 1", divergence)
    rates = np.geomspace(low, high, steps)
    proving_steps = _validation.integer("proving_steps", proving_steps, low=0)
    data = Repeated(x) if proving_steps and inspect.isgenerator(x) else None
    with restored(model) as snapshot:

        def train(sweep: Sweep) -> Sweep:
            batches = x if data is None else data.begin()
            _fit(model, batches, y, sample_weight, batch_size, sweep)
            return sweep

        def train_at(rate: float) -> Proof:
            snapshot.begin_again()
            proof = train(Sweep(np.full(proving_steps, rate), 0.0, math.inf, snapshot, swept))
            return Proof(rate, np.array(proof.losses), proof.ending == "end")

        counted = counted_batches(swept)
        sweep = train(Sweep(rates, smoothing, divergence, snapshot, swept))
        if counted_batches(swept) == counted:
            raise _validation.invalid("optimizer", "one that takes steps in training", swept.name)
        found = _range(sweep, rates, smoothing)
        if proving_steps and not math.isnan(found.suggestion):
            found = replace(found, proofs=tuple(prove(found.suggestion, train_at)))
    if math.isnan(found.suggestion):
        warnings.warn(found.reason, stacklevel=2)
    return found


def _swept_optimizer(model: Any, name: str | None) -> Any:
    """Return the optimizer whose rate is swept, or raise if that cannot be done."""
    if not isinstance(model, keras.Model) or not (model.compiled and model.optimizer):
        raise _validation.invalid("model", "a `keras.Model` compiled with an optimizer", model)
    optimizers = chosen_optimizers(model)
    if name is None and len(optimizers) > 1:
        listed = ", ".join(map(repr, optimizers))
        raise _validation.invalid("optimizer", f"given where several train: one of {listed}", name)
    if name is not None:
        _validation.one_of("optimizer", name, optimizers)
    optimizer = optimizers[name or next(iter(optimizers))]
    rate = rate_variable(
        optimizer,
        "a number while its range is tested: compile the model with a float, and build the "
        "schedule from the suggestion",
    )
    check_reach(model, rate)
    return optimizer


def _range(sweep: Sweep, rates: np.ndarray, smoothing: float) -> LearningRateRange:
    losses = np.array(sweep.losses)
    rates = rates[: len(losses)]
    smoothed = curve.smooth(rates, curve.cut_off(losses, sweep.limit), smoothing)
    return LearningRateRange(rates, losses, smoothed, sweep.ending)


class Repeated:
    """The batches of a generator, kept as they are drawn, to be given again.

    Args:
        batches: a generator.
    """

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches
        self._drawn: list[Any] = []

    def begin(self) -> Iterator[Any]:
        """Yield what the generator yields; afterwards what it has yielded, again and again."""
        if self._drawn:
            yield from itertools.cycle(list(self._drawn))
        for batch in self._batches:
            self._drawn.append(batch)
            yield batch


def _fit(
    model: keras.Model, x: Any, y: Any, sample_weight: Any, batch_size: int | None, sweep: Sweep
) -> None:
    """Train until the sweep is over, in as many passes over the data as it takes."""
    calls = sweep.points * sweep.calls_per_point(model)
    with warnings.catch_warnings():
        for message in _EXPECTED:
            warnings.filterwarnings("ignore", message)
        model.fit(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            epochs=1 if inspect.isgenerator(x) else calls,
            verbose=0,
            callbacks=[sweep],
        )
    if not sweep.ending:
        needed, received = calls * model.steps_per_execution, len(sweep.losses)
        raise ValueError(
            f"`x` must yield {needed} batches, and a generator cannot begin anew. Received: "
            f"{received} points of {sweep.points}"
        )
