"""A snapshot on its way into a model, some of which may exist only from its first step on."""

from collections.abc import Callable

import keras

from keras_trainkit._interruption import uninterrupted
from keras_trainkit.callbacks._training_state.callback_states import Matches
from keras_trainkit.callbacks._training_state.snapshot import Snapshot
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    assign_hyperparameters,
    build_optimizers,
    has_hyperparameters,
    set_generator_states,
)


class Restoration:
    """Gives everything its value: what there is when `fit` begins, and the rest when it is made.

    Args:
        snapshot: what the values are taken from.
        model: a model that is the snapshot's, or a part of it.
        matches: which callback takes which state.
        check: function that raises unless the model is the snapshot's, and whole.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        model: keras.Model,
        matches: Matches,
        check: Callable[[Snapshot], None],
    ) -> None:
        self.snapshot = snapshot
        self._model = model
        self._matches = matches
        self._check = check
        self._done: dict[int, int] = {}
        self._has_numbers = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left for the first step."""
        return self.snapshot.is_of_all(self._model)

    def put_back(self) -> None:
        """Give everything that there is its value; the callbacks first, which may refuse."""
        snapshot = self.snapshot
        with uninterrupted():
            self._matches.apply()
            self._done, self._has_numbers = {}, False
            self._put_rest_back()
            snapshot.put_metrics_back(self._model)
            set_generator_states(snapshot.generators)

    def complete(self) -> None:
        """Give what the first step has made its value, and leave what callbacks have changed."""
        build_optimizers(self._model, self.snapshot.built)
        self._check(self.snapshot)
        with uninterrupted():
            self._put_rest_back()

    def _put_rest_back(self) -> None:
        snapshot, model = self.snapshot, self._model
        places = snapshot.places(model)
        rest = [(one, place) for one, place in places if self._done.get(id(one)) != place]
        assign([one for one, _ in rest], [snapshot.variables[place] for _, place in rest])
        self._done = {id(one): place for one, place in places}
        if not self._has_numbers and has_hyperparameters(model, snapshot.numbers):
            assign_hyperparameters(model, snapshot.numbers)
            self._has_numbers = True
