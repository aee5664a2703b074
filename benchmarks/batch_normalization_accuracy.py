"""Claim: batch normalization is as exact as the most exact of Keras's three backends, or more.

Prints the largest error of the output and of each gradient against float64, relative to the
largest true value (or absolute, where the truth is zero), for every backend in its own process,
and with `*` what is worse than the best of Keras's by more than the rounding of a float32 sum.
"""

import json
import os
import subprocess
import sys

import numpy as np

BACKENDS = ("tensorflow", "jax", "torch")
SHAPES = ((256, 1024), (32, 56, 56, 64), (7, 3))
NAMES = ("y", "dx", "dgamma", "dbeta")
INPUTS = {
    "N(0, 1)": lambda normal: normal,
    "1000 +- 0.1": lambda normal: 1000 + 0.1 * normal,
    "1e-4 N(0, 1)": lambda normal: 1e-4 * normal,
    "constant 5": lambda normal: np.full_like(normal, 5.0),
    "5 + a channel at 1000": lambda normal: 5 + normal + 995.0 * (np.arange(normal.shape[-1]) == 1),
}


def truth(x: np.ndarray, upstream: np.ndarray) -> list[np.ndarray]:
    """Return y, dx, dgamma and dbeta in float64 for gamma = 1 and beta = 0."""
    x, g = (array.reshape(-1, array.shape[-1]).astype("float64") for array in (x, upstream))
    stddev = np.sqrt(x.var(0) + 1e-3)
    y = (x - x.mean(0)) / stddev
    dgamma, dbeta = (g * y).sum(0), g.sum(0)
    return [y, (g - g.mean(0) - y * (g * y).mean(0)) / stddev, dgamma, dbeta]


def errors() -> dict[str, list[float]]:
    """Return the errors of ours and of Keras's layer on this process's backend."""
    import keras
    from _steps import training

    from keras_trainkit import layers

    found = {}
    for shape in SHAPES:
        normal = np.random.default_rng(0).normal(size=shape)
        for kind, make in INPUTS.items():
            x = make(normal).astype("float32")
            upstream = np.random.default_rng(1).normal(size=shape).astype("float32")
            expected = truth(x, upstream)
            for name, kit in (("ours", layers), ("keras", keras.layers)):
                results = keras.tree.flatten(training(kit.BatchNormalization(), x)())[:4]
                actual = [keras.ops.convert_to_numpy(result) for result in results]
                found[f"{shape}|{kind}|{name}"] = [
                    float(np.abs(a.reshape(t.shape) - t).max() / (np.abs(t).max() or 1))
                    for a, t in zip(actual, expected, strict=True)
                ]
    return found


def main() -> None:
    """Run every backend and print the comparison."""
    found = {}
    for backend in BACKENDS:
        done = subprocess.run(
            [sys.executable, __file__, "--errors"],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdout=subprocess.PIPE,
            check=True,
        )
        found[backend] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'':38}{'':18}" + "".join(f"{name:>10}" for name in NAMES))
    worse = 0
    for shape in SHAPES:
        # Relative rounding error of a sum of so many random numbers.
        rounding = np.finfo("float32").eps * np.sqrt(np.prod(shape[:-1]))
        for kind in INPUTS:
            # Keras on PyTorch gives NaN.
            best = np.nanmin([found[b][f"{shape}|{kind}|keras"] for b in BACKENDS], axis=0)
            print(
                f"{shape!s:18}{kind:24}{'best of Keras':14}" + "".join(f"{e:10.1e}" for e in best)
            )
            for backend in BACKENDS:
                for name in ("keras", "ours"):
                    row = np.array(found[backend][f"{shape}|{kind}|{name}"])
                    marks = ~(row <= best + rounding) if name == "ours" else row != row
                    worse += marks.sum() if name == "ours" else 0
                    cells = (
                        f"{e:9.1e}{'*' if m else ' '}" for e, m in zip(row, marks, strict=True)
                    )
                    print(f"{'':42}{backend + ' ' + name:14}" + "".join(cells))
    print(f"Worse than the best of Keras: {worse}")


if __name__ == "__main__":
    if "--errors" in sys.argv:
        print(json.dumps(errors()))
    else:
        main()
