"""What stands in for a model's train function for a while."""

from typing import Any

import keras


class TrainFunction:
    """Takes the place of `model.train_function`, and gives it back.

    Keras makes the train function before `on_train_begin`, looks it up anew for every call, and
    keeps it for the next `fit`; `compile` throws it away.

    Args:
        model: model whose train function is made.

    Attributes:
        original: the function in whose place this one stands.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.original = model.train_function

    @property
    def plain(self) -> Any:
        """The function behind all that stand in for one another."""
        above = self.original
        return above.plain if isinstance(above, TrainFunction) else above

    def attach(self) -> None:
        """Take the place."""
        self.model.train_function = self

    def detach(self) -> bool:
        """Give the place back unless another has it, and return whether it was ours."""
        ours = self.model.train_function is self
        if ours:
            self.model.train_function = self.original
        return ours

    def __call__(self, *arguments: Any) -> Any:
        """Do what the original does: on JAX take and return the state, on PyTorch take a list."""
        return self.original(*arguments)
