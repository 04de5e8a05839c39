"""Finding the configuration files that come with the package."""

import difflib
from pathlib import Path

from ..errors import UserError

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_configs() -> dict[str, Path]:
    """Names of all shipped configurations (file names without ``.yaml``) and where they are."""
    in_wheel = _PACKAGE / "configs"
    in_checkout = _PACKAGE.parent / "configs"
    folder = in_wheel if in_wheel.is_dir() else in_checkout
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def shipped_config(name: str) -> Path:
    """Path of one shipped configuration, e.g. ``demo_gamma``.

    Raises
    ------
    UserError
        If no shipped configuration has this name.
    """
    known = shipped_configs()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}."
        raise UserError(f"no configuration '{name}' is shipped; {hint}")
    return known[name]
