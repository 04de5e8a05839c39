"""CTLearn's configuration files, and the labels of events that it would train on."""

from collections.abc import Sequence
from pathlib import Path

from astropy.table import Table

from ..config.base import load_yaml
from ..data.ctlearn_reader import open_ctlearn_reader
from ..data.events import label_table
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


def read_labels(paths: Sequence[str | Path], config) -> Table:
    """Label table of the events that CTLearn would train on."""
    with open_ctlearn_reader(paths, config) as reader:
        return label_table(reader.example_identifiers)
