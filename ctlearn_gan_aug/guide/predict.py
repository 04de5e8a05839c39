"""What a CTLearn model makes of simulated events."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np
from astropy.table import Table

from ..data.blocks import Block, read_blocks
from ..data.events import label_table
from ..data.mapper import GridMapper
from ..directions import offset_angle
from ..errors import UserError
from ..memory import images_per_batch
from ..models.ctlearn import by_task

_BATCH = 256


@dataclass(frozen=True)
class Predicted:
    """Events with what a model says of them.

    Attributes
    ----------
    labels : astropy.table.Table (n rows)
        Event label table.
    outputs : dict of str to ndarray (n, k)
        By task, as CTLearn's labels: log10 TeV, m, deg, scores of background and signal.
    charge : ndarray (n,)
        Of the cleaned pixels, p.e.
    n_pixels : int
        Of the camera.
    focal_length : float
        Of the camera frame, m.
    is_signal : bool
        Whether they are of CTLearn's signal class.
    """

    labels: Table
    outputs: dict[str, np.ndarray]
    charge: np.ndarray
    n_pixels: int
    focal_length: float
    is_signal: bool

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index) -> "Predicted":
        """Events at ``index``."""
        outputs = {task: values[index] for task, values in self.outputs.items()}
        return replace(self, labels=self.labels[index], outputs=outputs, charge=self.charge[index])

    @property
    def log_energy(self) -> np.ndarray:
        """True energies (n,), log10 TeV."""
        return log_energies(self.labels)

    @property
    def offset(self) -> np.ndarray:
        """True angles from the telescope axis (n,), deg."""
        return offsets(self.labels, self.focal_length)


def log_energies(labels: Table) -> np.ndarray:
    """True energies (n,) of a label table, log10 TeV."""
    return np.asarray(labels["log_true_energy"], dtype=float)


def offsets(labels: Table, focal_length: float) -> np.ndarray:
    """True angles from the telescope axis (n,) of a label table, deg, as regions have them."""
    xy = (np.asarray(labels[f"cam_coord_offset_{axis}"], dtype=float) for axis in "xy")
    return offset_angle(*xy, focal_length)


def predict(
    model: keras.Model, reader, is_signal: bool, advance: Callable[[int], None]
) -> Predicted:
    """Let a model reconstruct all events of a reader.

    Parameters
    ----------
    model : keras.Model
        CTLearn's.
    reader : DLImageReader
        In mono mode, its files open.
    is_signal : bool
        Class of its files.
    advance : callable
        Called with the number of events just done.

    Raises
    ------
    UserError
        If the model reads other images than the reader gives.
    """
    _check_input(model, reader)
    events = reader.example_identifiers
    outputs, charge = {}, np.empty(len(events))
    for block, found in _blocks(model, reader):
        charge[block.positions] = (block.pixels[..., -1] * block.masks).sum(axis=1)
        for task, values in found.items():
            room = np.empty((len(events), values.shape[1]), np.float32)
            outputs.setdefault(task, room)[block.positions] = values
        advance(len(block.positions))
    geometry = reader.subarray.tel[reader.tel_ids[0]].camera.geometry
    return Predicted(
        label_table(events),
        outputs,
        charge,
        geometry.n_pixels,
        float(geometry.frame.focal_length.to_value("m")),
        is_signal,
    )


def _blocks(model, reader) -> Iterator[tuple[Block, dict[str, np.ndarray]]]:
    """Events with a channel more, their charge, and outputs by task."""
    mapping = reader.image_mappers[reader.cam_name].mapping_table
    as_grid = GridMapper(mapping, *reader.input_shape[:2])
    size = images_per_batch(model, _BATCH)
    for block in read_blocks(reader, reader.example_identifiers, (*reader.channels, "image")):
        found = model.predict(as_grid(block.pixels[..., :-1]), batch_size=size, verbose=0)
        yield block, by_task(found)


def _check_input(model, reader) -> None:
    wanted, given = tuple(model.input_shape[1:]), tuple(reader.input_shape)
    if wanted != given:
        raise UserError(
            f"The model reads images of shape {wanted}, but the files are read as {given} with "
            f"the channels {', '.join(reader.channels)}; name the CTLearn configuration that it "
            "was trained with by --config."
        )
