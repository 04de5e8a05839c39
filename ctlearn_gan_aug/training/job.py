"""What all trainings have in common: one run at a time in a folder, resumable, deterministic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..files import writing
from ..locks import only_writer
from .folder import check_output, prepare_output, with_precision
from .networks import computing_in

_ADVICE = "free some space there and go on from the last checkpoint with --resume"


def run_in_folder(
    config,
    resume: bool,
    overwrite: bool,
    read: Callable[[Any], Any],
    execute: Callable[[Any, Any, bool], Path],
) -> Path:
    """Do a training in ``config.output``.

    Parameters
    ----------
    config : TrainConfig or RefineConfig
        What to do.
    resume, overwrite : bool
        Go on from the checkpoint there, if there is one; replace an earlier run.
    read : callable
        Configuration to what is learnt from. What it refuses leaves no trace in the folder.
    execute : callable
        Configuration, what was read, and whether to go on from a checkpoint, to the bundle.

    Raises
    ------
    UserError
        If input or output do not allow the run, another run is writing to the same folder, the disk
        is full, or the run was interrupted.
    """
    with only_writer(config.output, inside=True):
        has_checkpoint = check_output(config.output, resume, overwrite)
        config = with_precision(config, has_checkpoint)
        content = read(config)
        with writing(config.output, _ADVICE), computing_in(config.training.precision):
            prepare_output(config, resume, has_checkpoint)
            set_up_tensorflow()
            return execute(config, content, has_checkpoint)


def set_up_tensorflow() -> None:
    """How TensorFlow is to run training steps, in all of this process."""
    # Same seed, same result: without this, threads may sum in another order each time.
    tf.config.experimental.enable_op_determinism()
    # TensorFlow 2.21 would fuse an activation whose gradient needs the parts, and fails with a
    # message that worries users. Steps take as long without that pass.
    tf.config.optimizer.set_experimental_options({"remapping": False})
