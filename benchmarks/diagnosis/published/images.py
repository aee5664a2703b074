"""Programs with convolutions."""

from functools import partial

import keras
import numpy as np
from keras import layers

from benchmarks.diagnosis import datasets as others
from benchmarks.diagnosis import networks, recipes, spoils
from benchmarks.diagnosis.case import fault
from benchmarks.diagnosis.published import datasets
from benchmarks.diagnosis.published.program import Programs, published
from benchmarks.diagnosis.recipe import Body
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd

conv, pool = partial(layers.Conv2D, activation="relu"), layers.MaxPooling2D


def programs() -> Programs:
    """Return all of them."""
    return (*heads(), *data(), *training())


def heads() -> Programs:
    """Return heads and losses that do not fit."""
    inside = recipes.classifier(
        "CNN",
        datasets.answer_inside,
        networks.chain(partial(conv, 12, 3), partial(conv, 16, 3), layers.Flatten),
        0.95,
        optimizer=adam(1e-3),
        epochs=1,
        validated=False,
        changes=(spoils.columns_of_targets,),
    )
    three = recipes.classifier(
        "CNN",
        datasets.patterns,
        networks.chain(
            *(partial(conv, 8, 3), pool),
            *(partial(conv, 8, 3), pool),
            *(partial(conv, 16, 3), pool),
            layers.Flatten,
            partial(layers.Dense, 32, "relu"),
            partial(layers.Dropout, 0.5),
        ),
        0.85,
        3,
        loss=ONE_HOT,
        changes=(spoils.one_hot,),
        optimizer=recipes.rmsprop(1e-3),
        epochs=20,
        batch_size=16,
    )
    return (
        published(
            "images that hold the answer, softmax over one unit",
            "https://stats.stackexchange.com/questions/481881/"
            "convolutional-neural-network-fails-even-when-given-answer",
            "Convolutional neural network fails even when given answer",
            "Why is everything predicted true though the answer is one of the channels?",
            "16 x 12 pixels for 99 x 25, fewer filters.",
            inside,
            fault("softmax_one_unit", output="softmax"),
            fault("loss_always_zero|wrong_loss|too_few_output_units", loss=ONE_HOT),
        ),
        published(
            "three kinds of pictures, one sigmoid unit",
            "https://newbedev.com/cnn-with-keras-accuracy-not-improving",
            "CNN with keras, accuracy not improving",
            "Why does the accuracy for three classes not improve?",
            "Told by the answer only; 24 x 24 pixels, fewer filters.",
            three,
            fault(
                "too_few_output_units|label_encoding",
                units=1,
                output="sigmoid",
                loss=BINARY,
                changes=(),
            ),
        ),
    )


def data() -> Programs:
    """Return validation data that was split off, or prepared, wrongly."""
    five = recipes.classifier(
        "CNN",
        partial(datasets.patterns, classes=5, size=20),
        _vgg(),
        0.85,
        5,
        loss=ONE_HOT,
        changes=(spoils.one_hot,),
        optimizer=sgd(0.01, 0.9, nesterov=True),
        epochs=20,
        batch_size=16,
        split=0.2,
        validated=False,
        judged="val_accuracy",
    )
    centred = recipes.classifier(
        "CNN",
        datasets.shades,
        networks.pooled_cnn(8, 16),
        0.85,
        3,
        changes=(spoils.inputs_times(4.0, -2.0),),
        optimizer=adam(1e-3),
        epochs=20,
        judged="val_accuracy",
    )
    return (
        published(
            "five classes in order, the last fifth set aside",
            "https://github.com/keras-team/keras/issues/8346",
            "Weird test accuracy for VGG-like training",
            "Why is the validation accuracy 0 though the training's is rising?",
            "Some 100 images of a class for 2900, of 20 x 20 pixels; fewer filters.",
            five,
            fault("unshuffled_split|validation_mismatch", spoils=(_in_order,)),
        ),
        published(
            "pictures standardized, validation pictures not",
            "https://github.com/keras-team/keras/issues/2622",
            "Using Automatic Standardization in Image Generator Generates Much Worse Fit to "
            "Validation Data",
            "Why does the validation not follow when the generator standardizes?",
            "The network is not told.",
            centred,
            fault("validation_mismatch", spoils=(spoils.validation_times(63.75, 127.5),)),
        ),
    )


def training() -> Programs:
    """Return a rate that is too low, and moving statistics that are behind."""
    mnist = recipes.classifier(
        "CNN",
        partial(others.digits, flat=False),
        networks.chain(
            *(partial(conv, 8, 3), partial(conv, 16, 3), pool),
            partial(layers.Dropout, 0.25),
            layers.Flatten,
            partial(layers.Dense, 64, "relu"),
            partial(layers.Dropout, 0.5),
        ),
        0.9,
        10,
        loss=ONE_HOT,
        changes=(spoils.one_hot,),
        optimizer=partial(keras.optimizers.Adadelta, 1.0),
        epochs=12,
        batch_size=16,
    )
    furniture = recipes.classifier(
        "CNN",
        datasets.furniture,
        _chairs_and_lamps(0.8),
        0.9,
        optimizer=adam(1e-3),
        epochs=5,
        batch_size=8,
        validated=False,
    )
    return (
        published(
            "digits, Adadelta(.001)",
            "https://github.com/keras-team/keras/issues/13815",
            "DOCS: MINST CNN example code claims 99.25% test accuracy but is only 84%",
            "How are the 99.25 % of the example reached?",
            "1347 digits of 8 x 8 pixels; batches of 16 for 128, fewer filters.",
            mnist,
            fault("learning_rate_too_low", optimizer=partial(keras.optimizers.Adadelta, 1e-3)),
            is_static=False,
        ),
        published(
            "32 chairs and 32 lamps, batch normalization for five epochs",
            "https://github.com/keras-team/keras/issues/6014",
            "model.fit() accuracy is different from model.evaluate()",
            "Why does `evaluate` find half of the training images wrong that `fit` has right?",
            "48 x 48 pixels for 225 x 225.",
            furniture,
            fault("moving_statistics_behind|batch_norm_gap", body=_chairs_and_lamps(0.99)),
            is_static=False,
        ),
    )


def _vgg() -> Body:
    same = partial(conv, padding="same")
    return networks.chain(
        *(partial(same, 8, 3), partial(same, 8, 3), pool, partial(layers.Dropout, 0.25)),
        *(partial(same, 16, 3), partial(same, 16, 3), pool, partial(layers.Dropout, 0.25)),
        layers.Flatten,
        partial(layers.Dense, 64, "relu"),
        partial(layers.Dropout, 0.5),
    )


def _chairs_and_lamps(momentum: float) -> Body:
    wide = partial(layers.Conv2D, kernel_size=4, strides=2, padding="same")
    leaky = partial(layers.LeakyReLU, negative_slope=0.2)
    return networks.chain(
        *(partial(wide, 5), leaky),
        *(partial(wide, 10), partial(layers.BatchNormalization, momentum=momentum), leaky),
        layers.Flatten,
    )


def _in_order(data: others.Split) -> others.Split:
    """Return class after class, each with as many rows as the rarest."""
    classes = data.y.argmax(-1)
    count = np.bincount(classes).min()
    order = np.concatenate([np.flatnonzero(classes == each)[:count] for each in range(5)])
    return data._replace(x=data.x[order], y=data.y[order])
