"""Our optimizers with Keras's names, defaults and switches: what Keras's tests are run against."""

from functools import partialmethod

import keras

from keras_trainkit import optimizers

register = keras.saving.register_keras_serializable(package="keras_suite")


@register
class Adam(optimizers.Adam):
    __init__ = partialmethod(optimizers.Adam.__init__, epsilon=1e-7, epsilon_hat=True)


@register
class AdamW(optimizers.AdamW):
    __init__ = partialmethod(
        optimizers.AdamW.__init__, epsilon=1e-7, epsilon_hat=True, weight_decay_min_rank=0
    )


@register
class Nadam(optimizers.Nadam):
    __init__ = partialmethod(optimizers.Nadam.__init__, epsilon=1e-7, momentum_decay=1.0)


@register
class SGD(optimizers.NAG):
    __init__ = partialmethod(optimizers.NAG.__init__, momentum=0.0, nesterov=False)
