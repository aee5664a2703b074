"""Mistakes in the record of a training, its summary and its pictures."""

from tests.mutants.mutant import Mutant

PLOTS = "diagnosis/test_plots.py"

MUTANTS = (
    Mutant(
        "diagnosis/history.py",
        "recorded &= self.epochs == epoch",
        "recorded &= self.epochs >= epoch",
        "the noise of an epoch is that of all later ones as well",
    ),
    Mutant(
        "diagnosis/_history_file.py",
        '    "noise": "iuf",\n',
        "",
        "a saved history forgets the noise",
        "diagnosis/test_file.py",
    ),
    Mutant(
        "diagnosis/_history_file.py",
        "    members.check_that_they_fill_the_file()\n",
        "",
        "an old file whose directory is cut off has lost its events",
        "diagnosis/test_file.py",
    ),
    Mutant(
        "diagnosis/history.py",
        'np.where(np.isnan(clipped), np.nan, self["norm"])',
        'self["norm"]',
        "variables without a clipped norm make every step look clipped",
    ),
    Mutant(
        "diagnosis/history.py",
        "(whole != 0) & np.isfinite(whole)",
        "whole != 0",
        "an update of infinite weights has a ratio of zero",
    ),
    Mutant(
        "diagnosis/_export.py",
        "np.repeat(values, width)",
        "np.tile(values, width)",
        "the column of the epochs is in another order than the steps",
    ),
    Mutant(
        "diagnosis/nonfinite.py",
        "batch {self.batch + 1} (",
        "batch {self.batch} (",
        "an event counts its batch from 0 beside an epoch from 1",
    ),
    Mutant(
        "diagnosis/nonfinite.py",
        "if self.since >= self.step - 1:",
        "if self.since >= self.step:",
        "an event is put between two steps although it is known to the step",
    ),
    Mutant(
        "diagnosis/_summary/notes.py",
        "limit = min(limit, thresholds.vanishing_norm)",
        "limit = max(limit, thresholds.vanishing_norm)",
        "small gradients everywhere are vanishing",
    ),
    Mutant(
        "diagnosis/summary.py",
        "_over_finite(np.median, ratio",
        "_over_finite(np.mean, ratio",
        "one large update moves the ratio of a whole training",
    ),
    Mutant(
        "diagnosis/_summary/notes.py",
        "given = np.flatnonzero(~np.isnan(norms))",
        "given = np.arange(len(norms))",
        "steps that leave a variable out count for dead ones",
        "diagnosis/test_summary.py",
    ),
    Mutant(
        "diagnosis/summary.py",
        "severity(pair[0].note)",
        "-severity(pair[0].note)",
        "what no gradient reaches stands last",
        "diagnosis/test_summary.py",
    ),
    Mutant(
        "diagnosis/thresholds.py",
        "vanishing_share: float = _limit(1e-3",
        "vanishing_share: float = _limit(1e-2",
        "the default limit is ten times as high",
    ),
    Mutant(
        "diagnosis/_axes.py",
        "history.steps[-1] + gap]) - 0.5",
        "history.steps[-1] + gap])",
        "a block of steps begins half a step late",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots.py",
        "plots.append(plot_activations)",
        "pass",
        "the page leaves the activations out",
    ),
    Mutant(
        "diagnosis/plots_over_steps.py",
        "known[1:-1] & ~known[:-2] & ~known[2:]",
        "known[1:-1] & ~known[:-2]",
        "a dot stands at the beginning of every line",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots_over_steps.py",
        '        ax.plot(steps[alone], curve[alone], "o", color=color, markersize=3)\n',
        "",
        "values without neighbours are not drawn",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots_by_depth.py",
        "[history.epochs == epoch]",
        "",
        "the curve of an epoch is that of all epochs",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots_by_depth.py",
        "np.where(np.isnan(dead), saturated, dead)",
        "dead",
        "the share of saturated units is not shown",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots_as_images.py",
        "sums.sum(axis=1, keepdims=True)",
        "sums.sum()",
        "the shares of a block are of the elements of all blocks",
        PLOTS,
    ),
    Mutant(
        "diagnosis/plots_as_images.py",
        "found[block].any(axis=0)",
        "found[block].all(axis=0)",
        "one broken step in a block of them is not marked",
        PLOTS,
    ),
)
