"""Models after the manner of Keras's guides and examples, small, on data of a few numbers.

As there, a model with a train step of its own has no `call`, is never built as a whole, and keeps
its optimizers, its losses and its numbers in attributes.
"""

import importlib

import keras
import numpy as np
from keras import layers, ops

from tests.callbacks.custom_steps import Guide

BACKEND = keras.backend.backend()
LATENT = 4
SIZE = 8
ROWS = 24
IMAGES = np.random.default_rng(0).uniform(size=(ROWS, SIZE, SIZE, 1)).astype("float32")


def dialect():
    return importlib.import_module(f"tests.guides._{BACKEND}")


class Trained(keras.Model):
    """Trains by its own step and shows the means of its losses."""

    def __init__(self, *names):
        super().__init__()
        self.means = {name: keras.metrics.Mean(name=name) for name in names}
        self.seeds = keras.random.SeedGenerator(1337)
        if BACKEND == "torch":  # As the guides for PyTorch have it: `fit` would call the model.
            self.built = True

    @property
    def metrics(self):
        return list(self.means.values())

    def log(self, **losses):
        for name, loss in losses.items():
            self.means[name].update_state(loss)
        return {name: mean.result() for name, mean in self.means.items()}


class Sampling(layers.Layer):
    """Draws from the normal distribution of a mean and a deviation."""

    def __init__(self, draw=None):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1337)
        self.draw = draw or (lambda shape: keras.random.normal(shape, seed=self.seeds))

    def call(self, inputs):
        mean, deviation = inputs
        return mean + deviation * self.draw(ops.shape(mean))


class VAE(Trained):
    """Encodes images into a distribution, and decodes what is drawn from it."""

    def __init__(self, encoder, decoder):
        # Their sum is left out: TensorFlow adds it up in an order that depends on names.
        super().__init__("reconstruction", "kl")
        self.encoder, self.decoder = encoder, decoder

    def train_step(self, data):
        data = data[0] if isinstance(data, tuple) else data
        parts = {}

        def loss_of():
            mean, log_deviation, deviation, z = self.encoder(data)
            errors = keras.losses.binary_crossentropy(data, self.decoder(z))
            parts["reconstruction"] = SIZE**2 * ops.mean(errors)
            kl = 0.5 * (ops.square(mean) + ops.square(deviation) - 1) - log_deviation
            parts["kl"] = LATENT * ops.mean(kl)
            return parts["reconstruction"] + parts["kl"]

        dialect().minimize(self, self.optimizer, self, loss_of)
        return self.log(**{name: ops.stop_gradient(x) for name, x in parts.items()})


def encoder(draw=None):
    x = inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    mean, log_deviation = layers.Dense(LATENT)(x), layers.Dense(LATENT)(x)
    deviation = ops.exp(log_deviation)
    z = Sampling(draw)([mean, deviation])
    return keras.Model(inputs, [mean, log_deviation, deviation, z])


def decoder(inputs=True):
    return keras.Sequential(
        [
            *([keras.Input((LATENT,))] if inputs else []),
            layers.Dense(4 * 4 * 4, activation="relu"),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )


def vae(**arguments):
    model = VAE(encoder(**arguments), decoder())
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def vae_of_unbuilt_parts():
    model = VAE(encoder(), decoder(inputs=False))
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def vae_of_stateful_draws():
    return vae(draw=dialect().stateful_normal)


class GAN(Trained):
    """Two networks, each with an optimizer that `compile` keeps in an attribute."""

    def __init__(self, discriminator, generator):
        super().__init__("d_loss", "g_loss")
        self.discriminator, self.generator = discriminator, generator

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def fakes(self, count):
        return self.generator(keras.random.normal((count, LATENT), seed=self.seeds))

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        count = ops.shape(real)[0]
        both = ops.concatenate([ops.stop_gradient(self.fakes(count)), real], axis=0)
        labels = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))], axis=0)
        labels += 0.05 * keras.random.uniform(ops.shape(labels), seed=self.seeds)
        minimize = dialect().minimize
        d_loss = minimize(
            self,
            self.d_optimizer,
            self.discriminator,
            lambda: self.loss_fn(labels, self.discriminator(both)),
        )
        g_loss = minimize(
            self,
            self.g_optimizer,
            self.generator,
            lambda: self.loss_fn(ops.zeros((count, 1)), self.discriminator(self.fakes(count))),
        )
        return self.log(d_loss=d_loss, g_loss=g_loss)


