"""A script with a training in it, and remedies carried out in it as they are printed."""

import ast
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.diagnosis import odd_layers, scores
from benchmarks.diagnosis.case import Case
from keras_trainkit._keras_internals import compiled_with, layers_of
from keras_trainkit.diagnosis import Remedy
from keras_trainkit.diagnosis._preflight.as_code import code_of, made_by

_PREDICTED = re.compile(r"^# predicted = (.*)$", re.MULTILINE)
_COMPARED = ("optimizer", "loss", "metrics", "loss_weights")


class Script:
    """What the person has who reads a remedy: data, a model that is not trained, and `fit`.

    Rows to judge by are those of the validation. Where there are none, they get what is done to
    the inputs alone, as any rows that come later.

    Args:
        case: `Case`.
        seed: integer.
        remedies: `Remedy` objects, carried out in their order.
    """

    def __init__(self, case: Case, seed: int, remedies: Sequence[Remedy] = ()) -> None:
        self.case = case
        program = case.make(seed)
        self.fit_arguments = dict(program.fit)
        held_out = self.fit_arguments.pop("validation_data", None)
        self.is_validated, self.truth = held_out is not None, program.data.truth
        self.predicted = "model.predict(x, verbose=0)"
        self.names: dict[str, Any] = {"np": np, "keras": keras, **vars(odd_layers)}
        self.names |= {"model": program.model, "x": program.x, "y": program.y}
        self.names |= {"x_val": program.data.x_test}
        if held_out:
            self.names["y_val"] = held_out[1]
        for remedy in remedies:
            self.carry_out(remedy)

    def fit(self, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict[str, list[float]]:
        """Train the model and return what was logged."""
        arguments = self.all_arguments()
        listed = [*arguments.pop("callbacks", ()), *callbacks]
        model, x, y = (self.names[name] for name in ("model", "x", "y"))
        return model.fit(x, y, verbose=0, callbacks=listed, **arguments).history

    def all_arguments(self) -> dict[str, Any]:
        """Return the arguments of `fit` besides `x` and `y`."""
        if not self.is_validated:
            return dict(self.fit_arguments)
        return {
            **self.fit_arguments,
            "validation_data": (self.names["x_val"], self.names["y_val"]),
        }

    def score(self, logs: dict[str, list[float]]) -> float:
        """Return how good the trained model is on the rows to judge by."""
        recipe, model = self.case.recipe, self.names["model"]
        outputs = eval(self.predicted, {**self.names, "x": self.names["x_val"]})
        logits = bool(getattr(model.loss, "from_logits", False))
        found = scores.of(recipe.score, np.asarray(outputs), self.truth, logits)
        judged = [name for name in (recipe.judged, self.case.broken.judged) if name in logs]
        return scores.truthful(logs, judged[0], found) if judged else found

    def carry_out(self, remedy: Remedy) -> None:
        """Do what a remedy says.

        Raises:
            ValueError: if it has no code, or its code is not what `apply` does.
        """
        if not remedy.code:
            raise ValueError("the remedy has no code")
        known, change = self.names.get("y_val"), remedy.change
        if change is not None and change["kind"] != "fit":
            self.names["model"] = remedy.apply(self.names["model"])
        self.predicted = "".join(_PREDICTED.findall(remedy.code)) or self.predicted
        for statement in ast.parse(remedy.code).body:
            self._run(statement, is_applied=change is not None)
        if known is not None and not _is_recoded(known, self.names["y_val"]):
            self.truth = self.names["y_val"]  # Other rows than before.

    def _run(self, statement: ast.stmt, is_applied: bool) -> None:
        code = ast.unparse(statement)
        if code.startswith("model.fit("):
            self._take_arguments(statement)
        elif code.startswith(("keras.layers.", "keras_trainkit.layers.")):
            self._check_layer(code, is_applied)
        elif code.startswith("model.compile("):
            before = self._compiled()
            exec(code, self.names)
            if is_applied and before != self._compiled():
                raise ValueError(f"`apply` compiles otherwise: {before}, not {self._compiled()}")
        else:
            exec(code, self.names)
            self._repeat_for_rows_to_judge_by(statement)

    def _take_arguments(self, statement: Any) -> None:
        """Keep the arguments of a printed `fit`; data are those that the script has."""
        for keyword in statement.value.keywords:
            if keyword.arg not in ("validation_data", "validation_split"):
                value = eval(ast.unparse(keyword.value), self.names)
                self.fit_arguments[keyword.arg] = value

    def _check_layer(self, code: str, is_applied: bool) -> None:
        """Raise unless the model has the printed layer."""
        printed = made_by(eval(code, self.names))
        if not is_applied:
            raise ValueError(f"a person has to say where it belongs: {code}")
        if printed not in [_made(layer) for layer in layers_of(self.names["model"])]:
            raise ValueError(f"`apply` makes no such layer: {printed}")

    def _compiled(self) -> dict[str, str]:
        given = compiled_with(self.names["model"])
        return {name: code_of(given[name]) for name in _COMPARED if given.get(name)}

    def _repeat_for_rows_to_judge_by(self, statement: ast.stmt) -> None:
        """Do to rows that come later what is done to the inputs, where no line does."""
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if not self.is_validated and [ast.unparse(target) for target in targets] == ["x"]:
            names = {**self.names, "x": self.names["x_val"]}
            exec(ast.unparse(statement), names)
            self.names["x_val"] = names["x"]


def _made(layer: keras.Layer) -> str:
    try:
        return made_by(layer)
    except (ValueError, NotImplementedError):
        return ""


def _is_recoded(before: np.ndarray, after: np.ndarray) -> bool:
    """Say whether targets are of the same rows, each value of them always the same other one."""
    if len(before) != len(after):
        return False
    old, new = (np.reshape(each, (len(each), -1)) for each in (before, after))
    values = len(np.unique(old, axis=0))
    if values == len(old):  # Numbers, none of which is there twice.
        return bool((np.argsort(old, axis=0) == np.argsort(new, axis=0)).all())
    return len(np.unique(np.concatenate([old, new], axis=1), axis=0)) == values
