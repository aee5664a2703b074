"""Rules over units: dead ones, which are 0 for every input, and saturated ones."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.gradients import vanishing_gradient
from keras_trainkit.diagnosis._diagnose.recorded.progress import narrowest
from keras_trainkit.diagnosis._diagnose.recorded.works import learns, severity
from keras_trainkit.diagnosis._diagnose.static.signals import fading_signal
from keras_trainkit.diagnosis.finding import Finding

_BOUNDED = ("tanh", "sigmoid")


def dead_units(case: Case) -> Iterator[Finding]:
    """Find the first layer whose units are all dead, or the one with the most dead units.

    As long as some live, a network trains with those.
    """
    course = case.course
    if course is None:
        return
    shares = dict(course.dead_shares)
    if course.origin is not None:
        shares = {course.origin: shares.get(course.origin, 1.0)}
    if not shares:
        return
    layer = max(shares, key=lambda i: shares[i])
    name, share = course.layers[layer], shares[layer]
    narrow = narrowest(case)
    if narrow is not None and narrow.path == name:
        return  # `underfitting` says more.
    full = share >= 1
    fades = not full and next(vanishing_gradient(case), None) is not None
    fades = fades or next(fading_signal(case), None) is not None
    if share < case.limits.dead_share or fades:  # Units that get no signal are dead by chance.
        return
    yield Finding(
        "dead_units",
        severity(case) if share >= case.limits.mostly_dead else "info",
        f"{_share(share)} of {name} are dead: 0 for every input, so that they never change"
        + (", and no gradient comes to the layers below." if full else "."),
        where=name,
        evidence=(beside(case, "dead units", share, "dead_share"),),
        remedies=(
            *remedies.redrawn(case),
            *remedies.scaled_rate(case, 0.1),
            *remedies.leaky(case),
        ),
    )


def saturated_units(case: Case) -> Iterator[Finding]:
    """Find hidden layers whose outputs lie at the ends of tanh or sigmoid."""
    probe = case.history.activations if case.history else None
    if probe is None or not len(probe.epochs):
        return
    shares = {
        layer: float(share)
        for layer, kind, share in zip(
            probe.layers, probe.kinds, probe["saturated"][-1], strict=True
        )
        if kind in _BOUNDED and layer != probe.layers[-1] and not math.isnan(share)
    }
    for layer, share in shares.items():
        if share >= case.limits.saturated_share:
            yield Finding(
                "saturated_units",
                "warning" if learns(case) else severity(case),
                f"{_share(share)} of {layer} are saturated: so far out that hardly any gradient "
                "passes.",
                where=layer,
                when=f"epoch {probe.epochs[-1] + 1}",
                evidence=(beside(case, "saturated outputs", share, "saturated_share"),),
                remedies=(
                    *remedies.scaled_inputs(case),
                    *remedies.redrawn(case),
                    *remedies.bent(case),
                ),
            )
            return


def _share(share: float) -> str:
    return "All units" if share >= 1 else f"{100 * share:.0f} % of the units"


RULES: tuple[Rule, ...] = (dead_units, saturated_units)
