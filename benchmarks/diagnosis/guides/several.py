"""Guides whose models have several inputs or outputs, or embeddings that meet."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.images import enlarged
from benchmarks.diagnosis.guides.judging import accuracy, r_squared
from tests.guides.models import contrastive, distance


def _tickets(rows: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return tickets of a help desk: their words and tags, how urgent they are, and for whom."""
    random = np.random.default_rng(0)
    department, urgent = random.integers(4, size=rows), random.integers(2, size=rows)
    title = random.integers(4, 60, (rows, 8))
    title[:, 2], title[:, 5] = department, department
    body = random.integers(2, 60, (rows, 20))
    body[:, 4:20:4] = urgent[:, None]
    tags = (random.random((rows, 12)) < 0.5).astype("float32")
    tags[:, :4] = np.eye(4)[department]
    x = {"title": title, "body": body, "tags": tags}
    y = {"priority": urgent[:, None], "department": np.eye(4)[department]}
    return x, {name: target.astype("float32") for name, target in y.items()}


def _ticket_model() -> keras.Model:
    title, body = (keras.Input((None,), name=name, dtype="int32") for name in ("title", "body"))
    tags = keras.Input((12,), name="tags")
    titles = layers.LSTM(32)(layers.Embedding(60, 16)(title))
    bodies = layers.LSTM(16)(layers.Embedding(60, 16)(body))
    x = layers.concatenate([titles, bodies, tags])
    outputs = {
        "priority": layers.Dense(1, name="priority")(x),
        "department": layers.Dense(4, name="department")(x),
    }
    model = keras.Model([title, body, tags], outputs)
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-3),
        loss={
            "priority": keras.losses.BinaryCrossentropy(from_logits=True),
            "department": keras.losses.CategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    return model


def _several_outputs() -> Training:
    """Return the tickets of "The functional API", of which its loss is all that is seen."""
    x, y = _tickets(2500)
    train, test = ({name: v[:2000] for name, v in x.items()}, {n: v[2000:] for n, v in x.items()})
    targets = {name: v[:2000] for name, v in y.items()}

    def score(model: keras.Model) -> float:
        outputs = model.predict(test, verbose=0)
        urgent = np.mean((outputs["priority"] > 0) == y["priority"][2000:])
        own = outputs["department"].argmax(-1) == y["department"][2000:].argmax(-1)
        return float(min(urgent, own.mean()))

    fit = {"x": train, "y": targets, "epochs": 8, "batch_size": 32}
    return Training(_ticket_model(), fit, score)


class Recommender(keras.Model):
    """The product of a user's and a film's vector and their biases, as a share."""

    def __init__(self, users: int, films: int, width: int) -> None:
        super().__init__()

        def embedding(count: int) -> layers.Embedding:
            return layers.Embedding(
                count,
                width,
                embeddings_initializer="he_normal",
                embeddings_regularizer=keras.regularizers.l2(1e-6),
            )

        self.users, self.films = embedding(users), embedding(films)
        self.user_bias, self.film_bias = layers.Embedding(users, 1), layers.Embedding(films, 1)

    def call(self, inputs: Any) -> Any:
        """Return the ratings of rows of a user and a film."""
        user, film = inputs[:, 0], inputs[:, 1]
        # The example's `tensordot` sums over the whole batch, which is an error of its own.
        product = ops.sum(self.users(user) * self.films(film), axis=1, keepdims=True)
        return ops.sigmoid(product + self.user_bias(user) + self.film_bias(film))


def _films() -> Training:
    """Return "Collaborative filtering for movie recommendations": ratings of 0..1."""
    random = np.random.default_rng(0)
    users, films = random.normal(size=(80, 2)), random.normal(size=(60, 2))
    rows = np.stack(np.meshgrid(np.arange(80), np.arange(60)), -1).reshape(-1, 2)
    rows = random.permutation(rows)
    liked = np.sum(users[rows[:, 0]] * films[rows[:, 1]], 1) + users[rows[:, 0], 0]
    stars = np.clip(np.round(2 * liked + 5), 1, 10) / 2
    y = ((stars - 0.5) / 4.5).astype("float32")[:, None]
    cut = 9 * len(rows) // 10
    model = Recommender(80, 60, 16)
    model.compile(
        loss=keras.losses.BinaryCrossentropy(), optimizer=keras.optimizers.Adam(learning_rate=0.001)
    )
    fit = {"x": rows[:cut], "y": y[:cut], "batch_size": 32, "epochs": 25}
    fit["validation_data"] = (rows[cut:], y[cut:])
    return Training(model, fit, r_squared(rows[cut:], y[cut:]))


def _forests(rows: int = 3000) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return standardized numbers and kinds of places, and which of four trees grows there."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 6))
    soil, area = random.integers(8, size=rows), random.integers(4, size=rows)
    score = numbers @ np.random.default_rng(1).normal(size=(6, 4))
    score += 2 * np.random.default_rng(2).normal(size=(8, 4))[soil]
    score += 2 * np.random.default_rng(3).normal(size=(4, 4))[area]
    x = {f"number_{i}": numbers[:, i : i + 1].astype("float32") for i in range(6)}
    return x | {"soil": soil[:, None], "area": area[:, None]}, score.argmax(1)


def _wide_and_deep() -> Training:
    """Return "Structured data learning with wide, deep, and cross networks"."""
    x, y = _forests()
    train, test = {n: v[:2400] for n, v in x.items()}, {n: v[2400:] for n, v in x.items()}
    inputs = {n: keras.Input((1,), name=n, dtype=v.dtype.name) for n, v in x.items()}
    kinds = {"soil": 8, "area": 4}
    numbers = [inputs[name] for name in x if name not in kinds]
    coded = [layers.CategoryEncoding(count)(inputs[name]) for name, count in kinds.items()]
    wide = layers.BatchNormalization()(layers.concatenate([*numbers, *coded]))
    embedded = [
        layers.Flatten()(layers.Embedding(count, int(count**0.5))(inputs[name]))
        for name, count in kinds.items()
    ]
    deep = layers.concatenate([*numbers, *embedded])
    for units in (32, 32):
        deep = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(deep)))
        deep = layers.Dropout(0.1)(deep)
    outputs = layers.Dense(4, activation="softmax")(layers.concatenate([wide, deep]))
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    fit = {"x": train, "y": y[:2400], "epochs": 25, "batch_size": 64}
    return Training(model, fit, accuracy(test, y[2400:]))


