"""dl1-data-handler's reader over DL1 files: it chooses the events and labels them."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dl1.subarray import read_subarray
from ..errors import UserError
from .inputs import InputFiles, choose_inputs
from .telescopes import choose_telescopes


@dataclass(frozen=True)
class OpenReader:
    """A reader with what it was opened on.

    Attributes
    ----------
    reader : DLImageReader
        In mono mode. Its own subarray has been derotated by its image mapper.
    subarray : SubarrayDescription
        As in the file.
    files : list of Path
        Signal files, then background files.
    """

    reader: object
    subarray: object
    files: list[Path]


@contextlib.contextmanager
def open_reader(
    paths: Sequence[str | Path],
    background: Sequence[str | Path] = (),
    quality_criteria: Sequence[tuple[str, str]] = (),
    tel_type: str | None = None,
) -> Iterator[OpenReader]:
    """Open a DLImageReader and close its files afterwards.

    Parameters
    ----------
    paths, background : sequence of path
        Files and folders of the signal class and of the other one.
    quality_criteria : sequence of (name, expression)
        dl1-data-handler's table quality query; empty keeps every triggered event.
    tel_type : str, optional
        Telescope type as ``str(TelescopeDescription)``; needed if the files hold several.

    Raises
    ------
    UserError
        If a file is missing, not simulated DL1, of another subarray, or no event is left.
    """
    inputs = choose_inputs(paths, background)
    subarray = read_subarray(inputs.all[0])
    reader = _create(inputs, quality_criteria, tel_type, subarray)
    try:
        yield OpenReader(reader, subarray, inputs.all)
    finally:
        for handle in reader.files.values():
            handle.close()


def _create(inputs: InputFiles, quality_criteria, tel_type: str | None, subarray):
    """The reader, with the focal lengths that the subarray was read with."""
    from traitlets.config import Config

    from .event_reader import EventReader

    tel_types = None if tel_type is None else [tel_type]
    config = Config()
    config.TableQualityQuery.quality_criteria = [tuple(pair) for pair in quality_criteria]
    # Labels do not depend on the mapper; the compact ones also accept square pixels.
    tel_ids = choose_telescopes(subarray, inputs, tel_types)
    config.DLImageReader.image_mapper_type = _any_mapper(subarray, tel_ids)
    with warnings.catch_warnings(), named_failure(inputs):
        warnings.simplefilter("ignore")
        return EventReader(
            inputs,
            config=config,
            allowed_tels=tel_ids,
            focal_length_choice=_focal_length_choice(subarray),
        )


@contextlib.contextmanager
def named_failure(inputs: InputFiles) -> Iterator[None]:
    """Turn what dl1-data-handler refuses into a `UserError` that names a file."""
    try:
        yield
    except (ValueError, OSError, LookupError, TypeError, RuntimeError) as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        names_file = any(str(path) in problem for path in inputs.all)
        where = "" if names_file else f"{inputs.all[0]}: "
        raise UserError(f"{where}cannot be read by dl1-data-handler: {problem}") from error


def _focal_length_choice(subarray):
    """What `read_subarray` chose."""
    from ctapipe.instrument.optics import FocalLengthKind

    lengths = (tel.optics.effective_focal_length.value for tel in subarray.tel.values())
    return (
        FocalLengthKind.EFFECTIVE
        if np.isfinite(list(lengths)).all()
        else FocalLengthKind.EQUIVALENT
    )


def _any_mapper(subarray, tel_ids: list[int]):
    from ctapipe.instrument.camera import PixelShape

    square = subarray.tel[tel_ids[0]].camera.geometry.pix_type == PixelShape.SQUARE
    return [("type", "*", "SquareMapper" if square else "ShiftingMapper")]
