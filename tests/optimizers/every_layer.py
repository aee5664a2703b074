"""Every layer of Keras with weights, and which of its variables are offsets, scales or slopes.

A case is how to make a layer, the shapes of its inputs, the names of its weights, the names of its
other variables, and what to do to it once it is built.
"""

import numpy as np
from keras import layers

import keras_trainkit

VECTORS, ROWS, IMAGES, VOLUMES = (2, 3), (2, 6, 4), (2, 8, 8, 3), (2, 4, 4, 4, 2)


def lora(layer):
    layer.enable_lora(2)


def int8_and_lora(layer):
    layer.quantize("int8")
    layer.enable_lora(2)


def torch_linear():
    import torch

    return layers.TorchModuleWrapper(torch.nn.Linear(3, 2))


def dense():
    return layers.Dense(3, name="dense")


def inside(names, weights, others):
    """Return the names of the variables of several layers inside another one."""
    return tuple(
        " ".join(f"{name}/{variable}" for name in names.split() for variable in kind.split())
        for kind in (weights, others)
    )


DENSE = "kernel", "bias"
SEPARABLE = "depthwise_kernel pointwise_kernel", "bias"
RECURRENT = "kernel recurrent_kernel", "bias"
AFFINE = "", "gamma beta"
LORA = "lora_kernel_a lora_kernel_b", "bias"
IN_DENSE = inside("dense", *DENSE)
IN_CELL = inside("cell", *RECURRENT)
IN_CONVOLUTION = inside("conv_lstm_cell", *RECURRENT)
IN_ATTENTION = inside("query key value attention_output", *DENSE)

