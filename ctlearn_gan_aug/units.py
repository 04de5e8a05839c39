"""Quantities as users write them ("3 TeV"), as floats in a documented unit."""

import difflib
import math
import re
from collections.abc import Sequence

from .errors import UserError

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")
_SUGGESTED = ("GeV", "TeV", "PeV", "eV", "deg", "arcmin", "arcsec", "rad", "m", "cm", "mm", "km")
_SUGGESTED += ("s", "min", "h", "g / cm2")
_SINGULAR = {f"{name}s": name for name in ("second", "minute", "hour", "day", "degree")}
_SINGULAR |= {"sec": "s", "secs": "s", "mins": "min", "hrs": "h"}


def quantity(text, unit: str) -> float:
    """Parse ``text`` such as ``"3 TeV"`` into a float in ``unit``.

    Raises
    ------
    UserError
        If it is no number with a unit, the unit is unknown or of another physical type, or the
        value is not finite.
    """
    import astropy.units as u

    match = _QUANTITY.fullmatch(str(text))
    example = f"write for example '3 {unit}'"
    if match is None or isinstance(text, bool):
        raise UserError(f"'{text}' is not a quantity: {example}.")
    value, name = float(match[1]), match[2]
    if not name:
        raise UserError(f"'{text}' has no unit: {example}.")
    try:
        value = (value * _unit(name)).to_value(unit)
    except u.UnitConversionError:
        raise UserError(f"'{text}' cannot be converted to {unit}: {example}.") from None
    except ValueError:
        near = difflib.get_close_matches(name.lower(), [s.lower() for s in _SUGGESTED], 1)
        mean = next((s for s in _SUGGESTED if near and s.lower() == near[0]), None)
        tip = f"did you mean '{match[1]} {mean}'?" if mean else f"{example}."
        raise UserError(f"'{text}' has the unknown unit '{name}': {tip}") from None
    if not math.isfinite(value):
        raise UserError(f"'{text}' is not a finite quantity: {example}.")
    return value


def _unit(name: str):
    """astropy's unit; names of times and angles may be plural, which astropy does not know."""
    import astropy.units as u

    found = u.Unit(_SINGULAR.get(name.lower(), name))
    if found.scale != 1:  # "3 30 TeV" is no 90 TeV
        raise ValueError(name)
    return found


def interval(pair: Sequence, unit: str) -> tuple[float, float]:
    """Parse a pair such as ``["3 TeV", "30 TeV"]`` into increasing floats in ``unit``."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise UserError(f"{pair!r} is not a range: write two quantities, low and high.")
    low, high = (quantity(value, unit) for value in pair)
    if not low < high:
        raise UserError(f"[{pair[0]}, {pair[1]}] is a reversed or empty range: low must be < high.")
    return low, high
