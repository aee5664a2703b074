"""What is known of a training before its first update: network, compile arguments, data, plan."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class ArrayFacts:
    """One input, target or sample weight, or the sample of it that was looked at.

    Columns are the last axis; an array without one has one column. Numbers are over the finite
    values, NaN where there is none.

    Args:
        name: string. As `fit` has it: `"x"`, `"y[1]"`, `"x['image']"`, `"validation y"`.
        shape: integers, or `None` where not known. The first is the number of rows.
        dtype: string.
        seen: integer. The number of rows that were looked at.
        mean, std, low, high: floats. Over all values.
        scales: three floats. The smallest, the median and the largest root mean square of a column.
        largest: integer. The column of the largest scale.
        constant: integer. The number of columns whose values are all the same.
        nonfinite: integer. The number of values that are NaN or infinite.
        whole: bool. Whether all values are integers, of whatever dtype.
        distinct: integer. The number of distinct values, at most 1001.
        classes: dict of class to its share of the rows: of whole values in one column, at most 1000
            of them, or the columns of `one_hot` rows. Empty for anything else.
        one_hot: bool. Whether each row has one 1, the rest 0, in more than one column.
        binary: bool. Whether all values are 0 or 1.
        sums_to_one: bool. Whether each row is >= 0 and its sum is 1, in more than one column.
        ordered: bool. Whether the classes stand in blocks, one after another.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    seen: int
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    scales: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    largest: int = 0
    constant: int = 0
    nonfinite: int = 0
    whole: bool = False
    distinct: int = 0
    classes: Mapping[float, float] = field(default_factory=dict)
    one_hot: bool = False
    binary: bool = False
    sums_to_one: bool = False
    ordered: bool = False

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return (self.shape[-1] or 1) if len(self.shape) > 1 else 1


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the network, innermost layers alone, from input to output.

    An operation of a functional graph, such as `keras.ops.relu`, is one too, and so is a layer that
    has weights beside the layers inside of it.

    Args:
        path: string. As in `History.layers`.
        kind: string. The name of its class.
        units: integer, the length of the output's last axis; `None` if not known.
        activation: string. The name of its activation function, `"linear"` for none; of a layer
            that is itself one, its own; `""` for layers that have none and are none.
        shape: output shape without the batch axis; `None` where not known.
        parameters: integer. The number of its weights' elements.
        trainable: bool.
        initializer: string. The class of the kernel's initializer, `""` if there is no kernel.
        fan_in: integer. The inputs of each unit of the kernel, 0 if there is no kernel.
        constant_kernel: bool. Whether all elements of the kernel are the same number.
        l1, l2: floats. The strengths of its kernel's regularizer.
        rate: float. Of a dropout layer; NaN for others.
        momentum: float. Of a layer with moving statistics; NaN for others.
        arguments: dict of argument to code. What its constructor was given other than defaults,
            those without a default in front; empty if it is not known.
        reached: string. The code that reaches it from `model`, `""` if it is not known.
        place: string. How a script calls its class: `"keras.layers.Dense"`, `""` if not known.
        learned: bool. Whether its offsets show that it was trained before.
        as_drawn: bool. Whether it is not trainable, and its kernel or its embeddings are still what
            their initializer draws.
    """

    path: str
    kind: str
    units: int | None = None
    activation: str = ""
    shape: tuple[int | None, ...] = ()
    parameters: int = 0
    trainable: bool = True
    initializer: str = ""
    fan_in: int = 0
    constant_kernel: bool = False
    l1: float = 0.0
    l2: float = 0.0
    rate: float = math.nan
    momentum: float = math.nan
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    reached: str = ""
    place: str = ""
    learned: bool = False
    as_drawn: bool = False


@dataclass(frozen=True)
class OutputFacts:
    """One output of the network, with its loss and its target.

    Args:
        layer: string. The path of the layer that it comes from.
        activation: string. What the values passed last: `"softmax"`, ..., `"linear"`; `""` if it is
            not known.
        shape: output shape without the batch axis; `None` where not known, `(None,)` if nothing is.
        loss: string. Keras's name of the loss, `"sparse_categorical_crossentropy"`; the class or
            function of another's; `""` for none.
        from_logits: bool.
        own_loss: bool. Whether the loss is none of Keras's, or the model has a training step of its
            own, which may use it in another way.
        metrics: strings. The names of its metrics' classes and functions, in Keras's spelling:
            `"binary_accuracy"`. `"accuracy"` leaves the choice to Keras, `"Accuracy"` is the class
            that compares outputs with targets for equality.
        target: `ArrayFacts` of its target, `None` if there is none or it is not known.
        validation_target: `ArrayFacts`, or `None`.
        weight: float. What its loss is multiplied with.
        key: string. By what `compile` and `fit` call it where they were given dicts, else `""`.
        loss_code: string. The loss as code, `""` if it is not known.
        metrics_code: strings. The metrics as code, in their order.
    """

    layer: str
    activation: str
    shape: tuple[int | None, ...]
    loss: str = ""
    from_logits: bool = False
    own_loss: bool = False
    metrics: tuple[str, ...] = ()
    target: ArrayFacts | None = None
    validation_target: ArrayFacts | None = None
    weight: float = 1.0
    key: str = ""
    loss_code: str = ""
    metrics_code: tuple[str, ...] = ()

    @property
    def units(self) -> int | None:
        """The length of the last axis."""
        return self.shape[-1] if self.shape else 1


@dataclass(frozen=True)
class OptimizerFacts:
    """The optimizer and its numbers.

    Args:
        kind: string. The name of its class.
        learning_rate: float. The first rate; NaN if not known.
        scheduled: bool. Whether the rate is a schedule's.
        momentum: float. 0 for none.
        weight_decay: float. 0 for none.
        clips: bool. Whether it clips gradients.
        adaptive: bool. Whether a step's length is the rate's, whatever the gradient's scale is.
        arguments: dict of argument to code. What its constructor was given other than defaults;
            empty if it is not known.
        place: string. How a script calls its class, `""` if it is not known.
        lasts: float. The share of the planned updates at which a schedule's rate is at least a
            hundredth of its highest; NaN without a schedule, or if it is not known.
    """

    kind: str
    learning_rate: float = math.nan
    scheduled: bool = False
    momentum: float = 0.0
    weight_decay: float = 0.0
    clips: bool = False
    adaptive: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    place: str = ""
    lasts: float = math.nan


@dataclass(frozen=True)
class PlanFacts:
    """What `fit` was asked for. `None` is what is not known.

    Args:
        rows: integer. The number of training examples.
        batch_size: integer.
        epochs: integer. How many epochs are to be trained.
        steps: integer. Batches in an epoch.
        shuffle: bool.
        split: float. `validation_split`; 0 for none.
        sampled: bool. Whether the data was looked at in a sample, not in full.
        weighted: bool. Whether the rows or classes were given weights, which scale the loss.
        class_weight: dict of class to weight, as `fit` was given it.
    """

    rows: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    steps: int | None = None
    shuffle: bool = True
    split: float = 0.0
    sampled: bool = False
    weighted: bool = False
    class_weight: Mapping[float, float] = field(default_factory=dict, hash=False)

    @property
    def updates(self) -> int | None:
        """How many updates are planned."""
        return None if self.epochs is None or self.steps is None else self.epochs * self.steps


@dataclass(frozen=True)
class SignalFacts:
    """What one layer makes of the rows of a trial.

    Args:
        layer: string. Its path.
        size: float. The root mean square of its outputs.
        dead: float. The share of units that are 0 for all rows; NaN for other kinds than ReLU.
        saturated: float. The share of outputs at the ends of tanh, sigmoid or softmax; NaN for
            other kinds.
    """

    layer: str
    size: float = math.nan
    dead: float = math.nan
    saturated: float = math.nan


@dataclass(frozen=True)
class PaddingFacts:
    """What the network makes of padding: steps of one content at the ends of its sequences.

    Args:
        before, after: floats. Which shares of all steps are padding at the beginnings and the ends.
        value: float. The number that the padding holds; NaN for different ones in a step.
        row: integer. A row with padding at its end, if there is one.
        kept: float. What is left of the rows behind the padding at their ends: how far outputs are
            from those of padding alone, in parts of how far they are if it stands at the
            beginnings, over all rows; at most 1. NaN where it cannot be told.
        mask: string. The path of the layer that makes a mask, `""` if none does.
        hides, hides_others: floats. Which shares of the padding and of the other steps it hides.
        reader: string. The path of the layer that could leave out steps.
        is_masked: bool. Whether that layer is told which ones.
        barrier: string. The path of the first layer in front of it that passes no mask on, `""` if
            each of them does.
    """

    before: float = 0.0
    after: float = 0.0
    value: float = math.nan
    row: int = 0
    kept: float = math.nan
    mask: str = ""
    hides: float = 0.0
    hides_others: float = 0.0
    reader: str = ""
    is_masked: bool = False
    barrier: str = ""


@dataclass(frozen=True)
class TrialFacts:
    """What the network makes of a few rows before its first update, in inference mode.

    Args:
        rows: integer. How many rows.
        kept_rows: bool. Whether each output has one row for each row of the input.
        leak: float. How far the outputs of rows move when the input of another row changes, in
            parts of how far they differ at all; 0 if the rows are independent, NaN if an output is
            not finite.
        low, high: floats. The lowest and the highest output.
        spread: float. How far the outputs of the rows differ, in parts of the largest output; 0 if
            all rows have the same, NaN if an output is not finite.
        signals: `SignalFacts` of the layers, in the order of their calls.
        broadcasts: bool. Whether a loss class of the user's compares each row with all rows, since
            targets have another shape than outputs; `None` where that is not known.
        padding: `PaddingFacts`, `None` for a network that reads no padded sequences.
        penalties: dict of a layer's path to what its regularizers, those of its activities too, add
            to the loss.
    """

    rows: int
    kept_rows: bool = True
    leak: float = 0.0
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan
    signals: tuple[SignalFacts, ...] = ()
    broadcasts: bool | None = None
    padding: PaddingFacts | None = None
    penalties: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class DuplicateFacts:
    """Rows that are the same in all inputs.

    Args:
        rows: integer. How many were compared.
        largest: float. The share of them that are the same as the most frequent one.
        best_skill: float. The skill, as of `Outcomes`, of whoever knows the mean target of each
            kind of rows: no network's is higher. NaN if it is not known.
    """

    rows: int
    largest: float
    best_skill: float = math.nan


@dataclass(frozen=True)
class OneBatchFacts:
    """How a copy of the network learns a few rows by heart.

    Args:
        rows: integer. How many rows.
        updates: integer. How many updates, all with these rows.
        rate: float. The learning rate.
        first, last, highest: floats. The loss before the first update, at the end, and the highest.
        skill: float. That of `Outcomes`, at the end: 1 if all is learned, NaN if it is not known.
        halved: integer. After how many updates the loss is half of the first one; `None` if never.
    """

    rows: int
    updates: int
    rate: float = math.nan
    first: float = math.nan
    last: float = math.nan
    highest: float = math.nan
    skill: float = math.nan
    halved: int | None = None

    def has_skill(self, enough: float) -> bool:
        """Say whether so much is learned, and at a loss that is a number."""
        return math.isfinite(self.last) and self.skill >= enough

    @property
    def fall(self) -> float:
        """Which share of itself the loss falls by; NaN for a loss that is not finite."""
        return (
            1 - self.last / self.first if self.first > 0 and math.isfinite(self.last) else math.nan
        )

    @property
    def is_calm(self) -> bool:
        """Whether the loss never rises far above where it begins."""
        return self.highest <= self.first + abs(self.first)


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
    plan: PlanFacts = PlanFacts()
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
