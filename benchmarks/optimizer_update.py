"""Optimizers: the update of all variables, given their gradients, as a ratio to Keras's.

"adam" is Keras's Adam, "nag" its SGD with Nesterov momentum. The case gives the number of
variables and their shape: 10 million parameters in 4 matrices, or 51,200 in 200. TensorFlow takes
ten steps in a loop inside one graph; JAX compiles a step whose variables are donated; PyTorch is
eager. "A/A" is Keras's optimizer against itself. "floor" copies memory: as many bytes as a
pass over gradients, weights and slots reads and writes (seven arrays, five for "nag").
"""

import _harness
import _rules
import _updates
import numpy as np

CASES = ("adam,4,2500,1000", "nag,4,2500,1000", "adam,200,16,16", "nag,200,16,16")


def compare(case: str) -> None:
    """Print the ratios for one rule and one list of variables."""
    rule, *shape = case.split(",")
    gradients = np.random.default_rng(0).normal(size=tuple(map(int, shape))).astype("float32")
    traffic = np.resize(gradients, gradients.size * _rules.STREAMS[rule] // 2)
    contenders = {
        "Keras": _updates.update(_rules.KERAS[rule](), gradients),
        "A/A": _updates.update(_rules.KERAS[rule](), gradients),
        "ours": _updates.update(_rules.OURS[rule](), gradients),
        "floor": _harness.bandwidth_floor(traffic, streams=2 * _updates.STEPS),
    }
    if _harness.BACKEND == "jax":
        contenders["optax"] = _updates.optax_update(_rules.in_optax(rule), gradients)
    if _harness.BACKEND == "torch":
        peer = _rules.in_torch(rule)
        contenders["torch.optim"] = _updates.torch_update(peer, gradients)
        contenders["torch.optim, foreach"] = _updates.torch_update(peer, gradients, foreach=True)
        contenders["torch.optim, fused"] = _updates.torch_update(peer, gradients, fused=True)
    _harness.print_ratios(case, contenders, "Keras")


if __name__ == "__main__":
    _harness.each_alone(compare, CASES, f"{'rule and variables':28} {'':26}  ratio  [p10 p90]")
