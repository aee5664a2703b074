"""The package's parts in `keras.wrappers.SKLearnClassifier` and `SKLearnRegressor`, searched."""

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
)

from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.initializers import for_activation
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG, Adam
from keras_trainkit.schedules import ExponentialDecay

FIT = {"epochs": 2, "batch_size": 32, "verbose": 0}
CHOICES = {"model_kwargs": list(ParameterGrid({"rate": [0.0, 0.1], "optimizer": ["nag", "adam"]}))}
SEARCHES = {
    "grid": lambda estimator: GridSearchCV(estimator, CHOICES, cv=2),
    "random": lambda estimator: RandomizedSearchCV(
        estimator, CHOICES, n_iter=2, cv=2, random_state=0
    ),
    "halving grid": lambda estimator: HalvingGridSearchCV(
        estimator, CHOICES, cv=2, factor=2, random_state=0
    ),
    "halving random": lambda estimator: HalvingRandomSearchCV(
        estimator, CHOICES, n_candidates=4, cv=2, factor=2, random_state=0
    ),
}


def optimizer(name):
    decay = ExponentialDecay(0.05, decay_steps=100, decay_rate=0.5)
    return NAG(decay, clipnorm=1.0) if name == "nag" else Adam(0.01)


def hidden(x, rate):
    units = keras.layers.Dense(8, use_bias=False, kernel_initializer=for_activation("relu"))
    activation = keras.layers.Activation("relu")
    return [keras.Input(x.shape[1:]), units, BatchNormalization(), activation, Dropout(rate)]


def classifier(X, y, rate=0.1, **arguments):  # noqa: N803
    model = keras.Sequential([*hidden(X, rate), keras.layers.Dense(y.shape[1], "softmax")])
    model.compile(optimizer(arguments.get("optimizer", "nag")), "categorical_crossentropy")
    return model


def regressor(X, y, rate=0.1, **arguments):  # noqa: N803
    model = keras.Sequential([*hidden(X, rate), keras.layers.Dense(1)])
    model.compile(optimizer(arguments.get("optimizer", "nag")), "mse")
    return model


def iris():
    x, y = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), np.array(["setosa", "other", "third"])[y]


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return x / x.std(axis=0), (y - y.mean()) / y.std()


CASES = {
    "classifier": (keras.wrappers.SKLearnClassifier, classifier, iris),
    "regressor": (keras.wrappers.SKLearnRegressor, regressor, diabetes),
}
every_case = pytest.mark.parametrize(("wrapper", "build", "data"), CASES.values(), ids=CASES)


@every_case
def test_a_clone_and_a_pickled_estimator_predict(wrapper, build, data):
    x, y = data()
    estimator = clone(wrapper(build, model_kwargs={"rate": 0.2}))
    estimator.fit(x, y, **{**FIT, "epochs": 20})
    twin = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(twin.predict(x), estimator.predict(x))
    assert (
        estimator.score(x, y)
        > {"SKLearnClassifier": 0.8, "SKLearnRegressor": 0.2}[wrapper.__name__]
    )
    # The copy goes on with the optimizer of the original.
    assert isinstance(twin.model_.optimizer, NAG)
    assert int(twin.model_.optimizer.iterations) == int(estimator.model_.optimizer.iterations)


@pytest.mark.short("torch")
@pytest.mark.parametrize("kind", SEARCHES)
@every_case
def test_runs_in_every_search(wrapper, build, data, kind):
    x, y = data()
    search = SEARCHES[kind](wrapper(build))
    search.fit(x, y, **FIT)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["model_kwargs"] in CHOICES["model_kwargs"]
    assert len(search.predict(x)) == len(y)


@pytest.mark.gate
@pytest.mark.short("torch")
def test_runs_in_two_processes_with_callbacks():
    x, y = iris()
    stopping = EarlyStopping(monitor="loss", patience=1)
    search = GridSearchCV(
        keras.wrappers.SKLearnClassifier(classifier), CHOICES, cv=2, n_jobs=2, refit=False
    )
    search.fit(x, y, **FIT, callbacks=[stopping])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["model_kwargs"] in CHOICES["model_kwargs"]
