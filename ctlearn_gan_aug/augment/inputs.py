"""What a CTLearn training is started with, checked before anything is loaded."""

from collections.abc import Sequence
from pathlib import Path

from traitlets import TraitError

from ..errors import UserError


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files CTLearn will read from a folder.

    Raises
    ------
    UserError
        If there is none; dl1-data-handler fails deep inside or speaks of a list.
    """
    files = sorted({path for pattern in patterns for path in Path(folder).glob(pattern)})
    if not files:
        raise UserError(f"{folder}: holds no file that matches {' or '.join(patterns)}.")
    return files


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


def check_sizes(tool) -> None:
    """Refuse events that would end a TrainCTLearnModel, set up so far, after its first epoch."""
    for name in ("training", "validation"):
        loader = getattr(tool, f"{name}_loader")
        if len(loader) == 0:
            raise UserError(
                f"The {len(loader.indices)} {name} events do not fill one batch of "
                f"{loader.batch_size}; lower batch_size or change validation_split."
            )


def _given(tool, trait: str):
    """Value of a trait that must be set; None if it is not."""
    try:
        return getattr(tool, trait)
    except TraitError:
        return None
