"""dl1-data-handler's reader over DL1 files: it chooses the events and labels them."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dl1.check import check_dl1_files
from ..dl1.subarray import read_subarray
from ..errors import UserError
from ..files import expand_inputs


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
    files = expand_inputs(paths)
    others = expand_inputs(background) if background else []
    check_dl1_files(files + others)
    subarray = read_subarray(files[0])
    reader = _create(files, others, quality_criteria, tel_type, subarray)
    try:
        if len(reader.example_identifiers) == 0:
            raise UserError(f"{files[0]}: no event passes the quality criteria; loosen them.")
        yield OpenReader(reader, subarray, files + others)
    finally:
        for handle in reader.files.values():
            handle.close()


def _create(files, others, quality_criteria, tel_type, subarray):
    """The reader, with the focal lengths that the subarray was read with."""
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    config = Config()
    config.TableQualityQuery.quality_criteria = [tuple(pair) for pair in quality_criteria]
    # Labels do not depend on the mapper; the compact ones also accept square pixels.
    config.DLImageReader.image_mapper_type = _any_mapper(subarray, files[0], tel_type)
    options = {"focal_length_choice": _focal_length_choice(subarray)}
    if tel_type is not None:
        options["allowed_tel_types"] = [tel_type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return DLImageReader(
                input_url_signal=[str(path) for path in files],
                input_url_background=[str(path) for path in others],
                config=config,
                **options,
            )
        except (ValueError, OSError, KeyError, IndexError, TypeError) as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{files[0]}: cannot be read by dl1-data-handler: {problem}") from error


def _focal_length_choice(subarray):
    """What `read_subarray` chose."""
    from ctapipe.instrument.optics import FocalLengthKind

    lengths = (tel.optics.effective_focal_length.value for tel in subarray.tel.values())
    return (
        FocalLengthKind.EFFECTIVE
        if np.isfinite(list(lengths)).all()
        else FocalLengthKind.EQUIVALENT
    )


def _any_mapper(subarray, path: Path, tel_type: str | None):
    from ctapipe.instrument.camera import PixelShape

    shapes = {
        str(tel): tel.camera.geometry.pix_type
        for tel in subarray.tel.values()
        if tel_type is None or str(tel) == tel_type
    }
    if len(shapes) > 1:
        raise UserError(
            f"{path}: holds several telescope types ({', '.join(shapes)}); "
            "choose one with 'tel_type'."
        )
    if not shapes:
        raise UserError(f"{path}: holds no telescope of type '{tel_type}'.")
    square = PixelShape.SQUARE in shapes.values()
    return [("type", "*", "SquareMapper" if square else "ShiftingMapper")]
