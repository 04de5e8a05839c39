"""What a CTLearn training is started with, checked before anything is loaded or deleted."""

import os
from collections.abc import Sequence
from pathlib import Path

from traitlets import TraitError

from ..dl1.check import check_dl1
from ..errors import UserError


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files CTLearn will read from a folder.

    Raises
    ------
    UserError
        If there is none; dl1-data-handler would fail with an IndexError.
    """
    files = sorted({path for pattern in patterns for path in Path(folder).glob(pattern)})
    if not files:
        raise UserError(f"{folder}: holds no file that matches {' or '.join(patterns)}.")
    return files


def check_training_files(files: Sequence[Path]) -> None:
    """Refuse files that are not DL1, each with its own reason."""
    for path in files:
        check_dl1(path)


def check_given(tool) -> None:
    """Refuse a TrainCTLearnModel without its three necessary options."""
    if _given(tool, "input_dir_signal") is None:
        raise UserError("No signal folder is given: pass --signal FOLDER.")
    if _given(tool, "output_dir") is None:
        raise UserError("No output folder is given: pass --output FOLDER.")
    if not tool.reco_tasks:
        raise UserError(
            "No task is given: pass --reco type, energy, cameradirection or skydirection."
        )


def check_output(folder: Path, overwrite: bool) -> None:
    """Refuse an existing or unwritable output folder before any work is done."""
    if folder.exists() and not overwrite:
        raise UserError(f"{folder}: already exists; choose another name or pass --overwrite.")
    # CTLearn creates the folder with its parents, hours of reading later.
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"{parent}: is not a writable folder; choose another output.")


def _given(tool, trait: str):
    """Value of a trait that must be set; None if it is not."""
    try:
        return getattr(tool, trait)
    except TraitError:
        return None
