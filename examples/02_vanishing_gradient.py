"""The classic failure, ten sigmoid layers with small weights, and what mends it.

    python examples/02_vanishing_gradient.py

Each sigmoid scales the gradient on its way back by at most 1/4, and each small weight matrix
shrinks it again, so that nothing reaches the first layers. The monitor shows it in the first epoch;
the same depth trains once the activation is centered and the initializer keeps the variance.
"""

import argparse
from pathlib import Path

import keras
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import plot_gradient_depth
from keras_trainkit.initializers import for_activation, lsuv
from keras_trainkit.optimizers import NAG

DEPTH, WIDTH, EPOCHS = 10, 32, 12


def deep_network(activation: str, initializer) -> keras.Model:
    """Return ten hidden layers of one kind and a softmax, compiled with NAG."""
    model = keras.Sequential([keras.Input((64,))])
    for i in range(1, DEPTH + 1):
        model.add(
            keras.layers.Dense(
                WIDTH, activation, kernel_initializer=initializer, name=f"hidden_{i}"
            )
        )
    softmax = for_activation("softmax")
    model.add(keras.layers.Dense(10, "softmax", kernel_initializer=softmax, name="output"))
    model.compile(NAG(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def networks(x_train):
    """Yield what is tried, one change after the other, as (description, model)."""
    small = keras.initializers.RandomNormal(stddev=0.05)
    yield "sigmoid, weights N(0, 0.05^2)", deep_network("sigmoid", small)
    yield "tanh, Glorot", deep_network("tanh", for_activation("tanh"))
    model = deep_network("tanh", for_activation("tanh"))
    lsuv(model, x_train[:256])
    yield "tanh, LSUV", model


def hidden_kernel_norms(monitor: GradientMonitor) -> tuple[float, float]:
    """Return the mean gradient norms of the first and the last hidden kernel."""
    kernels = [row for row in monitor.summary().rows if row.variable.endswith("kernel")]
    return kernels[0].mean_norm, kernels[-2].mean_norm


def main() -> None:
    """Train the networks and compare their gradients."""
    parser = argparse.ArgumentParser(description="Make gradients vanish, and cure it.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/02_vanishing_gradient"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(arguments.seed)

    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images / 16.0, labels, test_size=0.25, stratify=labels, random_state=42
    )
    figure = Figure(figsize=(7, 9), layout="constrained")
    axes = figure.subplots(3, sharey=True)
    print(f"{'':32}{'|g| first layer':>17}{'|g| last layer':>17}{'accuracy':>11}")
    for ax, (description, model) in zip(axes, networks(x_train), strict=True):
        monitor = GradientMonitor(every=1)
        model.fit(x_train, y_train, epochs=EPOCHS, verbose=0, callbacks=[monitor])
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        first, last = hidden_kernel_norms(monitor)
        print(f"{description:32}{first:17.1e}{last:17.1e}{accuracy:11.3f}")
        plot_gradient_depth(monitor.history, ax=ax)
        ax.set_title(f"{description}: test accuracy {accuracy:.3f}")
    path = arguments.folder / "gradient_by_depth.png"
    figure.savefig(path, dpi=120)
    print(f"Plot: {path.resolve()}")


if __name__ == "__main__":
    main()
