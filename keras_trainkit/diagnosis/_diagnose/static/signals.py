"""Rules over the way of the signal through the network before its first update."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static.names import RELUS
from keras_trainkit.diagnosis._diagnose.static.structure import (
    head_paths,
    hidden,
    is_plain_chain,
    layer_named,
)
from keras_trainkit.diagnosis.facts import LayerFacts, SignalFacts
from keras_trainkit.diagnosis.finding import BEFORE_TRAINING, Evidence, Finding, Remedy

BOUNDED = ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign")
# Fewer layers than these pass a signal on with any usual weights.
FEW_LAYERS = 3
# What a layer without weights leaves of the signal, if it is one that takes it away.
_CUT = 0.01
# So many units are not all off by chance.
_SEVERAL = 8
_LOOK = Remedy(
    "look for the layer behind which all rows are the same",
    "for layer in model.layers:\n"
    "    part = keras.Model(model.inputs, layer.output)\n"
    "    print(layer.name, keras.ops.convert_to_numpy(part(x[:8])).std(axis=0).max())",
)


def dead_from_the_start(case: Case) -> Iterator[Finding]:
    """Layers of ReLUs that are off for every row before any step was taken.

    A few units can be off for a few rows by chance.
    """
    found = [s for s in _hidden_signals(case) if s.dead >= case.limits.dead_at_first]
    found = [s for s in found if _units(case, s) >= _SEVERAL]
    if not found:
        return
    first = found[0]
    all_of_them = first.dead >= 1
    yield Finding(
        "dead_units",
        "error" if all_of_them else "warning",
        f"Before training {'all' if all_of_them else f'{first.dead:.0%} of the'} units of "
        f"{first.layer} are 0 for each of {_rows(case)} rows: no gradient passes them.",
        where=first.layer,
        when=BEFORE_TRAINING,
        evidence=(beside(case, "dead units before training", first.dead, "dead_at_first"),),
        remedies=(*remedies.redrawn(case), *remedies.leaky(case)),
    )


def saturated_from_the_start(case: Case) -> Iterator[Finding]:
    """Hidden layers whose units begin at the ends of their range."""
    limit = case.limits.saturated_at_first
    found = [signal for signal in _hidden_signals(case) if signal.saturated >= limit]
    if found:
        first, share = found[0].layer, found[0].saturated
        yield Finding(
            "saturated_units",
            "warning",
            f"Before training {share:.0%} of what {first} puts out lies at the ends of its range, "
            "where hardly any gradient passes.",
            "large_initial_weights",
            where=first,
            when=BEFORE_TRAINING,
            evidence=(
                beside(case, "saturated outputs before training", share, "saturated_at_first"),
            ),
            remedies=(*remedies.redrawn(case), *remedies.scaled_inputs(case)),
        )


def growing_signal(case: Case) -> Iterator[Finding]:
    """Weights that make more of the signal in each layer."""
    begin, sizes = _input_size(case), _sizes(case, _signals(case))
    if not begin > 0 or not sizes:
        return
    most = max(sizes, key=lambda signal: signal.size)
    # In few layers it grows so far where weights are large, or a recurrent one goes in circles.
    if most.size > case.limits.grown_signal ** (1 if len(sizes) >= FEW_LAYERS else 2) * begin:
        yield Finding(
            "exploding_gradient",
            "warning",
            f"The weights begin so large that the signal grows from {begin:.2g} to {most.size:.2g} "
            f"on its way to {most.layer}; gradients grow as much on their way back.",
            "large_initial_weights",
            where=sizes[0].layer,
            when=BEFORE_TRAINING,
            evidence=(beside(case, "growth of the signal", most.size / begin, "grown_signal"),),
            remedies=(*remedies.redrawn(case), remedies.NORMALIZE),
        )


def fading_signal(case: Case) -> Iterator[Finding]:
    """Layers that make so little of the signal that nearly nothing comes to the last one.

    Weights fade by chance a little, in each layer; a layer without weights does so on purpose.
    """
    signals, begin = _drawn_signals(case), _input_size(case)
    sizes = _sizes(case, signals)
    if not begin > 0 or len(sizes) < 2 or len(case.facts.outputs) > 1:
        return
    left, last = sizes[-1].size / begin, sizes[-1]
    steepest = min(pairwise(signals), key=_step)
    layer, step = steepest[1].layer, _step(steepest)
    is_cut = max(step, left) < _CUT and _is_bare(case, layer)
    if not (is_cut or (len(sizes) >= FEW_LAYERS and left < case.limits.faded_signal)):
        return
    yield Finding(
        "vanishing_gradient",
        "warning",
        f"Before training the signal fades from {begin:.2g} to {last.size:.2g} on its way to "
        f"{last.layer}, most of all in {layer}; gradients fade as much on their way back.",
        where=sizes[0].layer,
        when=BEFORE_TRAINING,
        evidence=(
            Evidence(f"what {layer} leaves of the signal", step, _CUT)
            if is_cut
            else beside(case, "what is left of the signal", left, "faded_signal"),
        ),
        remedies=(
            *remedies.without(case, "take out {layer}, which makes the signal so small"),
            *remedies.redrawn(case),
            remedies.NORMALIZE,
        ),
    )


def lost_signal(case: Case) -> Iterator[Finding]:
    """What tells the rows apart must reach the output, or no gradient comes back from there.

    An output layer that begins with zeros makes the same of every row, and may learn well. Before
    training, batch normalization does not normalize yet.
    """
    trial, layers = case.facts.trial, case.facts.layers
    if trial is None or not trial.spread < case.limits.lost_signal or not trial.kept_rows:
        return
    if any(layer.constant_kernel or layer.momentum >= 0 for layer in layers):
        return
    evidence = (beside(case, "difference of the outputs", trial.spread, "lost_signal"),)
    bounded = [layer for layer in layers[:-1] if layer.activation in BOUNDED]
    if len(bounded) >= FEW_LAYERS:
        yield Finding(
            "vanishing_gradient",
            "warning",
            f"Of what tells the rows apart nearly nothing comes through the {len(bounded)} "
            f"{bounded[0].activation} layers: before training the outputs are the same for "
            f"{trial.rows} rows. No gradient will reach the first layers.",
            where=bounded[0].path,
            when=BEFORE_TRAINING,
            evidence=evidence,
            remedies=remedies.bent(case),
        )
    elif hidden(case.facts) and not any(_is_narrow(layer) for layer in hidden(case.facts)):
        yield Finding(
            "constant_predictions",
            "warning",
            f"Before training the outputs are the same for {trial.rows} different rows: somewhere "
            "in the network what tells them apart is lost.",
            when=BEFORE_TRAINING,
            evidence=evidence,
            remedies=(_LOOK,),
        )


RULES: tuple[Rule, ...] = (
    dead_from_the_start,
    saturated_from_the_start,
    growing_signal,
    fading_signal,
    lost_signal,
)


def _signals(case: Case) -> tuple[SignalFacts, ...]:
    """Return what the layers made of the rows, of a chain whose weights are drawn at random."""
    return _drawn_signals(case) if is_plain_chain(case.facts) else ()


def _drawn_signals(case: Case) -> tuple[SignalFacts, ...]:
    """Return what the layers made of the rows, in the order of calls, if weights are random.

    A branch of zeros beside others is a usual beginning. Before training, batch normalization does
    not normalize yet, and what it will make of the signal is not seen.
    """
    trial, layers = case.facts.trial, case.facts.layers
    is_odd = any(layer.constant_kernel or layer.momentum >= 0 for layer in layers)
    return () if trial is None or is_odd else trial.signals


def _sizes(case: Case, signals: Sequence[SignalFacts]) -> list[SignalFacts]:
    """Return the signals of hidden layers in which there is any."""
    inner = {layer.path for layer in hidden(case.facts)} | set(case.facts.unknown)
    return [signal for signal in signals if signal.size > 0 and signal.layer in inner]


def _hidden_signals(case: Case) -> list[SignalFacts]:
    heads = head_paths(case.facts)
    return [signal for signal in _signals(case) if signal.layer not in heads]


def _step(pair: tuple[SignalFacts, SignalFacts]) -> float:
    """Return what the second layer leaves of the signal of the first."""
    return pair[1].size / pair[0].size if pair[0].size > 0 else math.inf


def _is_bare(case: Case, path: str) -> bool:
    """Say whether a layer has neither weights nor an activation."""
    layer = layer_named(path, case.facts)
    return layer is not None and not layer.parameters and not layer.activation


def _is_narrow(layer: LayerFacts) -> bool:
    """Say whether all units of a layer of ReLUs may be off for a few rows by chance."""
    return layer.activation in RELUS and 0 < (layer.units or 0) < _SEVERAL


def _units(case: Case, signal: SignalFacts) -> int:
    layer = layer_named(signal.layer, case.facts)
    return layer.units or 0 if layer is not None else 0


def _rows(case: Case) -> int:
    return case.facts.trial.rows if case.facts.trial else 0


def _input_size(case: Case) -> float:
    """Return the root mean square of the one input's columns, at least 1; embeddings begin anew."""
    inputs = case.facts.inputs
    begins_anew = any(layer.kind == "Embedding" for layer in case.facts.layers)
    if begins_anew:
        return 1.0
    return max(1.0, inputs[0].scales[2]) if len(inputs) == 1 else float("nan")
