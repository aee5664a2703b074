"""Training steps: forward, backward and update in Keras's compiled train function, as ratios.

The function is called as `fit` calls it, on one batch over and over: "mlp-512" and "10M" on 128
examples, "64-layer" on 32. Adam is compared with Keras's Adam, NAG with Keras's SGD with Nesterov
momentum; "A/A" is a second model with Keras's optimizer. "torch.optim, fused" trains the same
layers in a plain PyTorch loop, without Keras's trainer.
"""

import _harness
import _rules
import _trainers
import keras


def compare(case: str) -> None:
    """Print the ratios for one network."""
    for rule in _rules.KERAS:
        contenders = {
            "Keras": keras_loop(case, _rules.KERAS[rule]()),
            "A/A": keras_loop(case, _rules.KERAS[rule]()),
            "ours": keras_loop(case, _rules.OURS[rule]()),
        }
        if _harness.BACKEND == "torch":
            contenders["torch.optim, fused"] = torch_loop(case, rule)
        _harness.print_ratios(f"{case}, {rule}", contenders, "Keras")


def keras_loop(case: str, optimizer: keras.optimizers.Optimizer) -> _harness.Run:
    """Return a function that takes one step of Keras's trainer."""
    return _trainers.step(_trainers.compiled(case, optimizer), case)


def torch_loop(case: str, rule: str) -> _harness.Run:
    """Return a function that takes one step of a plain PyTorch loop on the network."""
    import torch

    model = _trainers.network(case)
    optimizer = _rules.in_torch(rule)(model.parameters(), fused=True)
    x, y = map(torch.tensor, _trainers.batch(case))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x, training=True), y).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    columns = f"{'network and rule':28} {'':26}  ratio  [p10 p90]"
    _harness.each_alone(compare, _trainers.PERCEPTRONS, columns)
