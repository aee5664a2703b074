"""Padding that no mask hides, masks that do not arrive, and masks of what is no padding."""

from functools import partial
from typing import Any

from keras import layers

from benchmarks.diagnosis import datasets, networks, odd_layers, recipes
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipe import Recipe

AHEAD, BEHIND = (partial(datasets.padded, front=front) for front in (True, False))
LONG = 90
GRU, LSTM = partial(layers.GRU, 12), partial(layers.LSTM, 12)
_dense = partial(layers.Dense, 12, "relu")


def not_masked() -> Cases:
    """Return short sentences with so much padding behind them that a state forgets them."""
    name = "padding_not_masked"
    return (
        static(
            "a GRU that reads 52 zeros behind each sentence",
            _sentences(AHEAD, GRU),
            fault(name, data=BEHIND),
        ),
        static(
            "an LSTM that reads 82 zeros behind each sentence",
            _sentences(partial(AHEAD, length=LONG), LSTM),
            fault(name, data=partial(BEHIND, length=LONG)),
        ),
    )


def lost() -> Cases:
    """Return masks that a layer on their way does not pass on."""
    name = "mask_lost|padding_not_masked"
    scaled = networks.embedded(61, 12, partial(odd_layers.Scaled, 3.0), GRU, mask_zero=True)
    convolved = partial(layers.Conv1D, 12, 3, padding="same", activation="relu")
    return (
        static(
            "a mask lost at a layer of one's own",
            _sentences(BEHIND, GRU, mask_zero=True),
            fault(name, body=scaled),
        ),
        static(
            "a mask lost at a convolution",
            _sentences(partial(BEHIND, length=LONG), _dense, LSTM, mask_zero=True),
            fault(name, body=networks.embedded(61, 12, convolved, LSTM, mask_zero=True)),
        ),
    )


def of_values() -> Cases:
    """Return masks of a token that sequences hold."""
    masked = {"body": _bits(mask_zero=True)}
    name = "values_masked"
    last = recipes.classifier("RNN", datasets.last_bit, _bits(), 0.9, epochs=12)
    more = recipes.classifier("RNN", datasets.more_bits, _bits(), 0.8, epochs=15)
    return (
        trained("the last of 16 bits, zeros masked", last, fault(name, **masked)),
        trained("which half of 16 bits has more ones, zeros masked", more, fault(name, **masked)),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*not_masked(), *lost(), *of_values())


def _sentences(data: Any, *behind: Any, **embedding: Any) -> Recipe:
    body = networks.embedded(61, 12, *behind, **embedding)
    return recipes.classifier("RNN", data, body, 0.8, epochs=10)


def _bits(**embedding: Any) -> networks.Body:
    return networks.embedded(2, 8, partial(layers.GRU, 16), **embedding)
