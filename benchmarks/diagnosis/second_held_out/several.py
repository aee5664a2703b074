"""Two faults at once, of different kinds."""

from functools import partial

from keras import layers, optimizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out.bodies import dense, read, then
from benchmarks.diagnosis.recipes import ONE_HOT, adam, rmsprop, sgd
from benchmarks.diagnosis.second_held_out import images, recipes, slips, tables

BOUNDED = "bounded_output_for_unbounded_target"
LOW, HIGH = "learning_rate_too_low|too_few_updates", "learning_rate_too_high"
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault(f"relu_output|{BOUNDED}", output="relu")
SOFTMAX = fault("softmax_one_unit", output="softmax")


def heads() -> Cases:
    """Return wrong last layers or losses, and another fault."""
    return (
        static(
            "softmax of one unit over raw loans",
            recipes.LOANS_SGD,
            SOFTMAX,
            fault("unnormalized_input", data=tables.raw_loans),
        ),
        static(
            "no softmax and words from a scaler",
            recipes.INTENTS,
            LINEAR,
            fault("truncated_tokens", spoils=(slips.scaled_tokens,)),
        ),
        static(
            "no softmax and SGD(1e-5), letters",
            recipes.LETTERS,
            LINEAR,
            fault(LOW, optimizer=sgd(1e-5)),
        ),
        static(
            "ReLU and logarithmic error for changes of prices",
            recipes.RETURNS,
            CUT,
            fault("undefined_relative_loss", loss="msle"),
        ),
        static(
            "categorical cross-entropy of hours and SGD(1e-5)",
            recipes.HOURS,
            fault("regression_with_classification_loss", loss=ONE_HOT),
            fault(LOW, optimizer=sgd(1e-5)),
        ),
        static(
            "tanh for pixels and AdamW(1)",
            recipes.SPOTS,
            fault(
                f"{BOUNDED}|unnormalized_target",
                output="tanh",
                data=partial(images.spots, pixels=True),
            ),
            fault(HIGH, optimizer=partial(optimizers.AdamW, 1.0)),
        ),
        static(
            "sigmoid and linear layers for throws",
            recipes.THROWS,
            fault(BOUNDED, output="sigmoid"),
            fault("no_nonlinearity", body=dense(40, 20, bend="linear")),
        ),
        static(
            "softmax over genres and Adam(1)",
            recipes.GENRES,
            fault("exclusive_output_for_multilabel", output="softmax"),
            fault(HIGH, optimizer=adam(1.0)),
        ),
    )


def others() -> Cases:
    """Return wrong labels, data or hidden layers, and another fault."""
    return (
        static(
            "faces between 0 and 1, and RMSprop(.5)",
            recipes.FACES,
            fault("label_encoding", spoils=(spoils.labels_times(0.5),)),
            fault(HIGH, optimizer=rmsprop(0.5)),
        ),
        static(
            "own root of squares of (N,) and (N, 1), and raw weather",
            recipes.PLANT_SGD,
            fault("label_shape_broadcast", loss=slips.RootOfMean, spoils=(spoils.flat_targets,)),
            fault("unnormalized_input", data=tables.raw_plant),
        ),
        static(
            "raw wines and raw percents with SGD",
            recipes.ALCOHOL,
            fault(
                "unnormalized_input",
                optimizer=sgd(0.01),
                data=partial(tables.alcohol, scaled=False),
            ),
            fault("unnormalized_target", spoils=(slips.targets_times(0.81, 13.0),)),
        ),
        static(
            "zeros not masked, and three updates",
            recipes.PADDED,
            fault("padding_not_masked", body=read(150, 8, partial(layers.SimpleRNN, 12))),
            fault("too_few_updates|learning_rate_too_low", batch_size=200, epochs=1),
        ),
        static(
            "rare frauds and Adam(1e-6)",
            recipes.FRAUD,
            fault("class_imbalance", class_weight=None),
            fault(LOW, optimizer=adam(1e-6)),
        ),
        static(
            "ten sigmoid layers for months",
            recipes.SURVIVAL,
            fault("vanishing_gradient", body=dense(*(10 * [24]), bend="sigmoid")),
            fault("unnormalized_target", data=partial(tables.survival, target="months")),
        ),
        static(
            "dropout of .9 and Adagrad as it comes, activities",
            recipes.ACTIVITIES,
            fault(
                "excess_regularization",
                body=then(recipes.ACTIVITIES.body, *(2 * [partial(layers.Dropout, 0.9)])),
            ),
            fault(LOW, optimizer=optimizers.Adagrad),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*heads(), *others())
