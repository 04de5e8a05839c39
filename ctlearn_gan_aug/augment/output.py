"""The output folder of a training: a new one, or one of an earlier training that is replaced."""

import logging
import os
import shutil
from pathlib import Path

from ..data.callbacks import PART_NAME
from ..errors import UserError, find_no_space

log = logging.getLogger(__name__)

#: CTLearn's model, without which there is nothing to replace another with.
MODEL_NAME = "ctlearn_model.keras"
#: File beside it that records what was mixed in.
RECORD_NAME = "gan_augment.json"
#: What CTLearn's tool and ours write into an output folder.
_WRITTEN = {
    MODEL_NAME,
    RECORD_NAME,
    PART_NAME,
    "ctlearn_model.onnx",
    "training_log.csv",
    "train",
    "validation",
}


def check_output(folder: Path, overwrite: bool) -> None:
    """Refuse an existing or unwritable output folder before any work is done.

    Raises
    ------
    UserError
        If it exists and may not be replaced, or holds what no training has written, or cannot be
        made.
    """
    if folder.exists():
        if not overwrite:
            raise UserError(f"{folder}: already exists; choose another name or pass --overwrite.")
        _check_written_by_training(folder)
    # CTLearn creates the folder with its parents, hours of reading later.
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"{parent}: is not a writable folder; choose another output.")


def start_beside(folder: Path) -> Path:
    """Name beside an existing output folder for the training that shall replace it.

    CTLearn itself refuses every existing folder. A training that failed may have left something
    there; it is removed.
    """
    new = folder.with_name(f"{folder.name}.new")
    if new.exists():
        _check_written_by_training(new)
        shutil.rmtree(new)
    log.info("%s is trained in %s and replaced when the training has ended.", folder, new.name)
    return new


def replace_output(folder: Path, new: Path) -> None:
    """Let a finished training take the place of an earlier one, unless it saved no model."""
    if not (new / MODEL_NAME).exists():
        log.warning("%s: stays as it was, the new training has saved no model.", folder)
        return
    old = folder.with_name(f"{folder.name}.old")
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old)


def explain_full_disk(tool, error: Exception) -> UserError | None:
    """The sentence for a training that ended because of a full disk, after clearing up."""
    reason = find_no_space(error)
    if reason is None:
        return None
    folder = tool.output_dir
    (folder / PART_NAME).unlink(missing_ok=True)
    kept = f"; {MODEL_NAME} there is of an earlier epoch" if (folder / MODEL_NAME).exists() else ""
    return UserError(
        f"{folder}: cannot be written ({reason}); free some space there or choose another output, "
        f"and train again{kept}."
    )


def _check_written_by_training(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; choose another name.")
    foreign = sorted({path.name for path in folder.iterdir()} - _WRITTEN)
    if foreign:
        raise UserError(
            f"{folder}: holds {foreign[0]}, which no training of CTLearn has written, and is not "
            "replaced; choose another name."
        )
