"""What is known of a training before its first update: network, compile arguments, data, plan."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from keras_trainkit.diagnosis._facts.course import OptimizerFacts as OptimizerFacts
from keras_trainkit.diagnosis._facts.course import PlanFacts as PlanFacts
from keras_trainkit.diagnosis._facts.data import ArrayFacts as ArrayFacts
from keras_trainkit.diagnosis._facts.data import DuplicateFacts as DuplicateFacts
from keras_trainkit.diagnosis._facts.network import LayerFacts as LayerFacts
from keras_trainkit.diagnosis._facts.network import OutputFacts as OutputFacts
from keras_trainkit.diagnosis._facts.trials import OneBatchFacts as OneBatchFacts
from keras_trainkit.diagnosis._facts.trials import PaddingFacts as PaddingFacts
from keras_trainkit.diagnosis._facts.trials import SignalFacts as SignalFacts
from keras_trainkit.diagnosis._facts.trials import TrialFacts as TrialFacts


@dataclass(frozen=True)
class Facts:
    """All that is known of a training before its first update.

    Args:
        layers: `LayerFacts`, from input to output.
        outputs: `OutputFacts`.
        optimizer: `OptimizerFacts`, `None` for a model that is not compiled with one.
        inputs: `ArrayFacts`.
        validation_inputs: `ArrayFacts`, empty without validation data.
        plan: `PlanFacts`.
        trial: `TrialFacts`, `None` where none was made.
        unknown: strings. Paths of the model and the layers whose `call` the user wrote: what they
            compute between the layers is not known.
        compiled: dict of argument to code. What `compile` was given other than defaults, beside
            optimizer, loss and metrics.
        one_batch: `OneBatchFacts`, first at the rate that was given, then at others, then with more
            updates; each only if those before have not learned enough. Empty if nothing was tried.
        linear_skill: float. The skill, as of `Outcomes`, of a linear function of the inputs on rows
            that it was not fitted to; NaN if it was not tried.
        curved_skill: float. The same of a smooth function without straight lines.
        class_advantage: float. How much more often such a function names the class, if targets are
            whole numbers from 0 up, than a rounded number is right; NaN if it was not tried.
        duplicates: `DuplicateFacts`, `None` where rows were not compared.
    """

    layers: tuple[LayerFacts, ...] = ()
    outputs: tuple[OutputFacts, ...] = ()
    optimizer: OptimizerFacts | None = None
    inputs: tuple[ArrayFacts, ...] = ()
    validation_inputs: tuple[ArrayFacts, ...] = ()
    plan: PlanFacts = field(default_factory=PlanFacts)
    trial: TrialFacts | None = None
    unknown: tuple[str, ...] = ()
    compiled: Mapping[str, str] = field(default_factory=dict)
    one_batch: tuple[OneBatchFacts, ...] = ()
    linear_skill: float = math.nan
    curved_skill: float = math.nan
    class_advantage: float = math.nan
    duplicates: DuplicateFacts | None = None

    @property
    def baseline_skill(self) -> float:
        """The higher of both skills, NaN if neither is known."""
        known = (self.linear_skill, self.curved_skill)
        return max((skill for skill in known if not math.isnan(skill)), default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, tuples and plain values, of which `from_dict` makes the same."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Facts":
        """Return facts from what `to_dict` returned.

        Raises:
            ValueError: if it is something else.
        """
        return cls(
            layers=tuple(_of(LayerFacts, layer) for layer in facts["layers"]),
            outputs=tuple(_output(output) for output in facts["outputs"]),
            optimizer=_optional(OptimizerFacts, facts["optimizer"]),
            inputs=tuple(_of(ArrayFacts, array) for array in facts["inputs"]),
            validation_inputs=tuple(_of(ArrayFacts, array) for array in facts["validation_inputs"]),
            plan=_of(PlanFacts, facts["plan"]),
            trial=_trial(facts["trial"]),
            unknown=tuple(facts["unknown"]),
            compiled=facts.get("compiled", {}),
            one_batch=tuple(_of(OneBatchFacts, one) for one in facts.get("one_batch", ())),
            linear_skill=facts.get("linear_skill", math.nan),
            curved_skill=facts.get("curved_skill", math.nan),
            class_advantage=facts.get("class_advantage", math.nan),
            duplicates=_optional(DuplicateFacts, facts.get("duplicates")),
        )


def _output(facts: Mapping[str, Any]) -> OutputFacts:
    targets = {name: _optional(ArrayFacts, facts[name]) for name in ("target", "validation_target")}
    return _of(OutputFacts, {**facts, **targets})


def _trial(facts: Mapping[str, Any] | None) -> TrialFacts | None:
    if facts is None:
        return None
    signals = tuple(_of(SignalFacts, signal) for signal in facts.get("signals", ()))
    padding = _optional(PaddingFacts, facts.get("padding"))
    return _of(TrialFacts, {**facts, "signals": signals, "padding": padding})


def _optional(kind: type, facts: Mapping[str, Any] | None) -> Any:
    return None if facts is None else _of(kind, facts)


def _of(kind: type, facts: Mapping[str, Any]) -> Any:
    """Return an object of what a file holds; older files lack what has a default since."""
    known = {each.name for each in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    if not needed <= set(facts) <= known:
        raise ValueError(f"the facts of {kind.__name__} are {sorted(facts)!s:.200}")
    return kind(**facts)
