"""The optimizers' rules in NumPy float64, one variable each, written from the papers.

`held` is where the gradient is due, and what a model's variable holds while it trains.
"""

import numpy as np


class NAG:
    """Sutskever et al. (2013), equations 3 and 4, with v turned; 1 and 2 without `nesterov`."""

    def __init__(self, w, momentum=0.9, nesterov=True):
        self.w, self.momentum, self.nesterov = np.array(w, "float64"), momentum, nesterov
        self.v = np.zeros_like(self.w)

    @property
    def held(self):
        return self.w - self.momentum * self.v if self.nesterov else self.w

    @property
    def slots(self):
        return [self.v]

    def step(self, gradient, learning_rate):
        self.v = self.momentum * self.v + learning_rate * gradient
        self.w = self.w - self.v


class TorchMomentum:
    """The recursion in the documentation of `torch.optim.SGD`, with v = learning_rate * b."""

    def __init__(self, w, momentum=0.9, nesterov=True):
        self.held, self.momentum, self.nesterov = np.array(w, "float64"), momentum, nesterov
        self.b = self.v = np.zeros_like(self.held)

    @property
    def w(self):
        return self.held + self.momentum * self.v if self.nesterov else self.held

    @property
    def slots(self):
        return [self.v]

    def step(self, gradient, learning_rate):
        self.b = self.momentum * self.b + gradient
        self.v = learning_rate * self.b
        ahead = learning_rate * gradient + self.momentum * self.v
        self.held = self.held - (ahead if self.nesterov else self.v)


class Adam:
    """Kingma & Ba (2015), Algorithm 1; `epsilon_hat` for the form in front of section 2.1."""

    def __init__(self, w, beta_1=0.9, beta_2=0.999, epsilon=1e-8, amsgrad=False, epsilon_hat=False):
        self.held = np.array(w, "float64")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad, self.epsilon_hat = amsgrad, epsilon_hat
        self.m, self.v, self.v_max = (np.zeros_like(self.held) for _ in range(3))
        self.t = 0

    @property
    def slots(self):
        return [self.m, self.v, self.v_max] if self.amsgrad else [self.m, self.v]

    def step(self, gradient, learning_rate):
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        self.v_max = np.maximum(self.v_max, self.v)
        v = self.v_max if self.amsgrad else self.v
        m_hat = self.m / (1 - self.beta_1**self.t)
        correction = np.sqrt(1 - self.beta_2**self.t)
        epsilon = self.epsilon / correction if self.epsilon_hat else self.epsilon
        self.held = self.held - learning_rate * m_hat / (np.sqrt(v) / correction + epsilon)


class AdamW(Adam):
    """Loshchilov & Hutter (2019), Algorithm 2, with the decay times the learning rate."""

    def __init__(self, w, weight_decay=0.004, weight_decay_min_rank=2, **arguments):
        super().__init__(w, **arguments)
        self.decay = weight_decay if self.held.ndim >= weight_decay_min_rank else 0.0

    def step(self, gradient, learning_rate):
        self.held = self.held - learning_rate * self.decay * self.held
        super().step(gradient, learning_rate)


class Nadam:
    """Dozat (2016), Algorithm 2, with the momentum's schedule of the report of 2015, section 5."""

    def __init__(self, w, beta_1=0.9, beta_2=0.999, epsilon=1e-8, momentum_decay=0.004):
        self.held = np.array(w, "float64")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.momentum_decay = momentum_decay
        self.m, self.v = np.zeros_like(self.held), np.zeros_like(self.held)
        self.t, self.product = 0, 1.0

    @property
    def slots(self):
        return [self.m, self.v]

    def mu(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def step(self, gradient, learning_rate):
        self.t += 1
        self.product *= self.mu(self.t)
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        later = self.mu(self.t + 1)
        m_hat = later * self.m / (1 - self.product * later)
        m_hat = m_hat + (1 - self.mu(self.t)) * gradient / (1 - self.product)
        v_hat = self.v / (1 - self.beta_2**self.t)
        self.held = self.held - learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
