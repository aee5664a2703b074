"""What no rule is defined for is refused: complex numbers, and variables that only count."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, AdaptiveClipping, Nadam
from tests import contracts

REAL = "must hold real numbers: make the real and the imaginary part two variables. Received: "


@pytest.mark.parametrize("cls", [NAG, Adam, AdamW, Nadam])
def test_complex_variables_are_refused_at_build(cls):
    values = np.array([1 + 1j, 2 - 1j], "complex64")
    optimizer = cls(0.1)
    variables = [keras.Variable([1.0]), keras.Variable(values, name="wave")]
    for use in (optimizer.build, lambda v: optimizer.apply([ops.ones(1), ops.ones(2)], v)):
        with pytest.raises(ValueError, match=f"`variables` {REAL}'wave' of type complex64"):
            use(variables)
    assert not optimizer.built
    np.testing.assert_array_equal(contracts.array(variables[1]), values)


@pytest.mark.parametrize(
    "arguments", [{}, {"clipnorm": 1.0}, {"skip_nonfinite": True}, {"clipping": AdaptiveClipping()}]
)
@pytest.mark.parametrize("gradient", [np.array([1j, 1], "complex64"), [1j, 1.0]])
def test_complex_gradients_are_refused(arguments, gradient):
    variable, optimizer = keras.Variable([1.0, 2.0]), NAG(0.1, **arguments)
    if isinstance(gradient, np.ndarray):
        gradient = ops.convert_to_tensor(gradient)
    with pytest.raises(ValueError, match=f"`grads` {REAL}a gradient of type complex(64|128)"):
        optimizer.apply([gradient], [variable])
    assert int(optimizer.iterations) == 0
    contracts.assert_close(variable, [1.0, 2.0])


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_an_update_of_a_count_is_refused_and_no_gradient_is_none(dtype):
    weight = keras.Variable([1.0])
    count = keras.Variable([1], dtype=dtype, trainable=False, name="count")
    optimizer = NAG(0.1)
    optimizer.build([weight, count])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([ops.ones(1), None], [weight, count])
    contracts.assert_close(weight, [0.81])
    with pytest.raises(
        ValueError, match=f"floating point type.* Received: 'count' of type {dtype}"
    ):
        optimizer.apply([ops.ones(1), ops.ones(1)], [weight, count])
    contracts.assert_close(ops.cast(count, "float32"), [1.0])


@pytest.mark.parametrize("gradient", [[10, 20], np.array([10, 20], "int32"), (10.0, 20.0)])
def test_lists_and_integers_are_gradients(gradient):
    variable = keras.Variable([1.0, 2.0])
    NAG(0.1, clipping=AdaptiveClipping(1e3)).apply([gradient], [variable])
    contracts.assert_close(variable, [-0.9, -1.8])
