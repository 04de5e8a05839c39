"""What this machine calculates on, as Keras' backend sees it."""

import functools
from pathlib import Path

import keras

_CPU_FLAGS = ("avx512_bf16", "amx_bf16")
_GPU_CAPABILITY = (8, 0)


def has_gpu() -> bool:
    """Whether the backend has a graphics processor."""
    return _gpu_capability() is not None


def has_bfloat16() -> bool:
    """Whether this machine has instructions for bfloat16; emulating it would be slow."""
    if has_gpu():
        return _gpu_capability() >= _GPU_CAPABILITY
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(flag in text for flag in _CPU_FLAGS)


@functools.cache
def _gpu_capability() -> tuple[int, ...] | None:
    """CUDA's compute capability of the backend's first GPU; None without a GPU."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
            details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
            return details.get("compute_capability", (0, 0)) if gpus else None
        case "jax":
            import jax

            device = jax.devices()[0]
            known = getattr(device, "compute_capability", "0.0")
            return tuple(map(int, known.split("."))) if device.platform == "gpu" else None
        case "torch":
            import torch

            return torch.cuda.get_device_capability() if torch.cuda.is_available() else None
    return None
