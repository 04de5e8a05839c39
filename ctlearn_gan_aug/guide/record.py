"""What was found, as plain values, as YAML with its reasons, and as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .. import __version__
from .block import Need, make_block
from .cells import MIN_TEST
from .filling import FEW, FLOOR
from .survey import Survey
from .trend import LEAST_EXCESS, SIGNIFICANCE

FORMAT_VERSION = 1
#: Path of a bundle that was not given, for the user to fill in.
_PLACEHOLDER = "path/to/the/{}/bundle"


def record(model: Path, surveys: Sequence[Survey], regions: Sequence[Need]) -> dict:
    """Content of regions.json."""
    return _plain(
        {
            "format_version": FORMAT_VERSION,
            "model": str(model),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "software": __version__,
            "limits": {
                "test_events": MIN_TEST,
                "few": FEW,
                "floor": FLOOR,
                "sigma": SIGNIFICANCE,
                "factor": LEAST_EXCESS,
            },
            "classes": [_class(found) for found in surveys],
            "regions": [_region(need) for need in regions],
        }
    )


def block_text(surveys: Sequence[Survey], regions: Sequence[Need]) -> str:
    """Content of gan_augment.yaml: the block, and the reason for every cell as a comment."""
    lines = [f"# ctlearn-gan regions {__version__}: where more events would help this model."]
    if regions:
        lines.append("# Give it to ctlearn-gan train-model by one --config more.")
    else:
        lines.append("# There is no cell to augment, hence no block.")
    generators = {
        found.particle: str(found.generator.bundle.path)
        if found.generator
        else _PLACEHOLDER.format(found.particle)
        for found in surveys
    }
    for found in surveys:
        lines += ["#", *(f"# {line}" for line in _reasons(found))]
    if not regions:
        return "\n".join(lines) + "\n"
    n_training = int(sum(found.filling.training.sum() for found in surveys))
    return "\n".join([*lines, "", make_block(generators, regions, n_training)])


def _reasons(found: Survey) -> list[str]:
    """One line per cell, those to augment first."""
    order = sorted(found.grid, key=lambda cell: not found.verdicts[cell].taken)
    return [
        f"{'taken' if found.verdicts[cell].taken else 'left '} {found.particle}, "
        f"{found.grid.describe(*cell)}: {found.verdicts[cell].reason}."
        for cell in order
    ]


def _class(found: Survey) -> dict:
    tasks = {
        x.errors.task: {"unit": x.errors.unit, "mean": mean, "blind": blind}
        for x, mean, blind in zip(found.excesses, found.mean, found.blind, strict=True)
    }
    generator, evaluation = None, None
    if found.generator is not None:
        generator = str(found.generator.bundle.path)
        evaluation = found.generator.fidelity and str(found.generator.fidelity.path)
    return {
        "particle": found.particle,
        "n_training": found.filling.training.sum(),
        "n_test": found.filling.test.sum(),
        "generator": generator,
        "evaluation": evaluation,
        "tasks": tasks,
        "not_learnt": found.unlearnt,
        "cells": [_cell(found, cell) for cell in found.grid],
    }


def _cell(found: Survey, cell: tuple[int, int]) -> dict:
    row, column = cell
    filling, verdict = found.filling, found.verdicts[cell]
    errors = {
        x.errors.task: {
            "mean": x.errors.mean[cell],
            "sem": x.errors.sem[cell],
            "expected": x.expected[cell],
            "factor": x.factor[cell],
            "sigma": x.sigma[cell],
        }
        for x in found.excesses
    }
    return {
        "log_energy": found.grid.energy_edges[row : row + 2],
        "offset": found.grid.offset_edges[column : column + 2],
        "training": filling.training[cell],
        "target": filling.target[cell],
        "hole": filling.hole[cell],
        "thin": filling.thin[cell],
        "test": filling.test[cell],
        "errors": errors,
        "benchmarks": {name: values[cell] for name, values in found.benchmarks.items()},
        "verdict": str(verdict.kind),
        "reason": verdict.reason,
    }


def _region(need: Need) -> dict:
    return {
        "particle": need.particle,
        "log_energy": need.log_energy,
        "offset": need.offset,
        "missing": need.missing,
    }


def _plain(value):
    """Values JSON knows: floats of six digits, None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
