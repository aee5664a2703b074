"""Mistakes in the state that a training resumes from."""

from tests.mutants.mutant import Mutant

PLACE = "callbacks/training_state"
CASES = f"{PLACE}/test_cases.py"
STATES = f"{PLACE}/test_training_state.py {CASES}"
FAULTS = f"{PLACE}/test_faults.py"

MUTANTS = (
    Mutant(
        "callbacks/training_state.py",
        '        assign_hyperparameters(model, state["numbers"])\n',
        "",
        "rates that were assigned are forgotten",
        CASES,
    ),
    Mutant(
        "callbacks/training_state.py",
        "any(has_ended_training(callback) for callback in self._others())",
        "False",
        "a training that stopped early is trained on",
        STATES,
    ),
    Mutant(
        "callbacks/training_state.py",
        "self._save(epoch + 1, 0, {})",
        "self._save(epoch, 0, {})",
        "the last epoch is trained twice",
        STATES,
    ),
    Mutant(
        "callbacks/training_state.py",
        "with step {state['batch'] + 1} of epoch ",
        "with step {state['batch']} of epoch ",
        "what is printed names the step before",
        STATES,
    ),
    Mutant(
        "callbacks/training_state.py",
        "_deferred(model.metrics_variables) if batch else []",
        "[]",
        "the metrics of an epoch begin anew in its middle",
        CASES,
    ),
    Mutant(
        "callbacks/_training_state/variables.py",
        '    np.random.set_state(states["numpy"])\n',
        "",
        "NumPy's generator is not continued",
        CASES,
    ),
    Mutant(
        "callbacks/_training_state/variables.py",
        ", *_recurrent_states(model)]",
        "]",
        "the states of recurrent layers are forgotten",
        f"callbacks/find_learning_rate/test_find_learning_rate.py {CASES}",
    ),
    Mutant(
        "callbacks/_early_stopping/best_state.py",
        "            average.assign(variable)\n",
        "            pass\n",
        "a model that shows its moving average loses its own weights",
        "callbacks/early_stopping/test_state.py callbacks/early_stopping",
    ),
    Mutant(
        "callbacks/_training_state/folder.py",
        "len(sound) + 1 - self._keep",
        "len(sound) - self._keep",
        "one snapshot more than `keep` is left",
        STATES,
    ),
    Mutant(
        "callbacks/_training_state/folder.py",
        "sound = [number for number in numbers if number not in self._damaged]",
        "sound = numbers",
        "a damaged snapshot is kept in place of a good one",
        f"{FAULTS} {STATES}",
    ),
    Mutant(
        "callbacks/_training_state/skipped_steps.py",
        "if batch + 1 >= self._steps:",
        "if batch >= self._steps:",
        "one step more than was done is passed over",
        CASES,
    ),
    Mutant(
        "_keras_internals.py",
        '("wait", "best", "cooldown_counter")',
        '("wait", "cooldown_counter")',
        "the best value of a plateau is forgotten",
        STATES,
    ),
    Mutant(
        "callbacks/_training_state/callback_states.py",
        "seen[kind] += 1",
        "seen[kind] += 0",
        "two callbacks of one class get one state",
        STATES,
    ),
    Mutant(
        "callbacks/_training_state/fingerprint.py",
        r'r"_\d+(?=_|\b)"',
        r'r"_\d+\b"',
        "the number in a layer's name matters to its slots",
        STATES,
    ),
    Mutant(
        "_archive.py",
        "            os.remove(unfinished)\n",
        "            pass\n",
        "a file that could not be written whole is left",
        f"{FAULTS} {STATES}",
    ),
    Mutant(
        "_archive_tree.py",
        "tuple(put_together(item, find) for item in tree[_TUPLE])",
        "[put_together(item, find) for item in tree[_TUPLE]]",
        "a tuple comes back as a list",
        STATES,
    ),
)
