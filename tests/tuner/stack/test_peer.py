"""A lane of a stack takes the steps of PyTorch's own layers and optimizers, to the last digits."""

import keras
import numpy as np
import pytest
from keras import optimizers as of_keras
from keras import regularizers

from keras_trainkit import optimizers
from keras_trainkit.layers import BatchNormalization
from tests.tuner.stack.networks import FIT, X, Y, network, trained

pytestmark = pytest.mark.backend("torch")

EPOCHS, ROWS, BATCH = 20, 80, FIT["batch_size"]
# Rates that float32 holds, as which Keras keeps them.
PAIRS = {
    "sgd": (lambda: of_keras.SGD(0.125), lambda t, w: t.optim.SGD(w, 0.125)),
    "nag": (
        lambda: optimizers.NAG(0.03125),
        lambda t, w: t.optim.SGD(w, 0.03125, momentum=0.9, nesterov=True),
    ),
    "heavy ball": (
        lambda: of_keras.SGD(0.03125, 0.9),
        lambda t, w: t.optim.SGD(w, 0.03125, momentum=0.9),
    ),
    "adam": (lambda: optimizers.Adam(2**-7), lambda t, w: t.optim.Adam(w, 2**-7)),
    "adamw": (
        lambda: optimizers.AdamW(2**-7, weight_decay=0.1, weight_decay_min_rank=0),
        lambda t, w: t.optim.AdamW(w, 2**-7, weight_decay=0.1),
    ),
}
NETWORKS = [
    {},
    {"widths": (30, 10, 12), "act": "elu"},
    {"norm": BatchNormalization, "act": "tanh"},
    {"penalty": regularizers.L1L2(1e-3, 1e-2), "act": "selu"},
]


@pytest.mark.parametrize("options", NETWORKS)
def test_all_optimizers_step_as_pytorch_does(options, float64):
    torch = pytest.importorskip("torch")
    models = []
    for seed, (make, _) in enumerate(PAIRS.values()):
        keras.utils.set_random_seed(seed)
        models.append(network(make(), **options))
    peers = [of_torch(torch, model, options) for model in models]
    trained(models, EPOCHS)
    for model, (weights, run), (_, make) in zip(models, peers, PAIRS.values(), strict=True):
        optimizer = make(torch, weights)
        for step in range(EPOCHS * ROWS // BATCH):
            rows = slice(step % 5 * BATCH, step % 5 * BATCH + BATCH)
            optimizer.zero_grad()
            run(torch.tensor(X[rows]), torch.tensor(Y[rows])).backward()
            optimizer.step()
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            mine = keras.ops.convert_to_numpy(variable)
            np.testing.assert_allclose(mine, weight.detach().numpy(), rtol=0, atol=1e-10)


def of_torch(torch, model, options):
    """Return a model's trained weights as PyTorch has them, and its loss as a function of rows."""
    values = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    weights = [torch.tensor(value, requires_grad=True) for value in values]
    f = torch.nn.functional
    activation = getattr(f, options.get("act", "relu"))
    penalty = options.get("penalty")

    def run(x, y):
        left, loss = list(weights), 0.0
        while left:
            kernel = left.pop(0)
            if penalty is not None:
                loss = loss + penalty.l1 * kernel.abs().sum() + penalty.l2 * kernel.square().sum()
            if options.get("norm") and len(left) > 1:
                gamma, beta = left.pop(0), left.pop(0)
                x = f.batch_norm(x @ kernel, None, None, gamma, beta, training=True, eps=1e-3)
            else:
                x = x @ kernel + left.pop(0)
            x = activation(x) if left else x
        return loss + f.cross_entropy(x, y)

    return weights, run
