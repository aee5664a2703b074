"""A space in which three configurations in ten diverge, under all four tuners."""

import math

import keras_tuner
import pytest

from keras_trainkit.tuner import BayesianOptimization, GridSearch, Hyperband
from tests.tuner.execution.curves import Curves, Quick, lengths
from tests.tuner.searches import TUNERS

pytestmark = pytest.mark.host

EPOCHS, TRIALS = 9, 30
# A plan of brackets, and a grid that is exhausted.
COUNTS = {Hyperband: 17, GridSearch: 9}
# Above it, three tenths of the range.
EDGE = 0.7


class Diverging(Curves):
    """The loss falls towards the distance from 0.6; above the edge it is soon infinite."""

    def build(self, hp):
        hp.Float("rate", 0, 1)
        hp.Fixed("x", 0)
        return super().build(hp)

    def fit(self, hp, model, **arguments):
        rate = hp.get("rate")

        def loss(x, epoch):
            return math.inf if rate > EDGE and epoch > 1 else abs(rate - 0.6) + 1 / epoch

        self.loss = loss
        return super().fit(hp, model, **arguments)


def searched(kind, folder, seed):
    options = {"max_epochs": EPOCHS} if kind is Hyperband else {"max_trials": TRIALS}
    made = type(kind.__name__, (Quick, kind), {})(
        Diverging(None),
        keras_tuner.Objective("loss", "min"),
        seed=seed,
        directory=folder,
        project_name="search",
        **options,
    )
    made.search(verbose=0)
    return made


@pytest.mark.parametrize("kind", TUNERS.values(), ids=TUNERS)
def test_every_failure_has_a_reason_and_ends_nothing(kind, tmp_path):
    made = searched(kind, tmp_path, seed=2)
    trials = list(made.oracle.trials.values())
    assert len(trials) == COUNTS.get(kind, TRIALS)
    for trial, length in zip(trials, lengths(made), strict=True):
        diverged = trial.hyperparameters["rate"] > EDGE and length > 1
        assert trial.status == ("FAILED" if diverged else "COMPLETED")
        if diverged:
            assert trial.message.startswith("Diverged: `loss` was inf after epoch 2")
    assert {"COMPLETED", "FAILED"} == {trial.status for trial in trials}
    best = made.oracle.get_best_trials()[0]
    assert abs(best.hyperparameters["rate"] - 0.6) < 0.2
    assert lengths(made)[int(best.trial_id)] == EPOCHS


def test_the_estimator_keeps_away_from_where_trainings_diverge(tmp_path):
    late = []
    for seed in range(3):
        made = searched(BayesianOptimization, tmp_path / str(seed), seed)
        late += [trial.hyperparameters["rate"] for trial in made.oracle.trials.values()][15:]
    assert sum(rate > EDGE for rate in late) < 0.2 * len(late)
