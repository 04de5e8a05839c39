"""Kinds of values in configurations: of one type, finite, within what the code can take."""

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, Strict

from ..errors import UserError
from ..units import interval, quantity

#: Largest seed that NumPy's and Keras' global generators take.
MAX_SEED = 2**32 - 1
#: TensorFlow counts steps in 32 bits.
_MAX_COUNT = 2**31 - 1
#: Bytes of a file's name.
_MAX_NAME = 255
_PARTICLE = re.compile(r"[A-Za-z0-9][\w+-]{0,63}", re.ASCII)


def _sentence_kept(check: Callable) -> Callable:
    """The check with its `UserError` as pydantic wants it, a ValueError."""

    def checked(value):
        try:
            return check(value)
        except UserError as error:
            raise ValueError(str(error)) from None

    return checked


def _location(value):
    if not isinstance(value, str | Path):
        raise ValueError(f"must be a path, not {value!r}.")
    if not str(value).strip():
        raise ValueError("is an empty path; name a file or folder, or leave the key out.")
    path = Path(value)
    if any(len(os.fsencode(part)) > _MAX_NAME for part in path.parts):
        raise ValueError(f"is no path: names of files have at most {_MAX_NAME} bytes.")
    return path


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write what is meant, or leave the key out.")
    return value


def _particle(value: str) -> str:
    if not _PARTICLE.fullmatch(value):
        raise ValueError(
            f"'{value[:80]}' cannot name a particle: write letters, digits, _, - and +, as in "
            "gamma or gamma_low."
        )
    return value


def _expression(value: str) -> str:
    try:
        ast.parse(value.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"'{value[:80]}' is no expression; write for example hillas_intensity > 50."
        ) from None
    return value


@_sentence_kept
def _seconds(value):
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value!r} has no unit: write for example '{value!r} s' or '60 min'.")
    return quantity(value, "s")


def _labels(names: list[str]) -> list[str]:
    from ..labels import check_names

    check_names(names)
    return names


def _range(unit: str, low: float, high: float):
    """Range of a quantity in ``unit``, given as two quantities, or as a tuple by other code."""

    @_sentence_kept
    def check(value):
        is_ours = isinstance(value, tuple) and all(isinstance(v, float) for v in value)
        found = value if is_ours else interval(value, unit)
        if not low <= found[0] < found[1] <= high:
            raise ValueError(
                f"[{value[0]}, {value[1]}] is no range between {low:g} {unit} and {high:g} {unit}."
            )
        return found

    def write(value):
        return [f"{limit!r} {unit}" for limit in value]

    serializer = PlainSerializer(write, when_used="json-unless-none")
    return Annotated[tuple[float, float], BeforeValidator(check), serializer]


Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
#: Larger ones overflow float32 together with what they multiply.
Weight = Annotated[Number, Field(ge=0, le=1e9)]
#: Adam's learning rate.
Rate = Annotated[Number, Field(gt=0, le=1)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
#: A fraction that leaves something.
Part = Annotated[Number, Field(ge=0, lt=1)]
Count = Annotated[int, Strict(), Field(ge=0, le=_MAX_COUNT)]
Positive = Annotated[int, Strict(), Field(gt=0, le=_MAX_COUNT)]
Seed = Annotated[int, Strict(), Field(ge=0, le=MAX_SEED)]
#: A time; it is written with its unit, and 30 years are enough.
Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(gt=0, le=1e9),
    PlainSerializer(lambda value: f"{value!r} s", when_used="json-unless-none"),
]
#: From an MeV to the highest energies ever seen; a training domain is far narrower.
EnergyRange = _range("TeV", 1e-6, 1e9)
OffsetRange = _range("deg", 0.0, 89.0)
AngleRange = _range("deg", -180.0, 180.0)
LengthRange = _range("m", -1e3, 1e3)
Text = Annotated[str, AfterValidator(_text)]
Expression = Annotated[Text, AfterValidator(_expression)]
Location = Annotated[Path, BeforeValidator(_location)]
Particle = Annotated[str, AfterValidator(_particle)]
Labels = Annotated[list[str], AfterValidator(_sentence_kept(_labels))]
