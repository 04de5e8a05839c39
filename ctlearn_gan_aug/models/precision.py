"""Whether bfloat16 pays: on this machine, and for a network."""

from pathlib import Path

import keras
import tensorflow as tf

from .flops import layer_flops, model_flops
from .fold import is_wide

#: Part of a network's arithmetic that has to be in wide layers.
_WIDE_SHARE = 0.9
_CPU_FLAGS = ("avx512_bf16", "amx_bf16")
_GPU_CAPABILITY = (8, 0)


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


def has_bfloat16() -> bool:
    """Whether this machine has instructions for bfloat16; emulating it would be slow."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return details.get("compute_capability", (0, 0)) >= _GPU_CAPABILITY
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(flag in text for flag in _CPU_FLAGS)
