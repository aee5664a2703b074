"""What files hold: training goes on bit for bit in another process, and from Keras's files."""

import pickle

import h5py
import keras
import numpy as np
import pytest

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam, PercentileClipping
from tests import contracts
from tests.optimizers import planes

pytestmark = pytest.mark.oldest

BATCH, BATCHES = 8, 6
# XLA's compilation is TensorFlow's default, and slow.
JIT = False if keras.backend.backend() == "tensorflow" else "auto"


def assigned():
    optimizer = Nadam(0.01, clipnorm=1.0)
    optimizer.beta_1, optimizer.clipnorm, optimizer.learning_rate = 0.5, 0.1, 0.02
    return optimizer


CASES = {
    "nag": lambda: NAG(0.05),
    "heavy-ball": lambda: NAG(0.05, nesterov=False),
    "torch-velocity": lambda: NAG(
        0.05, torch_velocity=True, learning_rate_multipliers={"bias": 0.5}
    ),
    "adam": lambda: Adam(0.01),
    "amsgrad": lambda: Adam(0.01, amsgrad=True),
    "epsilon-hat": lambda: Adam(0.01, epsilon_hat=True),
    "adamw": lambda: AdamW(0.01, weight_decay_exclude=["bias"], weight_decay_min_rank=0),
    "nadam": lambda: Nadam(keras.optimizers.schedules.ExponentialDecay(0.01, 4, 0.5)),
    "average": lambda: Adam(0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    "average-of-nag": lambda: NAG(0.05, use_ema=True, ema_momentum=0.5),
    "accumulation": lambda: NAG(0.05, gradient_accumulation_steps=3),
    "loss-scale": lambda: keras.optimizers.LossScaleOptimizer(NAG(0.05), initial_scale=4.0),
    "clipping": lambda: Adam(
        0.01, clipping=PercentileClipping(50.0, window=4), skip_nonfinite=True
    ),
    "assigned": assigned,
}


def moments(name):
    """Return after how many batches of the first epoch a case is saved."""
    return (1, 4, BATCHES) if name in ("nag", "adam") else (4,)


def data(batches=BATCHES):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(BATCH * batches, 4)).astype("float32")
    return x, np.tanh(x[:, :2])


def compiled(optimizer, **arguments):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(optimizer, "mse", **arguments)
    return model


def train(model, x, y, **arguments):
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, **arguments)


class Save(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 in moments(self.path.name) and batch + 1 < BATCHES:
            self.model.save(f"{self.path}.{batch + 1}.keras")


CONTINUE = """
import sys
import keras, keras_trainkit, numpy as np
x, y = (np.load(sys.argv[1])[name] for name in "xy")
for path, *starts in (argument.split(",") for argument in sys.argv[2:]):
    model = keras.saving.load_model(path)
    for start in map(int, starts):
        model.fit(x[start:], y[start:], batch_size=8, shuffle=False, verbose=0)
    state = [*model.optimizer.variables, *model.weights]
    np.savez(path + ".npz", *map(keras.ops.convert_to_numpy, state))
"""


def test_training_continues_bit_for_bit_in_a_fresh_process(tmp_path):
    x, y = data()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    ends, arguments = {}, []
    for name, optimizer in CASES.items():
        twice = BATCHES in moments(name)
        model = compiled(optimizer(), jit_compile="auto" if twice else JIT)
        train(model, x, y, callbacks=[Save(tmp_path / name)])
        if twice:
            model.save(tmp_path / f"{name}.{BATCHES}.keras")
            train(model, x, y)
        end = [contracts.array(v) for v in (*model.optimizer.variables, *model.weights)]
        for moment in moments(name):
            path = f"{tmp_path / name}.{moment}.keras"
            starts = [BATCH * moment] * (moment < BATCHES) + [0] * twice
            arguments.append(",".join(map(str, [path, *starts])))
            ends[path] = end
    contracts.run_in_fresh_process(CONTINUE, tmp_path / "data.npz", *arguments)
    for path, end in ends.items():
        stored = np.load(f"{path}.npz")
        assert len(stored.files) == len(end), path
        for name, value in zip(stored.files, end, strict=True):
            np.testing.assert_array_equal(stored[name], value, err_msg=path)


PEERS = {
    "adam": (
        lambda: keras.optimizers.Adam(0.01),
        lambda: Adam(0.01, epsilon=1e-7, epsilon_hat=True),
    ),
    "amsgrad": (
        lambda: keras.optimizers.Adam(0.01, amsgrad=True),
        lambda: Adam(0.01, epsilon=1e-7, amsgrad=True, epsilon_hat=True),
    ),
    "adamw": (
        lambda: keras.optimizers.AdamW(0.01, 0.1),
        lambda: AdamW(0.01, 0.1, epsilon=1e-7, epsilon_hat=True, weight_decay_min_rank=0),
    ),
    "nadam": (
        lambda: keras.optimizers.Nadam(0.01),
        lambda: Nadam(0.01, epsilon=1e-7, momentum_decay=1.0),
    ),
    "nag": (
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: NAG(0.05),
    ),
    "heavy-ball": (
        lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        lambda: NAG(0.05, nesterov=False),
    ),
    "plain": (
        lambda: keras.optimizers.SGD(0.05),
        lambda: NAG(0.05, momentum=0.0),
    ),
    "torch-velocity": (
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: NAG(0.05, torch_velocity=True),
    ),
    "torch-velocity-of-own": (
        lambda: NAG(0.05, learning_rate_multipliers={"bias": 0.5}),
        lambda: NAG(0.05, torch_velocity=True, learning_rate_multipliers={"bias": 0.5}),
    ),
}


@pytest.mark.filterwarnings("error:The state of optimizer")
def test_velocities_in_a_file_are_no_obstacle_where_the_momentum_is_0(tmp_path):
    """Also in files of older versions, which kept them without momentum."""
    x, y = data()
    written = compiled(NAG(0.05), jit_compile=JIT)
    on_batches(written, x, y)
    written.optimizer.momentum = 0.0
    written.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for model in written, loaded:
        on_batches(model, x, y)
    assert int(loaded.optimizer.iterations) == 2 * BATCHES
    for mine, expected in zip(loaded.get_weights(), written.get_weights(), strict=True):
        contracts.assert_close(mine, expected)


def older(optimizer):
    """Return an optimizer's state as older versions wrote it: a lead and a unit for all."""
    *state, lead, unit = planes.state(optimizer)
    return {str(i): value for i, value in enumerate([*state, lead[0], unit[0]])}


def test_a_file_with_one_lead_and_unit_for_all_is_understood():
    x, y = data()
    written, read = compiled(NAG(0.05), jit_compile=JIT), compiled(NAG(0.05), jit_compile=JIT)
    on_batches(written, x, y)
    read.set_weights(written.get_weights())
    read.optimizer.build(read.trainable_variables)
    read.optimizer.load_own_variables(older(written.optimizer))
    for model in written, read:
        on_batches(model, x, y)
    contracts.assert_same_weights(written, read)


@pytest.mark.filterwarnings("error:The state of optimizer")
@pytest.mark.parametrize("name", ["nag", "amsgrad", "clipping", "plain"])
def test_a_pickled_optimizer_goes_on_with_the_variables_that_it_is_given(name):
    """Its state waits for them, through a second pickle too."""
    x, y = data()
    make = {**CASES, "plain": lambda: NAG(0.05, momentum=0.0)}[name]
    model = compiled(make(), jit_compile=JIT)
    on_batches(model, x, y)
    optimizer = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model.optimizer))))
    assert int(optimizer.iterations) == BATCHES
    optimizer.learning_rate = model.optimizer.learning_rate = 0.02
    twin = compiled(optimizer, jit_compile=JIT)
    twin.set_weights(model.get_weights())
    for each in model, twin:
        on_batches(each, x, y)
    contracts.assert_same_weights(model, twin)