def discriminator(inputs=True, dropout=0.2):
    return keras.Sequential(
        [
            *([keras.Input((SIZE, SIZE, 1))] if inputs else []),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dropout(dropout, seed=5),
            layers.Dense(1),
        ]
    )


def adam(rate=0.01, **arguments):
    return keras.optimizers.Adam(rate, beta_1=0.5, **arguments)


def dcgan(inputs=True, **optimizers):
    model = GAN(discriminator(inputs), decoder(inputs))
    optimizers = {"d_optimizer": adam(), "g_optimizer": adam(0.02)} | optimizers
    model.compile(**optimizers, loss_fn=keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def dcgan_of_unbuilt_parts():
    return dcgan(inputs=False)


class WGAN(Trained):
    """A critic with a penalty on its gradient, trained several times as often as the generator."""

    def __init__(self, critic, generator, draw=None, d_steps=3, gp_weight=10.0):
        super().__init__("d_loss", "g_loss")
        self.critic, self.generator = critic, generator
        self.d_steps, self.gp_weight = d_steps, gp_weight
        self.draw = draw or (lambda shape: keras.random.normal(shape, seed=self.seeds))

    def compile(self, d_optimizer, g_optimizer, d_loss_fn, g_loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.d_loss_fn, self.g_loss_fn = d_loss_fn, g_loss_fn

    def penalty(self, real, fake):
        alpha = self.draw((ops.shape(real)[0], 1, 1, 1))
        between = real + alpha * (fake - real)
        gradient = dialect().input_gradient(lambda x: self.critic(x), between)
        norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
        return ops.mean(ops.square(norm - 1.0))

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        count, minimize = ops.shape(real)[0], dialect().minimize

        def d_loss_of():
            fake = ops.stop_gradient(self.generator(self.draw((count, LATENT))))
            cost = self.d_loss_fn(self.critic(real), self.critic(fake))
            return cost + self.gp_weight * self.penalty(real, fake)

        def g_loss_of():
            return self.g_loss_fn(self.critic(self.generator(self.draw((count, LATENT)))))

        for _ in range(self.d_steps):
            d_loss = minimize(self, self.d_optimizer, self.critic, d_loss_of)
        g_loss = minimize(self, self.g_optimizer, self.generator, g_loss_of)
        return self.log(d_loss=d_loss, g_loss=g_loss)


def critic_loss(real, fake):
    return ops.mean(fake) - ops.mean(real)


def generator_loss(fake):
    return -ops.mean(fake)


def wgan(**arguments):
    model = WGAN(discriminator(dropout=0.0), decoder(), **arguments)
    model.compile(adam(), adam(0.02), critic_loss, generator_loss)
    return model


def wgan_of_stateful_draws():
    return wgan(draw=dialect().stateful_normal)


def distance(vectors):
    x, y = vectors
    square = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(square, keras.config.epsilon()))


def contrastive(y_true, y_pred):
    margin = ops.square(ops.maximum(1 - y_pred, 0))
    return ops.mean((1 - y_true) * ops.square(y_pred) + y_true * margin)


def siamese():
    x = image = keras.Input((SIZE, SIZE, 1))
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(4, 3, activation="tanh")(x)
    x = layers.Flatten()(x)
    tower = keras.Model(image, layers.Dense(4, activation="tanh")(x))
    left, right = keras.Input((SIZE, SIZE, 1)), keras.Input((SIZE, SIZE, 1))
    merged = layers.Lambda(distance, output_shape=(1,))([tower(left), tower(right)])
    output = layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(merged))
    model = keras.Model([left, right], output)
    model.compile(optimizer="rmsprop", loss=contrastive, metrics=["accuracy"])
    return model


def custom_step():
    """Return a model that nothing has built, as its guide has it."""
    model = Guide()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def images():
    return {"x": IMAGES}


def pairs():
    same = np.arange(ROWS, dtype="float32") % 2
    return {"x": [IMAGES, np.roll(IMAGES, 1, axis=0)], "y": same[:, None]}


def rows():
    return {"x": IMAGES[:, 0, :3, 0], "y": np.arange(ROWS) % 2}
