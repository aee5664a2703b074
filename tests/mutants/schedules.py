"""Mistakes in the schedules."""

from tests.mutants.mutant import Mutant

PEERS = "schedules/test_schedule_peers.py schedules/test_schedule_shapes.py schedules"
UNITS = "schedules/test_schedule_units.py schedules"
JOINS = "schedules/test_schedule_joins.py schedules"
PERIODS = "schedules/test_schedule_periods.py schedules"
DECAYS = "schedules/test_decays.py schedules"

MUTANTS = (
    Mutant(
        "schedules/decays.py",
        "math.log(self.decay_rate) * t",
        "math.log(self.decay_rate) * (t + 1)",
        "the decay begins one unit of time early",
        DECAYS,
    ),
    Mutant(
        "schedules/decays.py",
        "1.0 / (1.0 + self.decay_rate * t)",
        "1.0 / (1.0 + t) ** self.decay_rate",
        "the rate of the inverse decay is an exponent",
        DECAYS,
    ),
    Mutant(
        "schedules/decays.py",
        "self.decay_rate / xp.sqrt(1.0 + t)",
        "self.decay_rate / (1.0 + xp.sqrt(t))",
        "the one stands outside the root",
        DECAYS,
    ),
    Mutant(
        "schedules/decays.py",
        "completed(step, unit, xp, dtype), 1",
        "completed(step, unit, xp, dtype) + 1, 1",
        "a staircase begins with its second stair",
        DECAYS,
    ),
    Mutant(
        "schedules/_time.py",
        "xp.floor(periods + rounding(dtype) * xp.abs(periods))",
        "xp.floor(periods)",
        "a period that rounding makes a hair longer ends one step late",
        PERIODS,
    ),
    Mutant(
        "schedules/_time.py",
        'return ROUNDING if dtype == "float64" else 5e-7',
        "return ROUNDING",
        "tensors of float32 are expected to be as exact as numbers",
        PERIODS,
    ),
    Mutant(
        "schedules/_time.py",
        "max(self.steps - steps, 0)",
        "self.steps",
        "percents are of the whole also behind a warm-up",
        UNITS,
    ),
    Mutant(
        "schedules/_schedule.py",
        'step.astype("int64") if step.dtype.kind in "iu" else step',
        "step",
        "small and unsigned integer types overflow",
        JOINS,
    ),
    Mutant(
        "schedules/cosine.py",
        "(1.0 - self.alpha) * share + self.alpha",
        "share + self.alpha",
        "`alpha` is added to the curve, which then begins too high",
        PEERS,
    ),
    Mutant(
        "schedules/cosine.py",
        "xp.array(index, dtype)), xp)",
        "xp.array(index + 1, dtype)), xp)",
        "the first period is already scaled by `m_mul`",
        PEERS,
    ),
    Mutant(
        "schedules/cosine.py",
        "xp.greater_equal(xp.expand_dims(step, -1), enough)",
        "xp.greater(xp.expand_dims(step, -1), enough)",
        "a restart comes one step late",
        PERIODS,
    ),
    Mutant(
        "schedules/polynomial.py",
        "span * left**self.power",
        "span * (1.0 - (1.0 - left) ** self.power)",
        "the power is that of the time that has passed",
        PEERS,
    ),
    Mutant(
        "schedules/one_cycle.py",
        "self.end = self.start / self.final_div_factor",
        "self.end = self.peak / self.final_div_factor",
        "the end of one cycle is a share of the peak",
        PEERS,
    ),
    Mutant(
        "schedules/one_cycle.py",
        "left / (total - turn)",
        "left / total",
        "one cycle jumps down behind its peak",
        PEERS,
    ),
    Mutant(
        "schedules/warmed.py",
        '1.0 - (xp.sqrt(s) if self.kind == "sqrt" else s)',
        'xp.sqrt(1.0 - s) if self.kind == "sqrt" else 1.0 - s',
        "the fall is the root of what is left",
        "schedules/test_schedule_shapes.py schedules",
    ),
    Mutant(
        "schedules/warmed.py",
        "n = 1.0 + xp.array(step, dtype)",
        "n = 2.0 + xp.array(step, dtype)",
        "Noam's steps are counted from 2",
        "schedules/test_schedule_shapes.py schedules",
    ),
    Mutant(
        "schedules/warmed.py",
        "own = span.lasting(total)",
        "own = span",
        "percents of warm-up and decay are of the training, not of the total given",
        UNITS,
    ),
    Mutant(
        "schedules/combined.py",
        "later = self.schedule.at(since(step, n, xp), xp, dtype)",
        "later = self.schedule.at(step, xp, dtype)",
        "what follows a warm-up has begun with it",
        JOINS,
    ),
    Mutant(
        "schedules/combined.py",
        "(1.0 - xp.cos(math.pi * rise)) / 2",
        "1.0 - xp.cos(math.pi / 2 * rise)",
        "a cosine warm-up is a quarter of the wave",
        JOINS,
    ),
    Mutant(
        "schedules/combined.py",
        "whole(self._joint() + second)",
        "second",
        "the length of two schedules is that of the second",
        JOINS,
    ),
    Mutant(
        "schedules/combined.py",
        "xp.less(completed(step, n, xp, dtype), 1)",
        "xp.less_equal(step, n)",
        "the second schedule begins one step late",
        JOINS,
    ),
    Mutant(
        "schedules/cyclical.py",
        "(self.gamma or sys.float_info.min) * xp.array(step, dtype)",
        "(self.gamma or sys.float_info.min) * cycle",
        "`gamma` acts once in a cycle, not at each step",
        PEERS,
    ),
    Mutant(
        "schedules/plot.py",
        "ax.set_ylabel(schedule.quantity)",
        'ax.set_ylabel("learning rate")',
        "the picture of a momentum is labelled as a learning rate",
        "schedules/test_schedule_plot.py",
    ),
)
