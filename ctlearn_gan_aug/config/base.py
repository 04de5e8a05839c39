"""Reading YAML into pydantic models, with errors in one sentence."""

import difflib
import reprlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError
from .plain_yaml import read_yaml, write_yaml

_SHORT = reprlib.Repr(maxstring=80, maxother=80)


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are fixed, numbers finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


def load_yaml(path: str | Path) -> dict:
    """Read one YAML mapping, as strictly as `read_yaml`.

    Raises
    ------
    UserError
        If the file is missing, unreadable, not YAML, or not a mapping with names as keys.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a YAML file.")
    try:
        with path.open("rb") as stream:
            content = read_yaml(stream, str(path))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    if content is None:
        raise UserError(f"{path}: is empty; it must hold 'key: value' lines.")
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold 'key: value' lines, got {type(content).__name__}.")
    for key in content:
        if not isinstance(key, str):
            raise UserError(f"{path}: key {key!r} is no name; put it in quotes if it is meant so.")
    return content


def dump_yaml(section: Section) -> str:
    """A section as YAML that reads back to an equal one."""
    return write_yaml(section.model_dump(mode="json"))


def parse[Model: BaseModel](
    model: type[Model], content: dict, source: str | Path = "configuration"
) -> Model:
    """Validate ``content`` as ``model``; the first problem becomes one sentence."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        sentence = " ".join(_sentence(model, content, error).split())
        raise UserError(f"{source}: {sentence}") from None
    except TypeError as error:  # older pydantic's, of lists in the place of a choice
        raise UserError(f"{source}: a value is of the wrong kind ({error}).") from None


def _sentence(model: type[BaseModel], content: dict, error: ValidationError) -> str:
    problems = error.errors()
    # An unknown key explains the "missing" key it was meant to be.
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = ".".join(_keys(content, first["loc"])) or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'; {_nearest(model, first['loc'])}"
    if first["type"] == "missing":
        above = _keys(content, first["loc"][:-1])
        return f"key '{'.'.join([*above, str(first['loc'][-1])])}' is missing."
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Exception):
        return f"{key}: {cause}"
    if first["type"] in ("model_type", "dict_type"):
        wanted = "must hold 'key: value' lines"
    else:
        wanted = first["msg"].replace("Input should", "should").rstrip(".")
    return f"{key}: {wanted} (got {_SHORT.repr(first['input'])}){_hint(first)}."


def _hint(problem: dict) -> str:
    given = problem["input"]
    if problem["type"] == "string_type" and isinstance(given, bool | int | float):
        return "; put it in quotes if text is meant"
    if isinstance(given, bool):
        return "; YAML takes yes, no, on and off for true and false"
    if problem["type"] in ("int_type", "float_type") and isinstance(given, str):
        return "; numbers have no quotes and no unit"
    return ""


def _keys(content, location: tuple) -> list[str]:
    """The parts of pydantic's location that are in the content; others name types it has tried."""
    found = []
    for part in location:
        is_key = isinstance(content, dict) and part in content
        if is_key or (isinstance(content, list | tuple) and part in range(len(content))):
            content = content[part]
            found.append(str(part))
    return found


def _nearest(model: type[BaseModel], location: tuple) -> str:
    valid = _fields_at(model, location[:-1])
    near = difflib.get_close_matches(str(location[-1]), valid, 1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"valid keys are {', '.join(sorted(valid))}."


def _fields_at(model: type[BaseModel], location: tuple) -> list[str]:
    """Field names of the section at ``location``, walking through lists and unions."""
    candidates = [model]
    for part in location:
        inner = []
        for candidate in candidates:
            if part in candidate.model_fields:
                inner += _models_in(candidate.model_fields[part].annotation)
        candidates = inner or candidates
    return [name for candidate in candidates for name in candidate.model_fields]


def _models_in(annotation) -> list[type[BaseModel]]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models_in(part)]
