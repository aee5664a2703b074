"""What a network makes of padding: where it is, who is told of it, what it leaves of sequences."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import preflight
from keras_trainkit.diagnosis._preflight.masks import padding_of
from keras_trainkit.diagnosis._preflight.padding import padding_in
from keras_trainkit.diagnosis.facts import Facts
from tests.contracts import array

RNG = np.random.default_rng(0)
LENGTH, WORDS = 40, 4
SENTENCES = RNG.integers(1, 20, (24, WORDS))
BEHIND = np.pad(SENTENCES, ((0, 0), (0, LENGTH - WORDS)))
AHEAD = np.pad(SENTENCES, ((0, 0), (LENGTH - WORDS, 0)))


class Scale(layers.Layer):
    """Does nothing of interest, and says nothing of masks."""

    def call(self, x):
        return 2.0 * x


def reading(*stack, mask_zero=False, length=LENGTH):
    """Return a network that reads tokens."""
    embedding = layers.Embedding(20, 6, mask_zero=mask_zero, name="embedding")
    tokens = keras.Input((length,), dtype="int32")
    return keras.Sequential([tokens, embedding, *stack, layers.Dense(1)], name="net")


@pytest.mark.host
def test_padding_is_found_at_either_end():
    found = padding_in(np.array([[3, 1, 0, 0], [2, 0, 5, 0], [0, 1, 2, 3], [0, 0, 0, 0]]))
    assert found.content == 0
    assert found.after.tolist() == [2, 1, 0, 4]
    assert found.before.tolist() == [0, 0, 1, 0]
    assert found.steps.sum(axis=1).tolist() == [2, 1, 1, 4]
    assert found.is_empty.tolist() == [False, False, False, True]


@pytest.mark.host
def test_a_step_of_several_numbers_is_padding_as_a_whole():
    rows = np.arange(24.0).reshape(2, 4, 3)
    rows[:, 2:] = [0.0, 0.5, 1.0]
    assert padding_in(rows).after.tolist() == [2, 2]
    rows[:, 2:, 1] = RNG.normal(size=(2, 2))
    assert padding_in(rows) is None


@pytest.mark.host
@pytest.mark.parametrize(
    "rows", [np.zeros(5), np.zeros((1, 5)), np.zeros((2, 3, 4, 5)), np.array([["a", ""]] * 3)]
)
def test_what_is_no_sequences_has_no_padding(rows):
    assert padding_in(rows) is None


def test_a_gru_forgets_what_stands_before_the_padding_unless_it_is_told():
    keras.utils.set_random_seed(0)
    unmasked = padding_of(reading(layers.GRU(8)), BEHIND)
    assert unmasked.kept < 1e-5
    assert (unmasked.before, unmasked.after) == (0.0, 1 - WORDS / LENGTH)
    assert (unmasked.mask, unmasked.is_masked, unmasked.value) == ("", False, 0.0)
    masked = padding_of(reading(layers.GRU(8), mask_zero=True), BEHIND)
    assert masked.kept == pytest.approx(1)
    assert (masked.mask, masked.is_masked) == ("net/embedding", True)
    assert (masked.hides, masked.hides_others) == (1.0, 0.0)


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [layers.Bidirectional(layers.GRU(8))],
        lambda: [layers.GlobalAveragePooling1D()],
        lambda: [layers.GRU(8, return_sequences=True), layers.GlobalAveragePooling1D()],
    ],
)
def test_what_reads_both_ends_or_all_steps_forgets_little(stack):
    assert padding_of(reading(*stack()), BEHIND).kept > 0.1


def test_padding_in_front_leaves_everything():
    facts = padding_of(reading(layers.GRU(8)), AHEAD)
    assert (facts.before, facts.after, facts.kept) == (1 - WORDS / LENGTH, 0.0, 1.0)


@pytest.mark.parametrize(
    "stack",
    [lambda: [layers.Flatten()], lambda: [layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()]],
)
def test_a_network_in_which_no_layer_can_leave_out_steps_has_no_padding(stack):
    assert padding_of(reading(*stack()), BEHIND) is None


@pytest.mark.filterwarnings("ignore:Layer 'scale:UserWarning")
def test_the_layer_that_stops_a_mask_is_named():
    model = reading(Scale(name="scale"), layers.Dropout(0.5), layers.GRU(8), mask_zero=True)
    facts = padding_of(model, BEHIND)
    assert (facts.mask, facts.is_masked, facts.barrier) == ("net/embedding", False, "net/scale")
    assert facts.kept < 1e-5
    model.get_layer("scale").supports_masking = True
    facts = padding_of(model, BEHIND)
    assert (facts.is_masked, facts.barrier) == (True, "")
    assert facts.kept == pytest.approx(1)


def test_an_operation_that_loses_a_mask_is_no_layer_with_a_name():
    tokens = keras.Input((LENGTH,), dtype="int32")
    doubled = layers.Embedding(20, 6, mask_zero=True)(tokens) * 2.0
    facts = padding_of(keras.Model(tokens, layers.GRU(8)(doubled)), BEHIND)
    assert (bool(facts.mask), facts.is_masked, facts.barrier) == (True, False, "")


def test_attention_is_told_of_the_mask_that_an_embedding_makes():
    tokens = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(20, 6, mask_zero=True, name="embedding")(tokens)
    x = layers.Add()([x, layers.MultiHeadAttention(1, 4)(x, x)])
    facts = padding_of(keras.Model(tokens, layers.GlobalAveragePooling1D()(x)), BEHIND)
    assert (facts.mask, facts.hides, facts.is_masked) == ("embedding", 1.0, True)


def test_a_mask_of_another_value_hides_nothing():
    x = RNG.normal(size=(12, LENGTH, 3)).astype("float32")
    x[:, WORDS:] = 0.0
    stack = [layers.Masking(), layers.Dense(4, "tanh"), layers.GRU(6), layers.Dense(1)]
    model = keras.Sequential([keras.Input((LENGTH, 3)), *stack])
    right, wrong = padding_of(model, x), padding_of(model, x - 0.5)
    assert (right.hides, right.value) == (1.0, 0.0)
    assert right.kept == pytest.approx(1)
    assert (wrong.hides, wrong.value, wrong.is_masked) == (0.0, -0.5, True)
    assert wrong.kept < 1e-4
    assert np.isnan(padding_of(model, x - np.array([0.5, 1.0, 2.0], "float32")).value)


def test_a_mask_hides_zeros_that_are_no_padding():
    bits = RNG.integers(0, 2, (24, 16))
    facts = padding_of(reading(layers.GRU(4), mask_zero=True, length=16), bits)
    assert 0.3 < facts.hides_others < 0.6


def test_in_half_precision_too_little_is_seen_to_tell():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = reading(layers.GRU(8))
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isnan(padding_of(model, BEHIND).kept)


def test_nothing_remains():
    model = reading(layers.GRU(8, dropout=0.5, seed=1), mask_zero=True)
    before = [array(variable) for variable in model.variables]
    padding_of(model, BEHIND)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    assert not [layer for layer in model.layers if "call" in vars(layer)]


def test_preflight_and_a_monitor_see_the_same_and_files_keep_it():
    keras.utils.set_random_seed(0)
    model, y = reading(layers.GRU(8)), SENTENCES[:, :1] / 20
    model.compile("adam", "mse")
    found = preflight(model, BEHIND, y, epochs=500, one_batch=False)
    (finding,) = [each for each in found if each.condition == "bad_data"]
    assert (finding.name, finding.severity) == ("padding_not_masked", "warning")
    monitor = GradientMonitor()
    model.fit(BEHIND, y, batch_size=24, shuffle=False, verbose=0, callbacks=[monitor])
    facts = monitor.history.facts
    assert facts.trial.padding.kept < 1e-5
    assert Facts.from_dict(facts.to_dict()) == facts


def test_the_printed_remedy_mends_it():
    keras.utils.set_random_seed(0)
    model = reading(layers.GRU(8))
    model.compile("adam", "mse")
    found = preflight(model, BEHIND, SENTENCES[:, :1], one_batch=False)
    (finding,) = [each for each in found if each.condition == "bad_data"]
    masked, moved = finding.remedies
    assert masked.code == "keras.layers.Embedding(20, 6, mask_zero=True)"
    assert padding_of(masked.apply(model), BEHIND).kept == pytest.approx(1)
    script = {"np": np, "x": BEHIND}
    exec(moved.code, script)
    np.testing.assert_array_equal(script["x"], AHEAD)
