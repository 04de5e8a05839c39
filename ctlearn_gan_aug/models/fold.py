"""A trained generator as an equal one with less arithmetic, for generation alone.

Three things cost at inference what they need not: a convolution after nearest upsampling multiplies
every cell several times, batch normalisation reads every map once more, and wide layers need no
float32. The graph is rebuilt layer by layer, by type: what cannot be folded is kept as it is.
"""

from collections import Counter

import keras
import numpy as np

from .layers import Upsample
from .subpixel import split

#: Layers whose weights can take in a batch normalisation that follows.
_WEIGHTED = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.Dense)
#: Layers that do not calculate, or cell by cell: they keep the precision of what they are given.
_PASSIVE = (
    keras.layers.Concatenate,
    keras.layers.Cropping2D,
    keras.layers.LeakyReLU,
    keras.layers.Reshape,
    keras.layers.UpSampling2D,
    keras.layers.ZeroPadding2D,
    Upsample,
)
#: Inputs and outputs from which on a layer gains by bfloat16. The last layer is never so wide.
_WIDE = 64


def folded(model: keras.Model, precision: str = "float32") -> keras.Model:
    """The same function of the same inputs, faster; only for ``training=False``.

    Nearest upsampling by 2 and the convolution that follows become convolutions at the lower
    resolution, one for each position in a block of 2 x 2 cells (sub-pixel convolution, Shi et al.,
    arXiv 1609.05158). Batch and spectral normalisation move into the weights.

    Parameters
    ----------
    model : keras.Model
        Functional model that uses each of its layers once. It is not changed and shares no weights
        with the result.
    precision : str
        Of layers that are wide enough to gain: ``float32`` (equal to rounding) or ``bfloat16``.

    Returns
    -------
    keras.Model
        With outputs in float32; the given model where nothing can be gained.
    """
    fold = _Fold(model, precision)
    return fold.result() if fold.gains() else model


def used_inputs(model: keras.Model) -> set[str]:
    """Names of the inputs that the output depends on."""
    maker = {id(layer.output): layer for layer in model.layers}
    ahead, seen = [maker[id(tensor)] for tensor in model.outputs], {}
    while ahead:
        layer = ahead.pop()
        if layer.name not in seen:
            seen[layer.name] = layer
            ahead += [] if _is_input(layer) else [maker[id(x)] for x in _inputs(layer)]
    return {name for name, layer in seen.items() if _is_input(layer)}


def is_wide(layer) -> bool:
    """Whether a layer has weights, and enough inputs and outputs to gain by bfloat16."""
    bare = _bare(layer)
    return type(bare) in _WEIGHTED and min(bare.kernel.shape[-2:]) >= _WIDE


class _Fold:
    """Rebuilds a model from its outputs backwards."""

    def __init__(self, model: keras.Model, precision: str):
        self.model = model
        self.precision = precision
        self.made = {}  # new tensor by id of the old one
        self.maker = {id(layer.output): layer for layer in model.layers}
        inner = [layer for layer in model.layers if not _is_input(layer)]
        self.uses = Counter(id(tensor) for layer in inner for tensor in _inputs(layer))
        self.uses.update(map(id, model.outputs))

    def gains(self) -> bool:
        """Whether there is anything to fold."""
        if self.precision != "float32":
            return True
        inner = [layer for layer in self.model.layers if not _is_input(layer)]
        is_normed = any(self._chain(layer)[1] is not None for layer in inner)
        is_split = any(self._source(layer) is not None for layer in inner)
        return is_normed or is_split or any(_bare(layer) is not layer for layer in inner)

    def result(self) -> keras.Model:
        """The new model."""
        inputs = []
        for tensor in self.model.inputs:
            name = self.maker[id(tensor)].name
            inputs.append(keras.Input(tensor.shape[1:], dtype="float32", name=name))
            self.made[id(tensor)] = inputs[-1]
        outputs = [self.new(tensor) for tensor in self.model.outputs]
        outputs = outputs if len(outputs) > 1 else outputs[0]
        return keras.Model(inputs, outputs, name=self.model.name)

    def new(self, tensor):
        """The new model's tensor in place of one of the old model's."""
        if id(tensor) not in self.made:
            self.made[id(tensor)] = self._make(tensor)
        return self.made[id(tensor)]

    def _make(self, tensor):
        last, crop = self._before_crop(self.maker[id(tensor)])
        layer, norm, leaky = self._chain(last)
        bare, source = _bare(layer), self._source(layer)
        if type(bare) not in _WEIGHTED:
            return self._kept(last)
        config = _untrained(bare) | {"name": layer.name}
        config["dtype"] = self.precision if is_wide(bare) else "float32"
        weights = _weights(bare, norm)
        if source is None:
            x = _apply(type(bare), config, weights, self.new(layer.input))
            return x if leaky is None else _copied(leaky, x)

        def conv(x, kernel, bias, number: int):
            options = {"filters": kernel.shape[-1], "kernel_size": kernel.shape[:2]}
            options |= {"padding": "valid", "name": f"{layer.name}_{number}"}
            y = _apply(keras.layers.Conv2D, config | options, (kernel, bias), x)
            return y if leaky is None else _copied(leaky, y)

        return split(conv, *weights, self.new(source), bare.filters, config["dtype"], crop)

    def _before_crop(self, layer) -> tuple:
        """A layer, or the one before it if that can leave out what this one crops; and the crop."""
        if isinstance(layer, keras.layers.Cropping2D) and self.uses[id(layer.input)] == 1:
            last = self.maker[id(layer.input)]
            if self._source(self._chain(last)[0]) is not None:
                return last, layer.cropping
        return layer, ((0, 0), (0, 0))

    def _chain(self, layer) -> tuple:
        """The layer with weights and what goes with it: normalisation, activation, or None."""
        first, norm, leaky = layer, None, None
        if isinstance(first, keras.layers.LeakyReLU) and self.uses[id(first.input)] == 1:
            first, leaky = self.maker[id(first.input)], first
        if isinstance(first, keras.layers.BatchNormalization) and self.uses[id(first.input)] == 1:
            is_last = list(np.atleast_1d(first.axis)) in ([-1], [len(first.input.shape) - 1])
            first, norm = (self.maker[id(first.input)], first) if is_last else (layer, None)
        bare = _bare(first)
        fits = type(bare) in _WEIGHTED and (first is layer or _is_linear(bare))
        return (first, norm, leaky) if fits else (layer, None, None)

    def _kept(self, layer):
        """A copy of a layer on the new tensors."""
        old = layer.input
        x = [self.new(tensor) for tensor in old] if isinstance(old, list) else self.new(old)
        return _copied(layer, x)

    def _source(self, layer):
        """What a layer would be given without the upsampling before it, if it can do without."""
        return self._doubled(layer.input) if _can_be_split(_bare(layer)) else None

    def _doubled(self, tensor):
        """The tensor of which this one is the nearest upsampling by 2, or None."""
        layer = self.maker[id(tensor)]
        if isinstance(layer, keras.layers.UpSampling2D):
            is_double = tuple(layer.size) == (2, 2) and layer.interpolation == "nearest"
            return layer.input if is_double else None
        is_double = isinstance(layer, Upsample) and layer.side == 2 * layer.input.shape[1]
        return layer.input if is_double else None


