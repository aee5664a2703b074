"""Trainings that work, some of which look as if they did not."""

from dataclasses import replace
from functools import partial

from keras import initializers, layers, losses, optimizers, regularizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Case, Cases
from benchmarks.diagnosis.held_out.bodies import attends, dense, of, read, then
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import BINARY, adam, sgd
from benchmarks.diagnosis.second_held_out import images, nets, slips, tables
from benchmarks.diagnosis.second_held_out import networks as n
from benchmarks.diagnosis.second_held_out import recipes as r
from keras_trainkit.optimizers import NAG

USUAL = (
    "CHIRPS",
    "NEGATIONS",
    "CUMULATIVE",
    "DENOISED",
    "FRAUD",
    "GOALS",
    "HOURS",
    "LIKES",
    "PADDED",
    "PEPTIDES",
    "ROADS",
    "SLOTS",
    "SWITCHES",
    "TRANSFERS",
)
LATER = (partial(layers.Dense, 32, "relu"), partial(layers.Dense, 16, "relu"))
SPARSE = losses.SparseCategoricalCrossentropy
HEADS: dict[str, Recipe] = {
    "sigmoid with categorical cross-entropy, glyphs": replace(r.GLYPHS, output="sigmoid"),
    "one against the rest, glyphs": replace(r.GLYPHS, output="sigmoid", loss=BINARY),
    "logits of heartbeats": replace(
        r.HEARTBEATS, output="linear", loss=partial(losses.BinaryCrossentropy, from_logits=True)
    ),
    "logits of six intents": replace(
        r.INTENTS, output="linear", loss=partial(SPARSE, from_logits=True)
    ),
    "hinge loss of a tanh": replace(r.HASTIE, output="tanh", loss="hinge"),
    "two softmax units, scans": replace(
        r.SCANS, units=2, output="softmax", loss="sparse_categorical_crossentropy"
    ),
    "grades as numbers": replace(
        r.GRADES,
        units=1,
        output="linear",
        loss="mse",
        metrics=("mae",),
        changes=(spoils.columns_of_targets,),
        goal=0.58,
    ),
    "ReLU for pixels": replace(r.HALVES, output="relu", loss="mse"),
    "tanh for places from -1 to 1": replace(r.SPOTS, output="tanh"),
    "percentage error of bills": replace(
        r.INSURANCE,
        data=partial(tables.insurance, target="dollars"),
        output="exponential",
        head={"bias_initializer": initializers.Constant(9.0)},
        loss="mape",
        goal=0.7,
    ),
    "spare units, faces": replace(r.FACES, units=5),
}
SCALES: dict[str, Recipe] = {
    "metres with Adam(.02)": replace(
        r.THROWS, data=partial(tables.throws, scaled_target=False), optimizer=adam(0.02)
    ),
    "megawatts with Adam(2)": replace(
        r.PLANT,
        data=partial(tables.plant, scaled_target=False),
        body=of(),
        optimizer=adam(2.0),
        epochs=40,
        goal=0.85,
    ),
    "patches up to 255, scaled in the network": replace(
        r.PATCHES,
        data=partial(images.patches, scale=1.0),
        body=then(of(partial(layers.Rescaling, 1 / 255)), lambda: nets.squeezed),
    ),
    "raw loans, normalized by batches": replace(
        r.LOANS,
        data=tables.raw_loans,
        body=then(of(partial(layers.BatchNormalization, momentum=0.9)), *LATER),
    ),
    "targets ten times as large with NAG": replace(
        r.PLANT_SGD, changes=(slips.targets_times(10.0, 0.0),), optimizer=partial(NAG, 5e-3)
    ),
}
NETWORKS: dict[str, Recipe] = {
    "wide, and many units dead": replace(
        r.PLANT, body=dense(500, bias_initializer=initializers.Constant(-0.25))
    ),
    "half dropped out, glyphs": replace(
        r.GLYPHS, body=nets.dropped(128, 64, rate=0.5), optimizer=adam(5e-3)
    ),
    "L1 that helps, fifty samples": n.ASSAY,
    "random features, frozen": replace(
        r.THROWS, body=dense(300, bend="tanh"), trainable=False, optimizer=adam(0.02), goal=0.7
    ),
    "a linear model of a plant": replace(r.PLANT, body=of(), optimizer=sgd(0.02), goal=0.85),
    "attention over intents": replace(
        r.INTENTS,
        family="transformer",
        body=read(100, 16, lambda: attends),
        optimizer=adam(5e-3),
    ),
    "eight SELU layers for throws": replace(
        r.THROWS,
        body=dense(*(8 * [24]), bend="selu", kernel_initializer="lecun_normal"),
        optimizer=adam(2e-3),
    ),
    "a last layer of zeros, bearings": replace(r.BEARINGS, head={"kernel_initializer": "zeros"}),
    "one number is enough, tremor": replace(
        r.TREMOR, body=then(r.TREMOR.body, partial(layers.Dense, 1))
    ),
    "weight decay and L2 of 1e-3": replace(
        r.INSURANCE,
        body=dense(32, 16, kernel_regularizer=regularizers.L2(1e-3)),
        optimizer=partial(optimizers.AdamW, 5e-3, weight_decay=0.02),
    ),
}
PLANS: dict[str, Recipe] = {
    "all mails in a batch": replace(r.MAILS, batch_size=1000, epochs=40, optimizer=adam(0.02)),
    "three epochs for intents": replace(r.INTENTS, epochs=3, optimizer=adam(0.03)),
    "pairs of wines": replace(r.ALCOHOL, batch_size=2, epochs=5, optimizer=adam(3e-3)),
    "clear frauds without weights": replace(
        r.FRAUD,
        data=partial(tables.fraud, share=0.08, distance=4.0),
        class_weight=None,
        metrics=("AUC",),
        goal=0.9,
    ),
    "learned by heart, and right, faces": replace(r.FACES, epochs=25),
    "NAG down to 0 on a cosine": replace(
        r.ARROWS_SGD,
        optimizer=lambda: NAG(optimizers.schedules.CosineDecay(0.05, 17 * 14)),
    ),
    "warmup of Adam, tremor": replace(
        r.TREMOR,
        optimizer=lambda: optimizers.Adam(
            optimizers.schedules.CosineDecay(1e-4, 160, warmup_target=8e-3, warmup_steps=30)
        ),
    ),
    "clipped momentum, demand": replace(r.DEMAND, optimizer=sgd(0.1, 0.9, clipnorm=1.0), epochs=10),
    "sorted bearings, shuffled by fit": replace(r.BEARINGS, changes=(spoils.sorted_by_class,)),
    "nothing to validate with, activities": replace(r.ACTIVITIES, validated=False),
    "Adagrad with a large rate": replace(r.LETTERS, optimizer=partial(optimizers.Adagrad, 0.1)),
    "half of the variance is chance, goals": replace(
        r.GOALS, output="linear", loss="mse", metrics=("mae",)
    ),
}


def cases() -> Cases:
    """Return all healthy cases."""
    usual = {f"as usual, {name.lower()}, second set": getattr(r, name) for name in USUAL}
    named = usual | HEADS | SCALES | NETWORKS | PLANS
    return tuple(Case(name, recipe) for name, recipe in named.items())
