"""The rows of `CSVLogger` over a crash: each epoch once."""

import csv

import keras
import pytest

from keras_trainkit.callbacks import TrainingState
from keras_trainkit.callbacks._training_state import csv_rows
from tests.callbacks.training_state.crashes import Training, arrays, network

ON_TORCH = pytest.mark.short("torch")


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


INSTANTS = {"first epoch": (0, None), "later epoch": (2, None), "in the middle": (2, 4)}


@ON_TORCH
@pytest.mark.oldest
@pytest.mark.parametrize("instant", INSTANTS.values(), ids=INSTANTS)
def test_every_epoch_has_one_row_however_often_it_was_trained(instant, tmp_path):
    run = training(instant)
    run.run(tmp_path / "through")
    run.crashed(tmp_path)
    run.resumed(tmp_path)
    assert rows(tmp_path) == rows(tmp_path / "through")


@ON_TORCH
def test_a_snapshot_in_the_first_epoch_leaves_a_file_that_begins_with_its_header(tmp_path):
    run = training((0, None), save_freq=3)
    run.run(tmp_path / "through")
    run.crashed(tmp_path)
    assert len(rows(tmp_path)) == 2
    run.resumed(tmp_path)
    assert rows(tmp_path) == rows(tmp_path / "through")


@ON_TORCH
def test_a_file_that_is_another_one_is_left_alone(tmp_path):
    run = training((2, None))
    run.crashed(tmp_path)
    mine = "epoch,notes\n" + "".join(f"{epoch},mine\n" for epoch in range(99))
    (tmp_path / "log.csv").write_text(mine)
    run.resumed(tmp_path)
    assert (tmp_path / "log.csv").read_text().startswith(mine)


@ON_TORCH
def test_a_file_that_has_been_moved_away_is_begun_anew(tmp_path):
    run = training((2, None))
    run.crashed(tmp_path)
    (tmp_path / "log.csv").unlink()
    run.resumed(tmp_path)
    assert [row[0] for row in rows(tmp_path)] == ["epoch", "2", "3"]


@ON_TORCH
def test_says_that_the_rows_will_be_lost_without_append(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    with pytest.warns(UserWarning, match="Pass it `append=True` to keep the rows"):
        network().fit(**arrays(), verbose=0, callbacks=[logger, TrainingState(tmp_path / "state")])


def grown(tmp_path, before, rows):
    """Return a file that had some rows when a training began, and some more by now."""
    path = tmp_path / "log.csv"
    path.write_text(before)
    logger = keras.callbacks.CSVLogger(path, append=True)
    state = csv_rows.written(logger)
    path.write_text(before + rows)
    return path, logger, state


@pytest.mark.host
@pytest.mark.parametrize("before", ["", "epoch,loss\n0,1.5\n1,1.25\n"])
@pytest.mark.parametrize(
    ("rows", "is_cut"),
    [
        ("2,1.0\n", True),
        ("2,1.0\n3,0.5\n", True),
        ("2,1.0\n3,0.", True),  # The last one was being written.
        ("0,1.0\n0,1.0\n1,0.5\n", False),  # Another training has written there since.
        ("2,1.0\nnotes,mine\n", False),
        ("", False),
    ],
)
def test_only_rows_of_epochs_that_follow_each_other_are_removed(before, rows, is_cut, tmp_path):
    header = "" if before else "epoch,loss\n"
    path, logger, state = grown(tmp_path, before, header + rows)
    csv_rows.cut_back(logger, state)
    assert path.read_text() == (before if is_cut else before + header + rows)


@pytest.mark.host
def test_before_the_first_snapshot_no_more_than_one_row_can_be_its_own(tmp_path):
    path, logger, state = grown(tmp_path, "", "epoch,loss\n0,1.5\n1,1.0\n")
    csv_rows.cut_back(logger, state, most=1)
    assert path.read_text() == "epoch,loss\n0,1.5\n1,1.0\n"
