"""Commands that train run on TensorFlow alone; the others take any backend of Keras."""

import os

from ..errors import UserError

_WANTED = "tensorflow"


def need_tensorflow() -> None:
    """Refuse to go on where Keras is told to use another backend.

    Raises
    ------
    UserError
        If the environment or Keras' own configuration names another one.
    """
    backend = os.environ.get("KERAS_BACKEND") or _configured()
    if backend != _WANTED:
        raise UserError(
            f"KERAS_BACKEND: this command trains and runs on {_WANTED}, not on {backend}; set it "
            f"to {_WANTED}. Commands that only generate (export, preview, info) take any backend."
        )


def _configured() -> str:
    import keras

    return keras.backend.backend()
