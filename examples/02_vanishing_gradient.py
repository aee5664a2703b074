"""A network that does not train, what its diagnosis says, and the same network mended as it says.

    python examples/02_vanishing_gradient.py

Ten sigmoid layers with small weights: each sigmoid scales the gradient on its way back by at most
1/4, and each small weight matrix shrinks it again, so that nothing reaches the first layers. The
preflight sees it before training, the monitor in it, and both print the line that mends it.
"""

import argparse
from pathlib import Path

import keras
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_trainkit import diagnosis
from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.initializers import for_activation
from keras_trainkit.optimizers import NAG

DEPTH, WIDTH, EPOCHS = 10, 32, 12
SMALL = keras.initializers.RandomNormal(stddev=0.05)


def deep_network(**hidden) -> keras.Model:
    """Return ten hidden layers of one kind and a softmax, compiled with NAG."""
    model = keras.Sequential([keras.Input((64,))])
    for i in range(1, DEPTH + 1):
        model.add(keras.layers.Dense(WIDTH, name=f"hidden_{i}", **hidden))
    softmax = for_activation("softmax")
    model.add(keras.layers.Dense(10, "softmax", kernel_initializer=softmax, name="output"))
    model.compile(NAG(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def digits():
    """Return the handwritten digits, scaled, as training and test images and labels."""
    images, labels = load_digits(return_X_y=True)
    return train_test_split(images / 16.0, labels, test_size=0.25, stratify=labels, random_state=42)


def train(model: keras.Model, title: str, ax) -> GradientMonitor:
    """Train a network, print what comes out, and draw its gradients."""
    x_train, x_test, y_train, y_test = digits()
    monitor = GradientMonitor(every=1, probe="first_batch")
    model.fit(x_train, y_train, epochs=EPOCHS, verbose=0, callbacks=[monitor])
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\n{title}: test accuracy {accuracy:.3f}\n{monitor.diagnosis}")
    diagnosis.plot_gradient_depth(monitor.history, ax=ax)
    ax.set_title(f"{title}: test accuracy {accuracy:.3f}")
    return monitor


def main() -> None:
    """Let a training fail, and mend it."""
    parser = argparse.ArgumentParser(description="Make gradients vanish, and mend it.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/02_vanishing_gradient"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(arguments.seed)

    figure = Figure(figsize=(7, 6), layout="constrained")
    above, below = figure.subplots(2, sharey=True)
    x_train, _, y_train, _ = digits()
    model = deep_network(activation="sigmoid", kernel_initializer=SMALL)
    print(f"Before training\n{diagnosis.preflight(model, x_train, y_train, epochs=EPOCHS)}")
    failed = train(model, "As given", above)
    failed.diagnosis.to_html(arguments.folder / "diagnosis.html", "Ten sigmoid layers")

    remedy = failed.diagnosis[0].remedies[0]
    train(remedy.apply(model), "Mended as printed", below)
    figure.savefig(arguments.folder / "gradient_by_depth.png", dpi=120)
    print(f"\nReport and plot: {arguments.folder.resolve()}")


if __name__ == "__main__":
    main()