def _pairs(images: np.ndarray, labels: np.ndarray, seed: int) -> tuple[list, np.ndarray]:
    """Return each image beside one of its class and one of another, and 1 where they differ."""
    random = np.random.default_rng(seed)
    left, right = [], []
    for i, label in enumerate(labels):
        same, other = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
        left += [i, i]
        right += [random.choice(same), random.choice(other)]
    return [images[left], images[right]], np.tile([0.0, 1.0], len(labels)).astype("float32")


def _siamese() -> Training:
    """Return "Image similarity estimation using a Siamese network with a contrastive loss".

    Where the one weight of the last layer is negative at first, far more updates are needed.
    """
    data = enlarged()
    x = image = keras.Input((16, 16, 1))
    x = layers.BatchNormalization()(x)
    for filters in (4, 16):
        x = layers.Conv2D(filters, 5, activation="tanh")(x)
        x = layers.AveragePooling2D(pool_size=(2, 2))(x)
    x = layers.BatchNormalization()(layers.Flatten()(x))
    tower = keras.Model(image, layers.Dense(10, activation="tanh")(x))
    left, right = keras.Input((16, 16, 1)), keras.Input((16, 16, 1))
    merged = layers.Lambda(distance, output_shape=(1,))([tower(left), tower(right)])
    head = layers.Dense(1, activation="sigmoid")
    outputs = head(layers.BatchNormalization()(merged))
    head.kernel.assign(ops.abs(head.kernel))
    model = keras.Model([left, right], outputs)
    model.compile(loss=contrastive, optimizer="RMSprop", metrics=["accuracy"])
    x_train, y_train = _pairs(data.x, data.y, 0)
    x_test, y_test = _pairs(data.x_test, data.y_test, 1)
    fit = {"x": x_train, "y": y_train, "batch_size": 16, "epochs": 6}
    fit["validation_data"] = (x_test, y_test)
    return Training(model, fit, accuracy(x_test, y_test))


GUIDES = (
    Guide("functional API, tickets with two outputs", 0.9, _several_outputs),
    Guide("collaborative filtering of films", 0.6, _films),
    Guide("wide and deep", 0.85, _wide_and_deep),
    Guide("siamese network with a contrastive loss", 0.9, _siamese),
)
