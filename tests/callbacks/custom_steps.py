"""Train steps of one's own on each backend, written as Keras's guides write them."""

import keras
from keras import layers, ops

BACKEND = keras.backend.backend()


class Guide(keras.Model):
    """One network; computes its loss and its gradients, updates its weights and its metrics."""

    def __init__(self):
        super().__init__()
        self.one = layers.Dense(2, name="one")

    def build(self, shape):
        self.one.build(shape)

    def call(self, x, training=False):
        return ops.softmax(self.one(x))

    def update(self, gradients):
        self.optimizer.apply(gradients, self.trainable_variables)

    def stateless_update(self, trainable, non_trainable, state, gradients):
        trainable, state = self.optimizer.stateless_apply(state, gradients, trainable)
        return trainable, non_trainable, state

    def train_step(self, *arguments):
        return globals()[f"{BACKEND}_step"](self, *arguments)

    def log(self, loss, y, y_pred):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Pair(Guide):
    """Two networks, each with an optimizer of its own, as in adversarial training."""

    def __init__(self):
        super().__init__()
        self.two = layers.Dense(2, name="two")

    def build(self, shape):
        super().build(shape)
        self.two.build(shape)
        self.optimizer.build(self.one.trainable_variables)
        self.second.build(self.two.trainable_variables)
        # On JAX the model's state must hold the second optimizer's.
        self.state_of_second = self.second.variables if BACKEND == "jax" else []

    def call(self, x, training=False):
        return ops.softmax(self.one(x) + self.two(x**2))

    def compile(self, optimizers, loss, **arguments):
        first, self.second = optimizers
        super().compile(first, loss, **arguments)
        self.build((None, 3))

    def update(self, gradients):
        self.optimizer.apply(gradients[:2], self.one.trainable_variables)
        self.second.apply(gradients[2:], self.two.trainable_variables)

    def stateless_update(self, trainable, non_trainable, state, gradients):
        one, state = self.optimizer.stateless_apply(state, gradients[:2], trainable[:2])
        two, other = self.second.stateless_apply(non_trainable, gradients[2:], trainable[2:])
        return one + two, other, state


class ListTaking(keras.Sequential):
    """Makes on PyTorch the train function of Keras 3.16, which takes a list of batches."""

    def make_train_function(self, force=False):
        if BACKEND != "torch":
            return super().make_train_function(force)
        if self.train_function is not None and not force:
            return self.train_function
        train_step = self.train_step
        if self.jit_compile:
            import torch

            train_step = torch.compile(train_step, backend="eager")

        def train_function(data):
            logs = {}
            for step_data in data:
                logs = train_step(step_data)
            return logs

        self.train_function = train_function


def tensorflow_step(model, data):
    import tensorflow as tf

    x, y = data
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(y=y, y_pred=y_pred)
    model.update(tape.gradient(loss, model.trainable_variables))
    return model.log(loss, y, y_pred)


def torch_step(model, data):
    import torch

    x, y = data
    model.zero_grad()
    y_pred = model(x, training=True)
    loss = model.compute_loss(y=y, y_pred=y_pred)
    loss.backward()
    with torch.no_grad():
        model.update([weight.value.grad for weight in model.trainable_weights])
    return model.log(loss, y, y_pred)


def jax_step(model, state, data):
    import jax

    trainable, non_trainable, optimizer_state, metrics_state = state
    x, y = data

    def objective(trainable, non_trainable):
        y_pred, rest = model.stateless_call(trainable, non_trainable, x, training=True)
        return model.compute_loss(x, y, y_pred), (y_pred, rest)

    differentiate = jax.value_and_grad(objective, has_aux=True)
    (loss, (y_pred, non_trainable)), gradients = differentiate(trainable, non_trainable)
    updated = model.stateless_update(trainable, non_trainable, optimizer_state, gradients)
    with keras.StatelessScope(list(zip(model.metrics_variables, metrics_state, strict=True))) as s:
        logs = model.log(loss, y, y_pred)
        metrics_state = [s.get_current_value(v) for v in model.metrics_variables]
    return logs, (*updated, metrics_state)
