"""Events as a CTLearn model is given them: CTLearn's configuration says how."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from astropy.table import Table

from ..config.base import load_yaml
from ..data.event_reader import EventReader
from ..data.events import label_table
from ..data.inputs import choose_inputs
from ..data.names import reconcile_names
from ..data.reader import named_failure
from ..errors import UserError


def read_config(paths: Sequence[Path]):
    """Merge CTLearn's configuration files into one traitlets ``Config``, as its tools do.

    Raises
    ------
    UserError
        If one is no YAML of sections.
    """
    from traitlets.config import Config

    merged = Config()
    for path in paths:
        content = load_yaml(path)
        for key, value in content.items():
            if key[:1].isupper() and not isinstance(value, dict):
                raise UserError(f"{path}: {key}: must hold 'key: value' lines, or be left out.")
        merged.merge(Config(content))
    return merged


@contextlib.contextmanager
def open_ctlearn_reader(paths: Sequence[str | Path], config) -> Iterator[EventReader]:
    """Open files with the reader that CTLearn's training tool would have; close them afterwards.

    Parameters
    ----------
    paths : sequence of path
        DL1 files and folders of one class.
    config : traitlets.config.Config
        From `read_config`: channels, image mapper, quality criteria.

    Raises
    ------
    UserError
        If files or configuration do not fit, or no event is left.
    """
    from ctlearn.tools.train_model import TrainCTLearnModel
    from traitlets import TraitError

    reconcile_names()
    inputs = choose_inputs(paths)
    with warnings.catch_warnings(), named_failure(inputs):
        warnings.simplefilter("ignore")
        try:
            reader = EventReader(inputs, parent=TrainCTLearnModel(config=config))
        except TraitError as error:
            raise UserError(f"--config: {' '.join(str(error).split())}") from None
    try:
        if reader.mode != "mono":
            raise UserError(f"--config: mode '{reader.mode}' is not supported; set mode: mono.")
        yield reader
    finally:
        for handle in reader.files.values():
            handle.close()


def read_labels(paths: Sequence[str | Path], config) -> Table:
    """Label table of the events that CTLearn would train on."""
    with open_ctlearn_reader(paths, config) as reader:
        return label_table(reader.example_identifiers)
