"""Finding the ``gan_augment:`` block in the configuration CTLearn's tool has loaded."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..config.augment import GanAugmentConfig
from ..config.base import load_yaml, parse
from ..errors import UserError

BLOCK = "gan_augment"


def read_yaml_file(path: Path) -> dict:
    """Content of a CTLearn configuration in YAML, which ctapipe would read less strictly.

    Raises
    ------
    UserError
        If it is no configuration: see `load_yaml`; or a section of CTLearn holds no keys.
    """
    content = load_yaml(path)
    for key, value in content.items():
        if key[:1].isupper() and not isinstance(value, dict):
            raise UserError(f"{path}: {key}: must hold 'key: value' lines, or be left out.")
    return content


def check_json_file(path: Path) -> None:
    """Refuse a configuration in JSON that gives a key twice; traitlets would drop the first."""

    def once(pairs):
        for key in (keys := [key for key, _ in pairs]):
            if keys.count(key) > 1:
                raise UserError(f"{path}: key '{key}' is given twice; keep one of them.")

    json.loads(path.read_text(), object_pairs_hook=once)


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
        If the block is invalid, stands inside of a section, or its name looks misspelt.
    """
    place = ", ".join(map(str, files)) or "configuration"
    _refuse_misspelt(config, place)
    _refuse_nested(config, place)
    if BLOCK not in config:
        return None
    source, content = f"{place}: {BLOCK}", config[BLOCK]
    if not isinstance(content, Mapping):
        raise UserError(f"{source}: must hold at least the keys 'generators' and 'fraction'.")
    return parse(GanAugmentConfig, dict(content), source)


# CTLearn would train without augmentation and say nothing.


def _refuse_misspelt(config: Mapping, place: str) -> None:
    for key in config:
        if key != BLOCK and _looks_like_it(key):
            raise UserError(f"{place}: unknown key '{key}'; did you mean '{BLOCK}'?")


def _looks_like_it(key) -> bool:
    # Sections begin with a capital: one of CTLearn may be about augmentation, too.
    name = str(key)
    return bool(
        difflib.get_close_matches(BLOCK, [name.lower()], cutoff=0.75)
        or (name.islower() and ("augment" in name or name == "gan"))
    )


def _refuse_nested(config: Mapping, place: str) -> None:
    for section, value in config.items():
        if section == BLOCK:
            continue
        for keys in _paths(value):
            if keys[-1] == BLOCK or _looks_like_it(keys[-1]):
                raise UserError(
                    f"{place}: '{keys[-1]}' stands inside of {'.'.join([section, *keys[:-1]])}, "
                    f"where CTLearn ignores it; {BLOCK} belongs at the top level, not indented."
                )


def _paths(value) -> Iterator[tuple[str, ...]]:
    """Paths to all keys below a value."""
    items = value.items() if isinstance(value, Mapping) else ()
    if isinstance(value, list | tuple):
        items = enumerate(value)
    for key, inner in items:
        if isinstance(key, str):
            yield (key,)
        yield from ((str(key), *path) for path in _paths(inner))
