"""Our parts in scikit-learn's searches: cross-validation, halving, and two processes at once.

    python examples/03_scikit_learn.py

`keras.wrappers.SKLearnClassifier` makes an estimator of a function that returns a compiled model.
What the function shall be tried with stands in `model_kwargs`, one dict for each candidate; what
`fit` needs is given to the `fit` of the search, as Keras's wrapper keeps no `fit_kwargs` when
scikit-learn copies it.
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    train_test_split,
)

from keras_trainkit.initializers import for_activation
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ExponentialDecay

FOLDS, PROCESSES = 2, 2
FIT = {"epochs": 12, "batch_size": 32, "verbose": 0}
RATES = {"rate": [0.0, 0.3], "learning_rate": [0.01, 0.05]}
WIDTHS = {**RATES, "width": [32, 64, 128]}


class Quiet(keras.Sequential):
    """A model that draws no bar when it predicts, which the wrapper cannot tell it."""

    def predict(self, x, **options):
        """Return the predictions."""
        return super().predict(x, **{**options, "verbose": 0})


def network(X, y, width=64, rate=0.2, learning_rate=0.05) -> keras.Model:  # noqa: N803
    """Return a perceptron for rows X and one-hot labels y, which the wrapper calls so."""
    model = Quiet([keras.Input(X.shape[1:])])
    model.add(keras.layers.Dense(width, use_bias=False, kernel_initializer=for_activation("relu")))
    model.add(BatchNormalization())
    model.add(keras.layers.Activation("relu"))
    model.add(Dropout(rate))
    model.add(keras.layers.Dense(y.shape[1], "softmax"))
    decay = ExponentialDecay(learning_rate, decay_steps=200, decay_rate=0.5)
    model.compile(NAG(decay), "categorical_crossentropy")
    return model


def searches(seed: int) -> dict:
    """Return three searches over the network, by name."""
    estimator = keras.wrappers.SKLearnClassifier(network)
    grid = {"model_kwargs": list(ParameterGrid(RATES))}
    drawn = {"model_kwargs": list(ParameterSampler(WIDTHS, n_iter=8, random_state=seed))}
    options = {"cv": FOLDS, "n_jobs": PROCESSES}
    return {
        "grid": GridSearchCV(estimator, grid, **options),
        "random": RandomizedSearchCV(estimator, drawn, n_iter=3, random_state=seed, **options),
        "halving": HalvingGridSearchCV(estimator, drawn, random_state=seed, **options),
    }


def main() -> None:
    """Run the searches, and say what they find."""
    parser = argparse.ArgumentParser(description="Search with scikit-learn on the digits.")
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        images / 16.0, labels, test_size=0.25, stratify=labels, random_state=42
    )
    keras.utils.set_random_seed(seed)
    for name, search in searches(seed).items():
        search.fit(x, y, **FIT)
        scores = search.cv_results_["mean_test_score"]
        print(
            f"{name:8} {len(scores):2} candidates, accuracy {np.min(scores):.3f} to "
            f"{np.max(scores):.3f}; best on the test rows: {search.score(x_test, y_test):.3f} "
            f"with {search.best_params_['model_kwargs']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
