"""AdamW: Adam with decoupled weight decay, on the weights that want it."""

from typing import Unpack

from keras_trainkit._register import register
from keras_trainkit._validation import real
from keras_trainkit.optimizers._arguments import ArgumentsWithoutDecay, shows_arguments_of
from keras_trainkit.optimizers._base import LearningRate, Optimizer
from keras_trainkit.optimizers.adam import Adam


@register
class AdamW(Adam):
    """AdamW: Adam whose weights also shrink, past the moments.

        w_t = (1 - learning_rate * weight_decay) * w_{t-1} - (step of `Adam`)

    Decay is meant for the weights of linear maps and for embeddings. Offsets, scales and slopes, of
    any rank, keep their size: the biases of every layer, gamma and beta of normalization, alpha of
    `PReLU`. The last word of a variable's name that tells its role decides, as in "kernel",
    "kernel_scale" or "relative_position_bias_table"; where none does, in "w" or "cls_token", what
    has two axes or more decays. `weight_decay_exclude` names what else is to be left alone, and
    `weight_decay_min_rank=0` decays everything, as Keras and PyTorch do.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.001`.
        weight_decay: float >= 0. Share of the weights lost per step and unit of learning rate.
            Defaults to `0.004`; PyTorch's default is `0.01`.
        beta_1: float in [0, 1). Decay per step of the first moment. Defaults to `0.9`.
        beta_2: float in [0, 1). Decay per step of the second moment. Defaults to `0.999`.
        epsilon: float >= 0. Lower bound of the denominator. Defaults to `1e-8`.
        amsgrad: bool. As in `Adam`. Defaults to `False`.
        epsilon_hat: bool. Read `epsilon` as Keras does. Defaults to `False`.
        weight_decay_exclude: sequence of paths or regular expressions for whole segments of a
            variable's path, such as `"embedding"`. Further variables without decay. Defaults to
            `()`.
        weight_decay_min_rank: int >= 0. Least rank of a variable with decay, whatever its role.
            Defaults to `None`: the role decides. Files that hold the former default, `2`, train on
            with it.
        **base_arguments: as in `Adam`.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `weight_decay_min_rank`; `epsilon` and its default as in `Adam`. What is
    excluded, also by `exclude_from_weight_decay`, stands in the config and survives saving.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import AdamW
        >>> kernel, bias = keras.Variable([[1.0]]), keras.Variable([1.0])
        >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> nothing = [keras.ops.zeros((1, 1)), keras.ops.zeros((1,))]
        >>> optimizer.apply(nothing, [kernel, bias])
        >>> round(float(kernel.numpy()[0, 0]), 4), round(float(bias.numpy()[0]), 4)
        (0.95, 1.0)

    Reference: Loshchilov, I. & Hutter, F. (2019), Decoupled Weight Decay Regularization,
    arXiv:1711.05101, Algorithm 2, with the decay times the learning rate.
    """

    @shows_arguments_of(Optimizer)
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        *,
        epsilon_hat: bool = False,
        weight_decay_min_rank: int | None = None,
        **base_arguments: Unpack[ArgumentsWithoutDecay],
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            epsilon_hat=epsilon_hat,
            weight_decay=real("weight_decay", weight_decay, low=0.0),  # Not None, as elsewhere.
            weight_decay_min_rank=weight_decay_min_rank,
            **base_arguments,
        )
