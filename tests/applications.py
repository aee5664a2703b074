"""Published networks with our layers in the place of Keras's: the same numbers, wherever they go.

    KERAS_BACKEND=torch python -m tests.applications [NAMES]

Each of five networks of `keras.applications`, with random weights, is cloned with our layers and
held against the original: predictions, weights both ways, a training step, `.keras` files in a new
process, the functions of `keras_trainkit.layers`, and the backend's exports with their operations.
ONNX needs `onnx`, `onnxscript` and `onnxruntime`.
"""

import collections
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_trainkit import layers, optimizers
from keras_trainkit.initializers import lsuv
from tests.contracts import run_in_fresh_process

NETWORKS = ("MobileNetV2", "EfficientNetV2B0", "DenseNet121", "ResNet50", "MobileNetV3Small")
SIZE, CLASSES = 64, 5
OURS = {
    keras.layers.BatchNormalization: layers.BatchNormalization,
    keras.layers.Dropout: layers.Dropout,
}
LOADED = """
import sys
import keras, numpy as np
import keras_trainkit
file, x, y = sys.argv[1:]
np.save(y, keras.saving.load_model(file).predict(np.load(x), verbose=0))
"""


def network(name: str) -> keras.Model:
    """Return one of Keras's networks, for small images and with random weights."""
    make = getattr(keras.applications, name)
    return make(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES)


def randomize_statistics(model: keras.Model) -> None:
    """Let the batch normalizations of a model have something to do."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                near = 0 if variable.name in ("beta", "moving_mean") else 1
                variable.assign(near + 0.2 * rng.uniform(-1, 1, variable.shape))


def swapped(model: keras.Model) -> keras.Model:
    """Return a clone with our layers and the model's weights."""

    def clone(layer: keras.Layer) -> keras.Layer:
        return OURS.get(type(layer), type(layer)).from_config(layer.get_config())

    ours = keras.models.clone_model(model, clone_function=clone)
    ours.set_weights(model.get_weights())
    return ours


def images(count: int = 4) -> np.ndarray:
    """Return random images as the networks of `keras.applications` expect them."""
    return np.random.default_rng(1).uniform(0, 255, (count, SIZE, SIZE, 3)).astype("float32")


def assert_near(actual: np.ndarray, expected: np.ndarray, limit: float) -> None:
    """Compare relative to the largest number."""
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    assert error <= limit, f"{error:.1e} > {limit:.0e}"


def assert_no_more(ours: collections.Counter, theirs: collections.Counter) -> None:
    """Compare counts of operations, kind by kind."""
    assert not ours - theirs, f"more than Keras's: {dict(ours - theirs)}"


