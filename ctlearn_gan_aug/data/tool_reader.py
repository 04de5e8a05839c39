"""CTLearn's training tool on a reader of ours."""

import contextlib
from collections.abc import Iterator

import numpy as np
from ctlearn.tools import train_model
from dl1_data_handler.reader import get_unmapped_image

from ..dl1.columns import decoder
from ..errors import UserError
from .blocks import COLUMN_UNITS, image_table, read_blocks
from .channels import stored_columns
from .event_reader import EventReader
from .inputs import InputFiles
from .reader import named_failure

_IMAGE_READER = "DLImageReader"


@contextlib.contextmanager
def reading(inputs: InputFiles | None) -> Iterator[None]:
    """Let CTLearn's tool set up an `EventReader` on checked files.

    Nothing changes for readers of another kind, for which ``inputs`` is None.
    """
    stock = train_model.DLDataReader

    class Readers:
        """Answers in the place of dl1-data-handler's registry of readers."""

        @staticmethod
        def from_name(name: str, parent, **files):
            if inputs is None or name != _IMAGE_READER:
                return stock.from_name(name, parent=parent, **files)
            with named_failure(inputs):
                return EventReader(inputs, parent=parent)

    train_model.DLDataReader = Readers
    try:
        yield
    finally:
        train_model.DLDataReader = stock


def check_own_reading(reader) -> None:
    """Refuse files of which CTLearn's own loader would get charges, times or events wrong.

    dl1-data-handler takes scales of fixed-point columns from the first file, by their place, and
    the row of an image from another table. All images are read once to see whether that holds.

    Raises
    ------
    UserError
        With the file and what is wrong with it.
    """
    columns = [name for name in stored_columns(reader.channels) if name != "image_mask"]
    for name in columns:
        _check_transform(reader, name)
    for _ in read_blocks(reader, reader.example_identifiers, columns, in_order=True):
        pass


def _check_transform(reader, name: str) -> None:
    """Compare what dl1-data-handler and ctapipe make of some stored values."""
    pairs = np.unique([reader.example_identifiers[n] for n in ("file_index", "tel_id")], axis=1).T
    for file_index, tel_id in pairs:
        table = image_table(reader, file_index, tel_id)
        stored = np.array([1.0, 10.0, 1000.0])
        # It asks for the image and its mask, whatever the channel.
        row = {"image": stored, "image_mask": np.ones(3, bool), name: stored}
        theirs = get_unmapped_image(row, [name], reader.transforms)[:, 0]
        if not np.allclose(theirs, decoder(table, name, COLUMN_UNITS[name])(stored), rtol=1e-5):
            raise UserError(
                f"{table._v_file.filename}: CTLearn's own loader would read wrong values of "
                f"'{name}' (fixed-point numbers of another scale or offset, or in another place, "
                "than it expects); write the files alike, or let train-model use --reader store."
            )
