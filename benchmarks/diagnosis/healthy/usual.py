"""The twins of the broken trainings, as they should be."""

from benchmarks.diagnosis import recipes

NAMES = (
    "MOONS",
    "CIRCLES",
    "SPIRALS",
    "BLOBS",
    "DIGITS",
    "DIGITS_SPARSE",
    "CANCER",
    "TAGS",
    "DIGITS_CNN",
    "NORMALIZED_CNN",
    "STRIPES_SGD",
    "SLANTS",
    "WAVES",
    "FIRST_SIGN",
    "FORECAST",
    "WORDS_LSTM",
    "CONVOLVED_WORDS",
    "TOPIC_TRANSFORMER",
    "WAVE_TRANSFORMER",
    "FRIEDMAN",
    "HOUSES_SGD",
    "PLANES",
)
RECIPES = {f"as usual, {n.lower().replace('_', ' ')}": getattr(recipes, n) for n in NAMES}
