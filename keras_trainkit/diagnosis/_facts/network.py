"""What is known of a network: its layers and its outputs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from keras_trainkit.diagnosis._facts.data import ArrayFacts


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the network, innermost layers alone, from input to output.

    An operation of a functional graph, such as `keras.ops.relu`, is one too, and so is a layer that
    has weights beside the layers inside of it.

    Args:
        path: string. As in `History.layers`.
        kind: string. The name of its class.
        units: integer, the length of the output's last axis; `None` if not known.
        activation: string. The name of its activation function, `"linear"` for none; of a layer
            that is itself one, its own; `""` for layers that have none and are none.
        shape: output shape without the batch axis; `None` where not known.
        parameters: integer. The number of its weights' elements.
        trainable: bool.
        initializer: string. The class of the kernel's initializer, `""` if there is no kernel.
        fan_in: integer. The inputs of each unit of the kernel, 0 if there is no kernel.
        constant_kernel: bool. Whether all elements of the kernel are the same number.
        l1, l2: floats. The strengths of its kernel's regularizer.
        rate: float. Of a dropout layer; NaN for others.
        momentum: float. Of a layer with moving statistics; NaN for others.
        arguments: dict of argument to code. What its constructor was given other than defaults,
            those without a default in front; empty if it is not known.
        reached: string. The code that reaches it from `model`, `""` if it is not known.
        place: string. How a script calls its class: `"keras.layers.Dense"`, `""` if not known.
        learned: bool. Whether its offsets show that it was trained before.
        as_drawn: bool. Whether it is not trainable, and its kernel or its embeddings are still what
            their initializer draws.
    """

    path: str
    kind: str
    units: int | None = None
    activation: str = ""
    shape: tuple[int | None, ...] = ()
    parameters: int = 0
    trainable: bool = True
    initializer: str = ""
    fan_in: int = 0
    constant_kernel: bool = False
    l1: float = 0.0
    l2: float = 0.0
    rate: float = math.nan
    momentum: float = math.nan
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    reached: str = ""
    place: str = ""
    learned: bool = False
    as_drawn: bool = False


@dataclass(frozen=True)
class OutputFacts:
    """One output of the network, with its loss and its target.

    Args:
        layer: string. The path of the layer that it comes from.
        activation: string. What the values passed last: `"softmax"`, ..., `"linear"`; `""` if it is
            not known.
        shape: output shape without the batch axis; `None` where not known, `(None,)` if nothing is.
        loss: string. Keras's name of the loss, `"sparse_categorical_crossentropy"`; the class or
            function of another's; `""` for none.
        from_logits: bool.
        own_loss: bool. Whether the loss is none of Keras's, or the model has a training step of its
            own, which may use it in another way.
        metrics: strings. The names of its metrics' classes and functions, in Keras's spelling:
            `"binary_accuracy"`. `"accuracy"` leaves the choice to Keras, `"Accuracy"` is the class
            that compares outputs with targets for equality.
        target: `ArrayFacts` of its target, `None` if there is none or it is not known.
        validation_target: `ArrayFacts`, or `None`.
        weight: float. What its loss is multiplied with.
        key: string. By what `compile` and `fit` call it where they were given dicts, else `""`.
        loss_code: string. The loss as code, `""` if it is not known.
        metrics_code: strings. The metrics as code, in their order.
    """

    layer: str
    activation: str
    shape: tuple[int | None, ...]
    loss: str = ""
    from_logits: bool = False
    own_loss: bool = False
    metrics: tuple[str, ...] = ()
    target: ArrayFacts | None = None
    validation_target: ArrayFacts | None = None
    weight: float = 1.0
    key: str = ""
    loss_code: str = ""
    metrics_code: tuple[str, ...] = ()

    @property
    def units(self) -> int | None:
        """The length of the last axis."""
        return self.shape[-1] if self.shape else 1