def test_a_pickled_optimizer_says_that_its_state_fits_no_other_variables():
    optimizer = Adam()
    optimizer.build([keras.Variable([1.0])])
    twin = pickle.loads(pickle.dumps(optimizer))
    with pytest.warns(
        UserWarning, match="is not loaded: the file holds 4 variables, the optimizer"
    ):
        twin.build([keras.Variable([1.0]), keras.Variable([1.0])])


def datasets(path):
    """Return the shapes of an optimizer's datasets by their names."""
    with h5py.File(path) as file:
        return {name: value.shape for name, value in file["optimizer/vars"].items()}


def on_batches(model, x, y):
    """Train without the end of a `fit`, which moves NAG's model."""
    for rows in range(0, len(x), BATCH):
        model.train_on_batch(x[rows : rows + BATCH], y[rows : rows + BATCH])


@pytest.mark.parametrize("name", PEERS)
def test_weights_files_of_keras_are_continued_as_keras_does(name, tmp_path):
    theirs, ours = (compiled(make(), jit_compile=JIT) for make in PEERS[name])
    train(theirs, *data())
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.optimizer.build(ours.trainable_variables)
    ours.load_weights(tmp_path / "theirs.weights.h5")
    for model in theirs, ours:
        on_batches(model, *data())
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        contracts.assert_close(mine, other)


@pytest.mark.parametrize("name", ["adam", "amsgrad", "adamw", "nadam", "plain"])
def test_weights_files_hold_what_those_of_keras_hold(name, tmp_path):
    for i, make in enumerate(PEERS[name]):
        model = compiled(make())
        model.optimizer.build(model.trainable_variables)
        model.save_weights(tmp_path / f"{i}.weights.h5")
    assert datasets(tmp_path / "0.weights.h5") == datasets(tmp_path / "1.weights.h5")


@pytest.mark.parametrize("unit", [-1.0, 0.2])
def test_a_velocity_in_another_backends_unit_is_understood(unit, tmp_path):
    """PyTorch's kernel wants the velocity in another unit than TensorFlow's and JAX's."""
    written, read = compiled(NAG(0.05), jit_compile=JIT), compiled(NAG(0.05), jit_compile=JIT)
    train(written, *data())
    written.optimizer._set_units({0: unit, 1: 2 * unit})
    written.save(tmp_path / "model.keras")
    written.save_weights(tmp_path / "model.weights.h5")
    read.optimizer.build(read.trainable_variables)
    read.load_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    reference = compiled(NAG(0.05), jit_compile=JIT)
    for model in reference, reference, read, loaded:
        train(model, *data())
    for model in read, loaded:
        for mine, expected in zip(model.get_weights(), reference.get_weights(), strict=True):
            contracts.assert_close(mine, expected)
