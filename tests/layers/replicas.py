"""Train on two replicas, which are processes of PyTorch or virtual devices of JAX. Print JSON."""

import json
import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["GLOO_SOCKET_IFNAME"] = "lo"

import keras
import numpy as np

from keras_trainkit.layers import BatchNormalization, Dropout

RNG = np.random.default_rng(0)
X = (1000 + 0.1 * RNG.normal(size=(3, 16, 5, 4))).astype("float32")
UPSTREAM = RNG.normal(size=X.shape).astype("float32")
MASK = np.arange(80).reshape(16, 5) % 3 > 0
PARTS = slice(0, 11), slice(11, 16)


def torch_results(rank, file):
    """Return what one of two processes makes of its part of three batches."""
    import torch

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    layer = BatchNormalization(synchronized=True, momentum=None, unbiased=True)
    layer.build((None, 5, 4))
    found = []
    for x, upstream in zip(X, UPSTREAM, strict=True):
        part = torch.tensor(x[PARTS[rank]], requires_grad=True)
        y = layer(part, training=True, mask=MASK[PARTS[rank]])
        loss = torch.sum(y * torch.tensor(upstream[PARTS[rank]]))
        weights = [layer.gamma.value, layer.beta.value]
        found.append([y, *torch.autograd.grad(loss, [part, *weights])])
    torch.distributed.destroy_process_group()
    results = [[r.detach().tolist() for r in results] for results in found]
    return {"results": results, "weights": [w.tolist() for w in layer.get_weights()]}


def jax_weights():
    """Return the weights after training, and on how many devices they lie."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((5, 4)),
            BatchNormalization(synchronized=True, momentum_warmup=True, unbiased=True),
            keras.layers.Dense(6, "tanh"),
            Dropout(0.5, seed=1),
            BatchNormalization(ghost_batch_size=4),
            keras.layers.Dense(4),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(np.concatenate(X), np.concatenate(UPSTREAM), 8, epochs=2, shuffle=False, verbose=0)
    devices = len(model.layers[0].moving_mean.value.sharding.device_set)
    return {"devices": devices, "weights": [w.tolist() for w in model.get_weights()]}


def main():
    if keras.backend.backend() == "torch":
        print(json.dumps(torch_results(int(sys.argv[1]), sys.argv[2])))
        return
    found = [jax_weights()]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=keras.distribution.list_devices("cpu"))
    )
    print(json.dumps([*found, jax_weights()]))


if __name__ == "__main__":
    main()