def _is_input(layer) -> bool:
    return isinstance(layer, keras.layers.InputLayer)


def _inputs(layer) -> list:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _bare(layer):
    """The layer inside spectral normalisation, which acts on its weights in training alone."""
    return layer.layer if isinstance(layer, keras.layers.SpectralNormalization) else layer


def _dtype(tensor) -> str:
    return getattr(tensor.dtype, "name", tensor.dtype)


def _untrained(layer) -> dict:
    """Configuration without initialisers that take time, as weights are set in the end."""
    config = layer.get_config()
    return config | {key: "zeros" for key in config if key.endswith("_initializer")}


def _is_linear(layer) -> bool:
    return layer.activation is keras.activations.linear


def _apply(kind: type, config: dict, weights, x):
    """The output of a new layer with these weights, of which the bias may be None."""
    if len(weights) == 2:
        config = config | {"use_bias": weights[1] is not None}
    layer = kind.from_config(config)
    y = layer(x)
    layer.set_weights([values for values in weights if values is not None])
    return y


def _copied(layer, x):
    """The output of a copy of a layer."""
    config = _untrained(layer) | {"dtype": "float32"}
    if isinstance(layer, _PASSIVE):
        kinds = {_dtype(tensor) for tensor in (x if isinstance(x, list) else [x])}
        config["dtype"] = kinds.pop() if len(kinds) == 1 else "float32"
        config.pop("name")  # one layer may be copied for each of several parts
    return _apply(type(layer), config, layer.get_weights(), x)


def _weights(layer, norm) -> tuple:
    """Kernel, and bias or None, of a layer with the normalisation that follows."""
    kernel, *bias = (np.asarray(values, np.float64) for values in layer.get_weights())
    bias = bias[0] if bias else None
    if norm is None:
        return kernel, bias
    deviation = np.sqrt(np.asarray(norm.moving_variance, np.float64) + norm.epsilon)
    scale = (1.0 if norm.gamma is None else np.asarray(norm.gamma)) / deviation
    offset = 0.0 if norm.beta is None else np.asarray(norm.beta)
    offset = offset + scale * ((0.0 if bias is None else bias) - np.asarray(norm.moving_mean))
    is_transposed = isinstance(layer, keras.layers.Conv2DTranspose)  # (k, k, outputs, inputs)
    return kernel * (scale[:, None] if is_transposed else scale), offset


def _can_be_split(layer) -> bool:
    """Whether a layer is an odd convolution with stride 1 and zeros around."""
    return (
        type(layer) is keras.layers.Conv2D
        and layer.padding == "same"
        and all(size > 1 and size % 2 == 1 for size in layer.kernel_size)
        and {*layer.strides, *layer.dilation_rate} == {1}
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )
