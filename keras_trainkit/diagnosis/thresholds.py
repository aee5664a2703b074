"""The limits behind notes and findings, as data with their sources."""

from dataclasses import dataclass, field, fields

from keras_trainkit._validation import positive

_AUTOTRAINER = "Zhang et al. (2021), AUTOTRAINER, ICSE 2021"
_COMMON = "a common rule of thumb, on the safe side"
_MEASURED = "chosen on the labelled trainings in benchmarks/diagnosis"


def _limit(default: float, source: str) -> float:
    return field(default=default, metadata={"source": source})


@dataclass(frozen=True)
class Thresholds:
    """The limits behind the notes of a summary and the findings of a diagnosis.

    A gradient is vanishing if its mean norm is below both limits: small in itself, and small
    beside the largest one of the model.

    Args:
        vanishing_norm: float > 0. Limit of the mean gradient norm. Defaults to `1e-4`.
        vanishing_share: float > 0. Limit of its share of the largest one. Defaults to `1e-3`.
        leak: float > 0. How far the outputs of rows may move when another row's input changes, in
            parts of how far they differ. Defaults to `1e-3`.
        lost_signal: float > 0. How far the outputs of rows must differ before training, in parts of
            the largest output. Defaults to `1e-5`.
        dead_at_first: float > 0. The share of a layer's ReLUs that are off for all rows before
            training. Defaults to `0.9`.
        saturated_at_first: float > 0. The share of a layer's outputs at the ends of their range
            before training. Defaults to `0.9`.
        faded_sequences: float > 0. What padding behind sequences must leave of them, before
            training. Defaults to `0.01`.
        lost_sequences: float > 0. The same share, from which down nothing is left to learn from.
            Defaults to `1e-5`.
        masked_values: float > 0. The share of the steps besides the padding that a mask may hide.
            Defaults to `0.2`.
        masked_tokens: float > 0. The same share of an embedding's mask, if most of what it hides is
            no padding. Defaults to `0.05`.
        grown_signal: float > 0. How many times its first size a signal may become before training.
            Defaults to `10`.
        faded_signal: float > 0. What must be left of it. Defaults to `1e-4`.
        few_classes: float > 0. The most distinct labels that still look like classes where the loss
            does not tell. Defaults to `30`.
        unreachable_share: float > 0. The share of the targets' range that an output cannot reach,
            from which it is noticed. Defaults to `0.05`.
        mostly_unreachable_share: float > 0. The same share, from which it cannot work. Defaults to
            `0.25`.
        raw_scale: float > 0. The largest root mean square of an input's column. Defaults to `30`.
        tiny_scale: float > 0. The smallest one that the largest column may have. Defaults to
            `0.01`.
        tiny_target: float > 0. The smallest standard deviation of targets. Defaults to `1e-3`.
        squared_step: float > 0. Learning rate times scale of the targets times norm of the inputs,
            from which the first steps of gradient descent blow up. Defaults to `1`.
        validation_ratio: float > 0. How many times larger or smaller validation data may be.
            Defaults to `10`.
        validation_shift: float > 0. Standard deviations between the means of training and
            validation data. Defaults to `3`.
        image_shift: float > 0. The same of images, over all pixels. Defaults to `0.75`.
        unseen_share: float > 0. The share of validation rows whose class is in no training row.
            Defaults to `0.05`.
        rows_in_order: float > 0. The fewest rows whose order says anything. Defaults to `20`.
        majority_share: float > 0. The share of the largest class. Defaults to `0.9`.
        same_rows: float > 0. The share of the most frequent row. Defaults to `0.5`.
        short_way: float > 0. How far an adaptive optimizer can move a weight, learning rate times
            updates, beside the size that weights of the widest layer begin with. Defaults to
            `0.3`.
        short_descent: float > 0. Learning rate times updates of gradient descent, divided by
            1 - momentum. Defaults to `0.5`.
        lowest_rate: float > 0. The lowest usual learning rate of Adam; that of gradient descent is
            ten times as high. Defaults to `1e-4`.
        schedule_lasts: float > 0. The share of the planned updates in which a schedule's rate is
            more than next to nothing. Defaults to `0.2`.
        first_step: float > 0. The length of an adaptive optimizer's first step beside the weights
            of a layer. Defaults to `1`.
        descent_rate: float > 0. The highest rate of gradient descent, divided by 1 - momentum,
            for hidden layers below a loss of bounded slope. Defaults to `5`.
        penalty_share: float > 0. A layer's penalty beside the loss of a network that knows
            nothing. Defaults to `5`.
        strong_penalty: float > 0. The strength of a regularizer divided by that loss. Defaults to
            `0.09`.
        high_dropout: float > 0. The rate of a dropout layer. Defaults to `0.75`.
        high_decay: float > 0. The weight decay of adaptive optimizers, whose inverse bounds the
            weights. Defaults to `5`.
        normalized_batch: float > 0. The smallest batch for batch normalization of vectors.
            Defaults to `4`.
        stale_statistics: float > 0. The share of their initial values in moving statistics at the
            end of the training. Defaults to `0.5`.
        working_skill: float > 0. A training works from this skill on: 0 is chance, or the mean of
            the targets; 1 is perfect. Defaults to `0.7`.
        learning_skill: float > 0. From this skill on, something is learned. Defaults to `0.5`.
        no_skill: float > 0. Below it nothing is learned. Defaults to `0.05`.
        poor_skill: float > 0. Below it little is learned. Defaults to `0.3`.
        skill_gap: float > 0. By so much validation may be below training, and training below a
            simple function. Defaults to `0.25`.
        bent: float > 0. By so much a function that bends finds more than a linear one where layers
            should bend. Defaults to `0.05`.
        named: float > 0. By so much of the rows targets are easier to name than to round to, where
            they are classes. Defaults to `0.25`.
        flat_loss: float > 0. A loss that falls by less than this share does not fall.
            Defaults to `0.01`.
        still_falling: float > 0. A loss whose last third falls by more than this share has not
            arrived. Defaults to `0.05`.
        few_updates: float > 0. Fewer are too few for most trainings. Defaults to `100`.
        path: float > 0. The sum of all update ratios below which weights stay where they began.
            Defaults to `0.05`.
        high_update: float > 0. The update ratio from which weights are replaced rather than
            changed. Defaults to `0.1`.
        swing: float > 0. From one epoch to the next, the loss moves by this share of itself, up as
            often as down. Defaults to `0.2`.
        vanishing_depth: float > 0. The gradient of a layer, for the size of its weights, beside
            that of the layers above. Defaults to `1e-3`.
        imbalance: float > 0. The update ratio of a layer beside the network's median.
            Defaults to `1e-3`.
        dead_share: float > 0. Share of a layer's units. Defaults to `0.5`.
        mostly_dead: float > 0. The same share, from which a layer passes nothing on. Defaults to
            `0.9`.
        saturated_share: float > 0. Share of a layer's outputs. Defaults to `0.7`.
        constant_spread: float > 0. The spread of outputs beside that of the targets, below which
            they are the same for all rows. Defaults to `1e-3`.
        behind: float > 0. What moving statistics may still hold of their first values.
            Defaults to `0.1`.
        overfitted: float > 0. So many times its lowest value is the loss on validation data at
            the end. Defaults to `1.2`.

    Raises:
        ValueError: if a limit is not a number > 0.

    Reference:
        Zhang et al. (2021), AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair
        System, ICSE 2021: both values.
    """

    vanishing_norm: float = _limit(1e-4, _AUTOTRAINER)
    vanishing_share: float = _limit(1e-3, _AUTOTRAINER)
    leak: float = _limit(1e-3, "rounding moves them less in half precision")
    lost_signal: float = _limit(1e-5, "a hundred times the rounding of float32")

    dead_at_first: float = _limit(0.9, _MEASURED)
    saturated_at_first: float = _limit(0.9, _MEASURED)
    faded_sequences: float = _limit(0.01, _MEASURED)
    lost_sequences: float = _limit(1e-5, _MEASURED)
    masked_values: float = _limit(0.2, _MEASURED)
    masked_tokens: float = _limit(0.05, _MEASURED)
    grown_signal: float = _limit(10, _MEASURED)
    faded_signal: float = _limit(1e-4, _MEASURED)

    # Before the training.
    few_classes: float = _limit(30, _MEASURED)
    unreachable_share: float = _limit(0.05, _MEASURED)
    mostly_unreachable_share: float = _limit(0.25, _MEASURED)
    raw_scale: float = _limit(30, _MEASURED)
    tiny_scale: float = _limit(0.01, _MEASURED)
    tiny_target: float = _limit(1e-3, _MEASURED)
    squared_step: float = _limit(1, _MEASURED)
    validation_ratio: float = _limit(10, _MEASURED)
    validation_shift: float = _limit(3, _MEASURED)
    image_shift: float = _limit(0.75, _MEASURED)
    unseen_share: float = _limit(0.05, _MEASURED)
    rows_in_order: float = _limit(20, _MEASURED)
    majority_share: float = _limit(0.9, _MEASURED)
    same_rows: float = _limit(0.5, "most rows are one")
    short_way: float = _limit(0.3, _MEASURED)
    short_descent: float = _limit(0.5, _MEASURED)
    lowest_rate: float = _limit(1e-4, _MEASURED)
    schedule_lasts: float = _limit(0.2, _MEASURED)
    first_step: float = _limit(1, "a step as long as the weights replaces them")
    descent_rate: float = _limit(5, _MEASURED)
    penalty_share: float = _limit(5, _MEASURED)
    strong_penalty: float = _limit(0.09, _MEASURED)
    high_dropout: float = _limit(0.75, _MEASURED)
    high_decay: float = _limit(5, _MEASURED)
    normalized_batch: float = _limit(4, _MEASURED)
    stale_statistics: float = _limit(0.5, _MEASURED)

    # Of the course of a training.
    working_skill: float = _limit(0.7, _MEASURED)
    learning_skill: float = _limit(0.5, _MEASURED)
    no_skill: float = _limit(0.05, _MEASURED)
    poor_skill: float = _limit(0.3, _MEASURED)
    skill_gap: float = _limit(0.25, _MEASURED)
    bent: float = _limit(0.05, _MEASURED)
    named: float = _limit(0.25, _MEASURED)
    flat_loss: float = _limit(0.01, _MEASURED)
    still_falling: float = _limit(0.05, _MEASURED)
    few_updates: float = _limit(100, _MEASURED)
    path: float = _limit(0.05, _MEASURED)
    high_update: float = _limit(0.1, _COMMON)
    swing: float = _limit(0.2, _MEASURED)
    vanishing_depth: float = _limit(1e-3, _AUTOTRAINER)
    imbalance: float = _limit(1e-3, _MEASURED)
    dead_share: float = _limit(0.5, _MEASURED)
    mostly_dead: float = _limit(0.9, _MEASURED)
    saturated_share: float = _limit(0.7, _MEASURED)
    constant_spread: float = _limit(1e-3, _MEASURED)
    behind: float = _limit(0.1, _MEASURED)
    overfitted: float = _limit(1.2, _MEASURED)

    def __post_init__(self) -> None:
        """Check the limits."""
        for limit in fields(self):
            positive(limit.name, getattr(self, limit.name))

    def source(self, name: str) -> str:
        """Return where the default of a limit comes from."""
        (found,) = [limit for limit in fields(self) if limit.name == name]
        return found.metadata["source"]
