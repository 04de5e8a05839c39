"""How much a network calculates, from the shapes of its layers."""

import math

import keras

from .layers import UpsampledConv


def model_flops(model: keras.Model) -> int:
    """Floating point operations of one pass for one image: twice the multiplications.

    Convolutions, dense layers and products of maps are counted; what acts cell by cell is not.
    """
    return sum(map(layer_flops, model.layers))


def layer_flops(layer) -> int:
    """Floating point operations of one layer for one image; 0 for layers that are not counted."""
    if isinstance(layer, keras.Model):
        return model_flops(layer)
    if isinstance(layer, keras.layers.Wrapper):
        positions, layer = layer.output, layer.layer
    else:
        positions = layer.output
    if isinstance(layer, keras.layers.Dot):
        axis = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
        return 2 * math.prod(positions.shape[1:]) * layer.input[0].shape[axis]
    if isinstance(layer, UpsampledConv):
        coarse, fine = (x.shape[-1] for x in layer.input)
        taps = 4 * coarse + 9 * fine
        return 2 * taps * layer.filters * math.prod(positions.shape[1:-1])
    if isinstance(layer, keras.layers.Conv2DTranspose):
        positions = layer.input
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        kernel = getattr(layer, "depthwise_kernel", None)
    if kernel is None:
        return 0
    return 2 * math.prod(kernel.shape) * math.prod(positions.shape[1:-1])
