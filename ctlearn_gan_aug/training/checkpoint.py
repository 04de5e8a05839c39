"""Full-state checkpoints: one safetensors file, replaced atomically."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from ..errors import UserError
from ..files import atomic_file


class HasState(Protocol):
    """The networks of a run.

    Attributes
    ----------
    state : dict of str to list of keras.Variable
        All variables by the names of their owners.
    """

    state: dict[str, list]


def _state(networks: HasState) -> dict[str, keras.Variable]:
    """Every variable of a run under a stable name."""
    return {
        f"{owner}/{i:03d}": variable
        for owner, variables in networks.state.items()
        for i, variable in enumerate(variables)
    }


def save_checkpoint(path: Path, networks: HasState, progress: dict) -> None:
    """Write all variables and the progress (JSON); the old file stays until the new is whole."""
    from safetensors.numpy import save_file

    # Scalars such as an optimizer's step need a contiguous array of their own.
    tensors = {name: np.array(v.numpy(), order="C") for name, v in _state(networks).items()}
    with atomic_file(path, overwrite=True) as part:
        save_file(tensors, part, metadata={"progress": json.dumps(progress)})


def read_progress(path: Path, told: Sequence[str] = ("growing",)) -> dict:
    """The progress that was saved with a checkpoint.

    Parameters
    ----------
    path : Path
        The checkpoint.
    told : sequence of str
        What the progress of the present version holds, unlike that of earlier ones.

    Raises
    ------
    UserError
        If there is no checkpoint, or it is damaged or of an earlier version.
    """
    if not path.exists():
        raise UserError(f"{path}: no checkpoint to resume from; start without --resume.")
    with _opened(path) as saved:
        progress = json.loads(saved.metadata()["progress"])
    if not set(told) <= progress.keys():
        raise UserError(f"{path}: was written by an earlier version; start anew with --overwrite.")
    return progress


def load_checkpoint(path: Path, networks: HasState) -> None:
    """Restore all variables in place.

    Raises
    ------
    UserError
        If the checkpoint is damaged or of another configuration.
    """
    with _opened(path) as saved:
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
    state = _state(networks)
    shapes = {name: tuple(v.shape) for name, v in state.items()}
    if shapes != {name: value.shape for name, value in tensors.items()}:
        raise UserError(
            f"{path}: was written with other networks; resume with the configuration of that run."
        )
    for name, variable in state.items():
        variable.assign(tensors[name])


@contextlib.contextmanager
def _opened(path: Path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as saved:
            yield saved
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: is no readable checkpoint ({error}).") from None
