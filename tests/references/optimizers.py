"""The optimizers' rules in NumPy float64, written from the papers."""

import numpy as np


class NAG:
    """v <- a v + lr grad(w - a v);  w <- w - v, with the gradient taken by the class itself."""

    def __init__(self, w, gradient, momentum=0.9):
        self.w, self.gradient, self.momentum = np.array(w, "float64"), gradient, momentum
        self.v = np.zeros_like(self.w)

    @property
    def lookahead(self):
        return self.w - self.momentum * self.v

    def step(self, learning_rate):
        self.v = self.momentum * self.v + learning_rate * self.gradient(self.lookahead)
        self.w = self.w - self.v


class Adam:
    """Kingma & Ba (2015), Algorithm 1; `epsilon_hat` for the form in front of section 2.1."""

    def __init__(self, w, beta_1=0.9, beta_2=0.999, epsilon=1e-8, amsgrad=False, epsilon_hat=False):
        self.w = np.array(w, "float64")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad, self.epsilon_hat = amsgrad, epsilon_hat
        self.m, self.v, self.v_max = (np.zeros_like(self.w) for _ in range(3))
        self.t = 0

    def step(self, gradient, learning_rate):
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        self.v_max = np.maximum(self.v_max, self.v)
        v = self.v_max if self.amsgrad else self.v
        m_hat = self.m / (1 - self.beta_1**self.t)
        correction = np.sqrt(1 - self.beta_2**self.t)
        epsilon = self.epsilon / correction if self.epsilon_hat else self.epsilon
        self.w = self.w - learning_rate * m_hat / (np.sqrt(v) / correction + epsilon)
