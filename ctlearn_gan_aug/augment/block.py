"""Finding the ``gan_augment:`` block in the configuration CTLearn's tool has loaded."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..config.augment import GanAugmentConfig
from ..config.base import parse
from ..errors import UserError

BLOCK = "gan_augment"


def read_block(config: Mapping, files: Sequence[Path] = ()) -> GanAugmentConfig | None:
    """Validate the block of a loaded configuration.

    Parameters
    ----------
    config : mapping
        Merged content of all configuration files (a traitlets ``Config``); traitlets keeps keys
        in lower case as they are and ignores them.
    files : sequence of Path
        The configuration files, for messages.

    Returns
    -------
    GanAugmentConfig or None
        None when there is no block.

    Raises
    ------
    UserError
        If the block is invalid, or its name looks misspelt.
    """
    source = f"{', '.join(map(str, files)) or 'configuration'}: {BLOCK}"
    if BLOCK not in config:
        _refuse_misspelt(config, source)
        return None
    content = config[BLOCK]
    if not isinstance(content, Mapping):
        raise UserError(f"{source}: must hold at least the keys 'generators' and 'fraction'.")
    return parse(GanAugmentConfig, dict(content), source)


def _refuse_misspelt(config: Mapping, source: str) -> None:
    # CTLearn would train without augmentation and say nothing.
    written = {str(key).lower(): key for key in config}
    near = difflib.get_close_matches(BLOCK, written, 1, cutoff=0.75)
    if near:
        place = source.removesuffix(BLOCK)
        raise UserError(f"{place}unknown key '{written[near[0]]}'; did you mean '{BLOCK}'?")
