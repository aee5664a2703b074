"""All that makes one training, as data: a broken one is a healthy one with fields replaced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from benchmarks.diagnosis import scores
from benchmarks.diagnosis.datasets import Split

# Hidden layers, each a Keras layer or a function of a tensor.
Body = Callable[[], Sequence[Callable[[Any], Any]]]


@dataclass
class Program:
    """A training that is ready to begin: `model.fit(x, y, **fit)`, then `score()`.

    Args:
        model: compiled `keras.Model`.
        x, y: arrays, to train on.
        fit: dict. The other arguments of `fit`.
        data: `Split`, with the rows to judge by.
        recipe: `Recipe`, of which it was made.
    """

    model: keras.Model
    x: np.ndarray
    y: np.ndarray
    fit: dict[str, Any]
    data: Split
    recipe: "Recipe"

    def train(self, callbacks: Sequence[keras.callbacks.Callback] = ()) -> keras.callbacks.History:
        """Train the model."""
        return self.model.fit(self.x, self.y, verbose=0, callbacks=list(callbacks), **self.fit)

    def score(self, logs: dict[str, list[float]]) -> float:
        """Return how good the trained model is on rows that it was not trained on."""
        recipe = self.recipe
        outputs = self.model.predict(self.data.x_test, verbose=0)
        found = scores.of(recipe.score, outputs, self.data.truth, recipe.answers_logits)
        return scores.truthful(logs, recipe.judged, found) if recipe.judged else found


@dataclass(frozen=True, eq=False)
class Recipe:
    """One training.

    Args:
        family: string. MLP, CNN, RNN, embedding, transformer or regression.
        data: function of a seed that returns a `Split`.
        body: function that returns the hidden layers.
        goal: float. The score of a training that works.
        units: integer. Of the last layer; 0 for none behind the body.
        output: string. The activation of the last layer.
        loss: string, or function that returns what `compile` takes.
        optimizer: function that returns one.
        epochs, batch_size, shuffle, split: of `fit`; `split` is `validation_split`.
        validated: bool. Whether `fit` gets validation data.
        metrics: strings, or functions that return metrics.
        score: one of `scores`.
        judged: string. The logged metric that has to tell the truth; `""` for none.
        changes: functions of a `Split`, in order: how data is prepared, or spoiled.
        head: dict. Other arguments of the last layer.
        compiled: dict. Other arguments of `compile`.
        trainable: bool. Whether the hidden layers are.
        class_weight: dict, of `fit`.
        of_layers: function of all layers that returns a model, instead of Keras's own.
    """

    family: str
    data: Callable[[int], Split]
    body: Body
    goal: float
    units: int = 1
    output: str = "linear"
    loss: Any = "mse"
    optimizer: Callable[[], Any] = keras.optimizers.Adam
    epochs: int = 20
    batch_size: int = 32
    shuffle: bool = True
    split: float = 0.0
    validated: bool = True
    metrics: tuple[Any, ...] = ()
    score: scores.Score = scores.accuracy
    judged: str = ""
    changes: tuple[Callable[[Split], Split], ...] = ()
    head: dict[str, Any] = field(default_factory=dict)
    compiled: dict[str, Any] = field(default_factory=dict)
    trainable: bool = True
    class_weight: dict[int, float] | None = None
    of_layers: Callable[[list[Any]], keras.Model] | None = None

    @property
    def answers_logits(self) -> bool:
        """Whether the outputs are logits, as far as the loss is told."""
        loss = self._loss()
        config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
        return bool(config.get("from_logits", False))

    def make(self, seed: int) -> Program:
        """Return the training with its own random state, which becomes the global one."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        data = self.data(seed)
        for change in self.changes:
            data = change(data)
        model = self._model(data.x)
        metrics = [metric() if callable(metric) else metric for metric in self.metrics]
        model.compile(self.optimizer(), self._loss(), metrics=metrics, **self.compiled)
        return Program(model, data.x, data.y, self._fit(data), data, self)

    def _loss(self) -> Any:
        made = callable(self.loss) and not isinstance(self.loss, keras.losses.Loss)
        return self.loss() if made else self.loss

    def _model(self, x: np.ndarray) -> keras.Model:
        layers = list(self.body())
        for layer in layers:
            if not self.trainable and isinstance(layer, keras.layers.Layer):
                layer.trainable = False
        if self.units:
            layers.append(keras.layers.Dense(self.units, self.output, **self.head))
        if self.of_layers:
            return self.of_layers(layers)
        inputs = keras.Input(x.shape[1:], dtype=x.dtype.name if x.dtype.kind == "i" else "float32")
        if all(isinstance(layer, keras.layers.Layer) for layer in layers):
            return keras.Sequential([inputs, *layers])
        outputs = inputs
        for layer in layers:
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)

    def _fit(self, data: Split) -> dict[str, Any]:
        fit: dict[str, Any] = {"batch_size": self.batch_size, "epochs": self.epochs}
        fit |= {"shuffle": self.shuffle, "class_weight": self.class_weight}
        if self.split:
            fit["validation_split"] = self.split
        elif self.validated:
            fit["validation_data"] = (data.x_test, data.y_test)
        return fit