def predicted(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return what `model.predict` would, without compiling a large graph for four images."""
    with keras.StatelessScope():
        return keras.ops.convert_to_numpy(model(x, training=False))


# What each backend can export to; a check takes Keras's model, ours, inputs and a folder.


def saved_model(theirs: keras.Model, ours: keras.Model, x: np.ndarray, folder: Path) -> None:
    """Export to a SavedModel, and by it to TensorFlow Lite."""
    import tensorflow as tf

    counts, outputs = [], []
    for name, model in (("theirs", theirs), ("ours", ours)):
        path = str(folder / name)
        model.export(path, format="tf_saved_model", verbose=False)
        loaded = tf.saved_model.load(path)
        assert_near(loaded.serve(x).numpy(), predicted(model, x), 1e-5)
        program = tf.lite.TFLiteConverter.from_saved_model(path).convert()
        counts.append(lite_operations(program))
        outputs.append(run_lite(program, x))
    assert_near(outputs[1], outputs[0], 1e-5)
    assert_no_more(counts[1], counts[0])
    print("  TensorFlow Lite:", dict(counts[1]))


def lite_interpreter(program: bytes):
    import tensorflow as tf

    # Delegates would show as operations of their own.
    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with warnings.catch_warnings():  # of its move to another package
        warnings.simplefilter("ignore", UserWarning)
        return tf.lite.Interpreter(model_content=program, experimental_op_resolver_type=plain)


def lite_operations(program: bytes) -> collections.Counter:
    details = lite_interpreter(program)._get_ops_details()
    return collections.Counter(each["op_name"] for each in details)


def run_lite(program: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = lite_interpreter(program)
    (given,), (taken,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(taken["index"])


def exported_program(theirs: keras.Model, ours: keras.Model, x: np.ndarray, folder: Path) -> None:
    """Export by `torch.export`."""
    import torch

    counts, given = [], torch.tensor(x)
    for model in (theirs, ours):
        program = torch.export.export(model.eval(), (given,))
        assert_near(program.module()(given).detach().numpy(), predicted(model, x), 1e-6)
        nodes = program.run_decompositions().graph.nodes
        counts.append(collections.Counter(str(n.target) for n in nodes if n.op == "call_function"))
    assert_no_more(counts[1], counts[0])


def onnx_files(theirs: keras.Model, ours: keras.Model, x: np.ndarray, folder: Path) -> None:
    """Export to ONNX by Keras's `export` and by PyTorch's exporter."""
    import onnx
    import onnxruntime
    import torch

    def by_keras(model: keras.Model, path: str) -> None:
        model.export(path, format="onnx", verbose=False)

    def by_torch(model: keras.Model, path: str) -> None:
        torch.onnx.export(model.eval(), (torch.tensor(x),), path, dynamo=True, verbose=False)

    for way in (by_keras, by_torch):
        counts = []
        for model in (theirs, ours):
            path = str(folder / f"{way.__name__}.onnx")
            way(model, path)
            graph = onnx.load(path).graph
            counts.append(collections.Counter(node.op_type for node in graph.node))
            session = onnxruntime.InferenceSession(path)
            (y,) = session.run(None, {session.get_inputs()[0].name: x})
            assert_near(y, predicted(model, x), 1e-5)
        assert_no_more(counts[1], counts[0])
        print(f"  ONNX {way.__name__}:", dict(counts[1]))


def stable_hlo(theirs: keras.Model, ours: keras.Model, x: np.ndarray, folder: Path) -> None:
    """Export by `jax.export`."""
    import jax

    counts = []
    for model in (theirs, ours):
        program = jax.export.export(jax.jit(lambda a, model=model: model(a, training=False)))(x)
        assert_near(np.asarray(program.call(x)), predicted(model, x), 1e-5)
        lines = program.mlir_module().splitlines()
        counts.append(sum("stablehlo." in line and "constant" not in line for line in lines))
    assert counts[1] <= counts[0], f"operations: {counts[1]} > {counts[0]}"
    print("  StableHLO operations:", counts[1], "Keras's:", counts[0])


EXPORT = {"tensorflow": saved_model, "jax": stable_hlo, "torch": onnx_files}


def check(name: str) -> None:
    """Hold a network with our layers against Keras's."""
    keras.utils.set_random_seed(0)
    theirs, x = network(name), images()
    assert_near(predicted(swapped(theirs), x), predicted(theirs, x), 1e-6)
    # Depth makes more of roundings, which differ as soon as there is something to normalize.
    randomize_statistics(theirs)
    ours = swapped(theirs)
    assert_near(predicted(ours, x), predicted(theirs, x), 1e-5)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _check_files(theirs, ours, x, folder)
        EXPORT[keras.backend.backend()](theirs, ours, x, folder)
    _check_functions(ours, x)
    _check_training(ours, x)


def _check_files(theirs: keras.Model, ours: keras.Model, x: np.ndarray, folder: Path) -> None:
    expected = predicted(theirs, x)
    for source, target in ((theirs, ours), (ours, theirs)):
        weights = str(folder / "model.weights.h5")
        source.save_weights(weights)
        target.set_weights([np.zeros_like(weight) for weight in target.get_weights()])
        target.load_weights(weights)
        assert_near(predicted(target, x), expected, 1e-5)
    paths = [str(folder / file) for file in ("model.keras", "x.npy", "y.npy")]
    ours.save(paths[0])
    np.save(paths[1], x)
    run_in_fresh_process(LOADED, *paths)
    assert_near(np.load(paths[2]), predicted(ours, x), 1e-5)


def _check_functions(ours: keras.Model, x: np.ndarray) -> None:
    expected = predicted(ours, x)
    folded = layers.fold_batch_normalization(ours, x)
    assert_near(predicted(folded, x), expected, 1e-5)
    print(f"  folded: {len(ours.layers)} layers to {len(folded.layers)}")
    if any(isinstance(layer, layers.Dropout) for layer in ours.layers):
        prediction = layers.mc_predict(ours, x, samples=3, seed=0)
        assert np.isfinite(prediction.mean).all()
        assert (prediction.variance > 0).any()
    layers.recalibrate(ours, x, batch_size=2)
    assert np.isfinite(predicted(ours, x)).all()
    lsuv(ours, x, seed=0)
    assert np.isfinite(predicted(ours, x)).all()


def _check_training(ours: keras.Model, x: np.ndarray) -> None:
    before = ours.get_weights()
    ours.compile(optimizers.AdamW(1e-3), "sparse_categorical_crossentropy")
    loss = ours.train_on_batch(x, np.arange(len(x)) % CLASSES)
    assert np.isfinite(loss)
    after = ours.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or NETWORKS:
        print(chosen, flush=True)
        check(chosen)
