"""Search by a tree-structured Parzen estimator."""

import warnings
from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner._execution.tuner import Tuner
from keras_trainkit.tuner._oracle import history, proposals
from keras_trainkit.tuner._oracle.oracle import Oracle

# Those of KerasTuner's Gaussian process.
ALPHA, BETA = 1e-4, 2.6
INITIAL_POINTS = 8


class BayesianOptimization(Tuner):
    """Search that learns from its trials, by a tree-structured Parzen estimator.

        x = argmax l(x) / g(x)

    Here l is the density of the hyperparameters in the best quarter of the trials, of at most 25, g
    that in all others, and the maximum is over 24 draws from l. The first trial has the defaults,
    those behind it are drawn at random. A trial that has failed counts as worse than the worst, so
    that its surroundings are avoided; one that is running counts as the worst, so that two are not
    alike.

    All else is as in `RandomSearch`, and all arguments mean the same. It is
    `keras_tuner.BayesianOptimization` for whoever changes the import.

    Args:
        hypermodel: See `RandomSearch`.
        objective: See `RandomSearch`.
        max_trials: See `RandomSearch`.
        num_initial_points: int >= 1. Number of trials before it learns, the first included.
            Defaults to 8.
        alpha: float. Not used; a Gaussian process would.
        beta: float. Not used; a Gaussian process would.
        seed: See `RandomSearch`.
        hyperparameters: See `RandomSearch`.
        tune_new_entries: See `RandomSearch`.
        allow_new_entries: See `RandomSearch`.
        max_retries_per_trial: See `RandomSearch`.
        max_consecutive_failed_trials: See `RandomSearch`.
        **kwargs: See `RandomSearch`.

    Raises:
        ValueError: as `RandomSearch`, or if `num_initial_points` is not an int >= 1.

    Differs from KerasTuner: besides what is different in `RandomSearch`, there is no Gaussian
        process. Another `alpha` or `beta` than KerasTuner's defaults gets a warning.

    Example:
        >>> import tempfile
        >>> from keras_trainkit.tuner import BayesianOptimization
        >>> class Parabola(BayesianOptimization):
        ...     def run_trial(self, trial, **arguments):
        ...         return (trial.hyperparameters.Float("x", -1, 1) - 0.5) ** 2
        >>> tuner = Parabola(max_trials=20, seed=0, directory=tempfile.mkdtemp())
        >>> tuner.search(verbose=0)
        >>> abs(tuner.get_best_hyperparameters()[0]["x"] - 0.5) < 0.1
        True

    Reference:
        Bergstra et al. (2011), Algorithms for hyper-parameter optimization, NeurIPS 24.
        Watanabe (2023), Tree-structured Parzen estimator, arXiv:2304.11127.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float = ALPHA,
        beta: float = BETA,
        seed: int | None = None,
        hyperparameters: HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        points = INITIAL_POINTS if num_initial_points is None else num_initial_points
        points = _validation.integer("num_initial_points", points, low=1)
        if (alpha, beta) != (ALPHA, BETA):
            warnings.warn(
                "`alpha` and `beta` are for a Gaussian process; this search has none and does "
                f"without them. Received: alpha={alpha}, beta={beta}",
                stacklevel=2,
            )
        sampler = partial(history.tpe_sampler, initial_points=points)
        oracle = Oracle(
            partial(proposals.of_sampler, sampler=sampler),
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        super().__init__(oracle, hypermodel, **kwargs)
