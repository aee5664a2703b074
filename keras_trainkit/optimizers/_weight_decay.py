"""Which variables weight decay acts on: by their rank, or by their role.

A variable does not know its layer, but layers name their variables alike: "kernel" in `Dense`,
"query/bias" in `MultiHeadAttention`, "alpha" in `PReLU`.
"""

import re
from typing import Any

from keras_trainkit._variable_paths import path_of

# The words of a name: "relative_position_bias_table", "logitScale", "beta2".
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# What multiplies inputs, or stands for them.
_WEIGHT = re.compile("(kernel|embedding)s?")
# Offsets, scales and slopes.
_SPARED = re.compile(
    "(beta|gamma|alpha|offset|shift|intercept|threshold|scale|scalar|gain|slope|temperature)s?"
    "|bias(es)?"
)


def decays(variable: Any, min_rank: int | None) -> bool:
    """Say whether a variable is to decay, by its rank, or with None by its role."""
    return has_weights(variable) if min_rank is None else len(variable.shape) >= min_rank


def has_weights(variable: Any) -> bool:
    """Say whether a variable holds the weights of a linear map or of an embedding.

    The last word of its name that tells a role decides: a "kernel_scale" is a scale, and
    "lora_kernel_a" a kernel. Where none does, vectors and scalars are taken for offsets or scales,
    and so is what is called "b".
    """
    name = path_of(variable).rpartition("/")[2].partition(":")[0]
    words = [word.lower() for word in _WORDS.findall(name)]
    for word in reversed(words):
        if _WEIGHT.fullmatch(word):
            return True
        if _SPARED.fullmatch(word):
            return False
    return len(variable.shape) >= 2 and words[:1] != ["b"]  # "b", "b_1", "b_query"
