"""The table of what is kept in docs/stopping_and_resuming.md: each row, and the tests of it."""

import ast
import pathlib
import re

import pytest

pytestmark = pytest.mark.host

TESTS = pathlib.Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "stopping_and_resuming.md"
STOPPING, STATE = "callbacks/early_stopping", "callbacks/training_state"

PROMISE = {
    "Ctrl-C, at any instant": [
        f"{STOPPING}/test_interruptions.py::test_gives_the_best_weights_back_from_random_instants",
        f"{STATE}/test_training_state.py::test_goes_on_in_the_same_process_after_ctrl_c",
        f"{STATE}/test_faults.py::test_ctrl_c_while_a_snapshot_is_written_leaves_the_last_one",
    ],
    "Ctrl-C twice, at any two instants": [
        f"{STOPPING}/test_pressing.py::test_nothing_is_lost_when_ctrl_c_comes_twice",
        "test_interruption.py::test_every_signal_comes_when_the_block_is_over",
    ],
    "an exception, anywhere in `fit`": [
        f"{STOPPING}/test_interruptions.py::test_gives_the_best_weights_back_from_random_instants",
        f"{STATE}/test_cases.py::test_goes_on_from_any_instant",
        f"{STATE}/test_first_fit.py::test_an_error_while_steps_are_passed_over_leaves_nothing_behind",
    ],
    'SIGTERM with `on_signal="exit"`': [
        f"{STATE}/test_signals.py::test_loses_no_step_and_gives_the_best_weights_back",
        f"{STATE}/test_kill.py::test_a_killed_training_ends_as_if_never_killed",
    ],
    "SIGTERM with a handler of yours that raises": [
        f"{STOPPING}/test_interruptions.py::test_finishes_a_restoration_that_sigterm_comes_into",
    ],
    "SIGTERM without a handler, SIGKILL": [
        f"{STATE}/test_kill.py::test_a_killed_training_ends_as_if_never_killed",
    ],
    "full disk": [
        f"{STATE}/test_faults.py::test_makes_room_on_a_full_disk_by_keeping_one_snapshot_only",
        f"{STATE}/test_faults.py::test_goes_on_where_the_disk_is_full",
        f"{STOPPING}/test_storage.py::test_uses_memory_where_the_disk_is_full_after_the_first_file",
    ],
    "lost mount, while training": [
        f"{STATE}/test_faults.py::test_another_error_than_a_full_disk_costs_no_snapshot",
        f"{STATE}/test_faults.py::test_warns_again_when_writing_fails_again_after_it_has_worked",
    ],
    "lost mount, no permission, when `fit` begins": [
        f"{STATE}/test_faults.py::"
        "test_a_snapshot_that_cannot_be_read_now_is_an_error_that_names_the_reason",
    ],
    "a damaged snapshot": [
        f"{STATE}/test_faults.py::test_trains_on_from_the_snapshot_before_a_damaged_one",
        f"{STATE}/test_faults.py::test_a_damaged_snapshot_is_left_for_whoever_can_mend_it",
    ],
    "second process, or a `fit` inside of this one": [
        f"{STATE}/test_place.py::test_a_second_process_is_refused_as_long_as_the_first_trains",
        f"{STATE}/test_place.py::test_a_fit_inside_of_another_needs_a_folder_of_its_own",
        f"{STATE}/test_place.py::test_a_killed_process_holds_nothing",
    ],
    "two `EarlyStopping` on one `directory`": [
        f"{STOPPING}/test_shared_folder.py::test_two_callbacks_of_one_fit_keep_what_each_found_best",
        f"{STOPPING}/test_shared_folder.py::test_two_processes_keep_what_each_found_best",
    ],
    "edited script": [
        f"{STATE}/test_edits.py::test_an_edited_number_takes_effect_and_is_said",
        f"{STATE}/test_edits.py::test_every_other_edit_is_said",
        f"{STATE}/test_callback_states.py::"
        "test_a_callback_takes_no_state_of_another_and_begins_anew",
    ],
    "other model in this process": [
        f"{STATE}/test_place.py::"
        "test_another_model_of_the_process_never_goes_on_with_an_interrupted_training",
        f"{STATE}/test_place.py::test_a_new_process_takes_the_trainings_in_the_order_of_the_script",
    ],
    "other model in a new process": [
        f"{STATE}/test_faults.py::test_refuses_a_snapshot_of_another_model_and_changes_nothing",
    ],
    "a snapshot of another version's format": [
        f"{STATE}/test_faults.py::test_refuses_a_snapshot_of_another_version",
    ],
    "a callback's state that cannot be saved": [
        f"{STATE}/test_training_state.py::"
        "test_warns_of_a_state_that_cannot_be_saved_and_leaves_it_out",
    ],
}


def test_the_table_has_the_rows_that_are_tested():
    table = DOCUMENT.read_text().partition("## What is kept")[2].partition("\n\nEach row")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    assert rows[0] == "event"
    assert rows[1:] == list(PROMISE)


@pytest.mark.parametrize("event", PROMISE)
def test_the_tests_of_a_row_exist(event):
    for test in PROMISE[event]:
        file, _, name = test.partition("::")
        functions = ast.walk(ast.parse((TESTS / file).read_text()))
        assert name in {one.name for one in functions if isinstance(one, ast.FunctionDef)}, test
