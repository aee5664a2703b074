"""The rows of `CSVLogger` over a crash: each epoch once."""

import csv

import keras
import pytest

from keras_trainkit.callbacks import TrainingState
from tests.callbacks.training_state.crashes import Training, arrays, network
from tests.selection import full_on_torch

BEHIND = pytest.mark.short("torch")


loggers = []


@pytest.fixture(autouse=True)
def closed():
    """Close what Keras leaves open when `fit` raises."""
    yield
    while loggers:
        loggers.pop().csv_file.close()


def training(instant, **arguments):
    def callbacks(folder):
        loggers.append(keras.callbacks.CSVLogger(folder / "log.csv", append=True))
        return loggers[-1:]

    return Training(callbacks=callbacks, crash=instant, **{"save_freq": "epoch", **arguments})


def rows(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.reader(file))


INSTANTS = {"second epoch": (1, None), "later epoch": (2, None), "in the middle": (2, 4)}


@pytest.mark.oldest
@pytest.mark.parametrize(
    "instant",
    full_on_torch(
        [pytest.param(instant, id=name) for name, instant in INSTANTS.items()],
        keep=("later epoch",),
    ),
)
def test_every_epoch_has_one_row_however_often_it_was_trained(instant, tmp_path):
    run = training(instant)
    run.run(tmp_path / "through")
    run.crashed(tmp_path)
    run.resumed(tmp_path)
    assert rows(tmp_path) == rows(tmp_path / "through")


@BEHIND
def test_a_snapshot_in_the_first_epoch_leaves_a_file_that_begins_with_its_header(tmp_path):
    run = training((0, None), save_freq=3)
    run.run(tmp_path / "through")
    run.crashed(tmp_path)
    assert len(rows(tmp_path)) == 2
    run.resumed(tmp_path)
    assert rows(tmp_path) == rows(tmp_path / "through")


@BEHIND
def test_a_file_that_is_another_one_is_left_alone(tmp_path):
    run = training((2, None))
    run.crashed(tmp_path)
    mine = "epoch,notes\n" + "".join(f"{epoch},mine\n" for epoch in range(99))
    (tmp_path / "log.csv").write_text(mine)
    run.resumed(tmp_path)
    assert (tmp_path / "log.csv").read_text().startswith(mine)


@BEHIND
def test_a_file_that_has_been_moved_away_is_begun_anew(tmp_path):
    run = training((2, None))
    run.crashed(tmp_path)
    (tmp_path / "log.csv").unlink()
    run.resumed(tmp_path)
    assert [row[0] for row in rows(tmp_path)] == ["epoch", "2", "3"]


@BEHIND
def test_says_that_the_rows_will_be_lost_without_append(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    with pytest.warns(UserWarning, match="Pass it `append=True` to keep the rows"):
        network().fit(**arrays(), verbose=0, callbacks=[logger, TrainingState(tmp_path / "state")])
