"""Trainings that begin with the same weights on each backend."""

import re
from pathlib import Path

import keras
import numpy as np


def begin_alike(model: keras.Model, folder: str, case: str, seed: int) -> None:
    """Give a model the weights that another backend wrote for it, or write them.

    Args:
        model: built `keras.Model`.
        folder: string. Where the files are, one for each case and seed.
        case: string. The name of the case.
        seed: integer. The training's.
    """
    path = Path(folder) / f"{re.sub('[^A-Za-z0-9]+', '-', case)}-{seed}.npz"
    if path.exists():
        with np.load(path) as file:
            model.set_weights([file[name] for name in file.files])
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, *model.get_weights())
