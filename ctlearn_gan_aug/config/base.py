"""Reading YAML into pydantic models, with errors in one sentence."""

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError


class Section(BaseModel):
    """Base of all configuration sections: unknown keys are errors, values are fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def load_yaml(path: str | Path) -> dict:
    """Read one YAML mapping.

    Raises
    ------
    UserError
        If the file is missing, unreadable, not YAML, or not a mapping.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a YAML file.")
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}).") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise UserError(f"{path}: is not valid YAML ({problem}).") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold 'key: value' lines, got {type(content).__name__}.")
    return content


def parse[Model: BaseModel](
    model: type[Model], content: dict, source: str | Path = "configuration"
) -> Model:
    """Validate ``content`` as ``model``; the first problem becomes one sentence."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{source}: {_sentence(model, error)}") from None


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    problems = error.errors()
    # An unknown key explains the "missing" key it was meant to be.
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'; {_nearest(model, first['loc'])}"
    if first["type"] == "missing":
        return f"key '{key}' is missing."
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Exception):
        return f"{key}: {cause}"
    return f"{key}: {message} (got {first['input']!r})."


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
