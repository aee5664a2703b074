"""Arguments of every public schedule: no default among them, and none that hides another."""

from typing import Any

import keras

from keras_trainkit import schedules as s

INNER = s.CosineDecay(0.1, 20, alpha=0.25)
DECAY = {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}
CYCLE = {"total_steps": 50, "pct_start": 0.4, "anneal": "linear"}

ARGUMENTS: dict[type, dict[str, Any]] = {
    s.NaturalExponentialDecay: DECAY,
    s.ExponentialDecay: DECAY,
    s.InverseTimeDecay: DECAY,
    s.InverseSqrtDecay: DECAY,
    s.ConstantLearningRate: {"learning_rate": 0.2},
    s.PolynomialDecay: {
        "initial_learning_rate": 0.1,
        "decay_steps": 30,
        "end_learning_rate": 0.02,
        "power": 2.0,
        "cycle": True,
    },
    s.CosineDecay: {"initial_learning_rate": 0.1, "decay_steps": 30, "alpha": 0.1},
    s.CosineDecayRestarts: {
        "initial_learning_rate": 0.1,
        "first_decay_steps": 8,
        "t_mul": 1.5,
        "m_mul": 0.8,
        "alpha": 0.1,
    },
    s.OneCycle: CYCLE | {"max_learning_rate": 0.1, "div_factor": 5.0, "final_div_factor": 10.0},
    s.OneCycleMomentum: CYCLE | {"low": 0.7, "high": 0.9},
    s.CyclicalLearningRate: {
        "initial_learning_rate": 0.02,
        "max_learning_rate": 0.1,
        "step_size": 6,
        "mode": "exp_range",
        "gamma": 0.99,
    },
    s.WarmupStableDecay: {
        "learning_rate": 0.1,
        "total_steps": 50,
        "warmup_steps": 10,
        "decay_steps": 12,
        "kind": "sqrt",
        "alpha": 0.1,
    },
    s.NoamDecay: {"d_model": 16, "warmup_steps": 12, "factor": 2.0},
    s.Warmup: {"schedule": INNER, "warmup_steps": 5, "kind": "cosine", "start": 0.3},
    s.Hold: {"schedule": INNER, "hold_steps": 5},
    s.Scaled: {"schedule": INNER, "factor": 0.5},
    s.Then: {"first": INNER, "second": s.ExponentialDecay(0.2, 9, 0.5), "after": 15},
    s.KerasSchedule: {
        "schedule": keras.optimizers.schedules.PolynomialDecay(0.1, 30, 0.02, power=2.0)
    },
}
CLASSES = list(ARGUMENTS)
COMBINED = [s.Warmup, s.Hold, s.Scaled, s.Then]

# Every argument that is a duration, and whether it may be nothing.
DURATIONS = [
    (s.NaturalExponentialDecay, "decay_steps", False),
    (s.ExponentialDecay, "decay_steps", False),
    (s.InverseTimeDecay, "decay_steps", False),
    (s.InverseSqrtDecay, "decay_steps", False),
    (s.PolynomialDecay, "decay_steps", False),
    (s.CosineDecay, "decay_steps", False),
    (s.CosineDecayRestarts, "first_decay_steps", False),
    (s.OneCycle, "total_steps", False),
    (s.OneCycleMomentum, "total_steps", False),
    (s.CyclicalLearningRate, "step_size", False),
    (s.WarmupStableDecay, "total_steps", False),
    (s.WarmupStableDecay, "warmup_steps", True),
    (s.WarmupStableDecay, "decay_steps", False),
    (s.NoamDecay, "warmup_steps", False),
    (s.Warmup, "warmup_steps", True),
    (s.Hold, "hold_steps", True),
    (s.Then, "after", False),
]


def example(cls: type, **changes: Any):
    """Return a schedule of the class, with some arguments changed."""
    return cls(**ARGUMENTS[cls] | changes)


def chain():
    """Return all of them joined, each for five steps."""
    first, *others = [example(cls) for cls in CLASSES]
    for joint, other in enumerate(others, start=1):
        first = first.then(other, after=5 * joint)
    return first