CASES = {
    "Dense": (dense, [VECTORS], *DENSE),
    "Dense lora": (dense, [VECTORS], *LORA, lora),
    "Dense int8": (dense, [VECTORS], *LORA, int8_and_lora),
    "EinsumDense": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
        [ROWS],
        *DENSE,
    ),
    "EinsumDense lora": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
        [ROWS],
        *LORA,
        lora,
    ),
    "EinsumDense vector": (lambda: layers.EinsumDense("ab,b->a", ()), [VECTORS], "kernel", ""),
    "Embedding": (lambda: layers.Embedding(3, 2), [VECTORS], "embeddings", ""),
    "Embedding lora": (
        lambda: layers.Embedding(3, 2),
        [VECTORS],
        "lora_embeddings_a lora_embeddings_b",
        "",
        lora,
    ),
    "ReversibleEmbedding": (
        lambda: layers.ReversibleEmbedding(3, 2, tie_weights=False),
        [VECTORS],
        "embeddings reverse_embeddings",
        "",
    ),
    "Conv1D": (lambda: layers.Conv1D(3, 3), [ROWS], *DENSE),
    "Conv2D": (lambda: layers.Conv2D(3, 3), [IMAGES], *DENSE),
    "Conv2D lora": (lambda: layers.Conv2D(3, 3), [IMAGES], *LORA, lora),
    "Conv3D": (lambda: layers.Conv3D(3, 3), [VOLUMES], *DENSE),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(3, 3), [ROWS], *DENSE),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(3, 3), [IMAGES], *DENSE),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(3, 3), [VOLUMES], *DENSE),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3), [ROWS], *DENSE),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), [IMAGES], *DENSE),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(3, 3), [ROWS], *SEPARABLE),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(3, 3), [IMAGES], *SEPARABLE),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 3), [IMAGES], *IN_CONVOLUTION),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 3), [VOLUMES], *IN_CONVOLUTION),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2), [(1, 2, *VOLUMES[1:])], *IN_CONVOLUTION),
    "GRU": (lambda: layers.GRU(3), [ROWS], *inside("gru_cell", *RECURRENT)),
    "LSTM": (lambda: layers.LSTM(3), [ROWS], *inside("lstm_cell", *RECURRENT)),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), [ROWS], *inside("simple_rnn_cell", *RECURRENT)),
    "GRUCell": (lambda: layers.GRUCell(3), [VECTORS, VECTORS], *RECURRENT),
    "LSTMCell": (lambda: layers.LSTMCell(3), [VECTORS, [VECTORS, VECTORS]], *RECURRENT),
    "SimpleRNNCell": (lambda: layers.SimpleRNNCell(3), [VECTORS, VECTORS], *RECURRENT),
    "RNN": (lambda: layers.RNN(layers.GRUCell(3, name="cell")), [ROWS], *IN_CELL),
    "StackedRNNCells": (
        lambda: layers.StackedRNNCells([layers.GRUCell(3, name="cell")]),
        [VECTORS, [VECTORS]],
        *IN_CELL,
    ),
    "Bidirectional": (
        lambda: layers.Bidirectional(layers.GRU(3, name="gru")),
        [ROWS],
        *inside("forward_gru/gru_cell backward_gru/gru_cell", *RECURRENT),
    ),
    "TimeDistributed": (lambda: layers.TimeDistributed(dense()), [ROWS], *IN_DENSE),
    "SpectralNormalization": (
        lambda: layers.SpectralNormalization(dense()),
        [VECTORS],
        *IN_DENSE,
    ),
    "Pipeline": (lambda: layers.Pipeline([dense()]), [VECTORS], *IN_DENSE),
    "BatchNormalization": (layers.BatchNormalization, [IMAGES], *AFFINE),
    "BatchNormalization ours": (keras_trainkit.layers.BatchNormalization, [IMAGES], *AFFINE),
    "LayerNormalization": (lambda: layers.LayerNormalization(axis=[1, 2]), [ROWS], *AFFINE),
    "GroupNormalization": (lambda: layers.GroupNormalization(3), [IMAGES], *AFFINE),
    "RMSNormalization": (lambda: layers.RMSNormalization(axis=[1, 2]), [ROWS], "", "scale"),
    "PReLU": (layers.PReLU, [IMAGES], "", "alpha"),
    "Attention": (
        lambda: layers.Attention(use_scale=True, score_mode="concat"),
        [[ROWS, ROWS]],
        "",
        "scale concat_score_weight",
    ),
    "AdditiveAttention": (layers.AdditiveAttention, [[ROWS, ROWS]], "", "scale"),
    "MultiHeadAttention": (lambda: layers.MultiHeadAttention(2, 3), [ROWS, ROWS], *IN_ATTENTION),
    "GroupQueryAttention": (
        lambda: layers.GroupQueryAttention(3, 4, 2),
        [ROWS, ROWS],
        *IN_ATTENTION,
    ),
    "STFTSpectrogram": (
        lambda: layers.STFTSpectrogram("stft", 3),
        [ROWS],
        "real_kernel imag_kernel",
        "",
    ),
    # Its variables have no names of their own: the rank decides.
    "TorchModuleWrapper": (torch_linear, [VECTORS], "variable", "variable_1"),
}

# The arguments of the layers without weights that none of `ARGUMENTS` suits.
WITHOUT = {
    "Activation": {"activation": "relu"},
    "Discretization": {"bin_boundaries": [0.5]},
    "Dot": {"axes": 1},
    "IntegerLookup": {"vocabulary": [1, 2]},
    "Lambda": {"function": lambda x: x},
    "Permute": {"dims": (1,)},
    "Reshape": {"target_shape": (3, 1)},
    "StringLookup": {"vocabulary": ["a"]},
    "TextVectorization": {"vocabulary": ["a"]},
}
ARGUMENTS = (), (3,), (3, 3), (0.2,), (0.2, 0.2)
INPUTS = [np.ones(shape, "float32") for shape in (VECTORS, ROWS, IMAGES, VOLUMES)]
INPUTS += [[INPUTS[0]] * 2, np.ones(2, int), [np.ones(2, int)] * 2, np.array(["a"])]

# Bases, an input, and what holds another library's weights, of its backend or from a file.
OTHERS = {"Layer", "Wrapper", "InputLayer", "FlaxLayer", "JaxLayer", "TFSMLayer"}
