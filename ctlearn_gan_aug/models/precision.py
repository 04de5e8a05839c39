"""Whether bfloat16 pays: on this machine, and for a network."""

import keras

from .device import has_bfloat16
from .flops import layer_flops, model_flops
from .fold import is_wide

#: Part of a network's arithmetic that has to be in wide layers.
_WIDE_SHARE = 0.9


def best_precision(model: keras.Model) -> str:
    """``bfloat16`` for a generator of wide layers on a machine that calculates in it."""
    wide = sum(layer_flops(layer) for layer in model.layers if is_wide(layer))
    suits = wide >= _WIDE_SHARE * model_flops(model)
    return "bfloat16" if suits and has_bfloat16() else "float32"


def training_precision(wanted: str) -> str:
    """Keras precision policy of a training; decides ``auto`` by what the machine can do."""
    if wanted != "auto":
        return wanted
    return "mixed_bfloat16" if has_bfloat16() else "float32"
