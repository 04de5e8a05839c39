"""Figures of a study's page."""

from pathlib import Path

import numpy as np

from ..config.study import Arm
from ..pages import figure_of, save
from .metrics import DOMAINS, FIGURES

_COLOURS = dict(
    zip(Arm.__args__, ("0.35", "tab:blue", "tab:green", "tab:orange", "tab:red"), strict=True)
)
#: Of the reference.
_TREES = {"color": "0.6", "ls": ":", "lw": 1.2}


def draw_by_energy(target: Path, rows: list[dict]) -> None:
    """Figures against true energy: a row of panels per size, a line per arm.

    Parameters
    ----------
    target : Path
        PNG file.
    rows : list of dict
        As from `summary.summarise`, of at least two arms or one.
    """
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    names = [
        name for name in FIGURES if name in rows[0]["domains"]["all"] and name != "auc_missing"
    ]
    figure, axes = figure_of(len(sizes), len(names), width=3.0, height=2.6)
    for size, panels in zip(sizes, axes, strict=True):
        for name, axis in zip(names, panels, strict=True):
            for row in rows:
                if row["size"] == size:
                    _line(axis, row, name)
            axis.set(xscale="log", xlabel="true energy [TeV]", ylabel=FIGURES[name].label)
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("")
            if FIGURES[name].is_error:
                axis.set_ylim(0, 1.1 * axis.dataLim.y1)
        panels[0].set_title(f"{size} events", fontsize=9)
    axes[0, 0].legend(fontsize=7)
    save(figure, target)


def draw_learning_curves(target: Path, rows: list[dict], trees: dict) -> None:
    """Errors against the number of simulated events: a row of panels per domain.

    Parameters
    ----------
    target : Path
        PNG file.
    rows : list of dict
        As from `summary.summarise`.
    trees : dict
        As from `results.reference`.
    """
    known = rows[0]["domains"]["all"]
    names = [name for name, figure in FIGURES.items() if figure.is_error and name in known]
    sizes = sorted({row["n_events"] for row in rows})
    figure, axes = figure_of(len(DOMAINS), len(names), width=3.0, height=2.6)
    for domain, panels in zip(DOMAINS, axes, strict=True):
        for name, axis in zip(names, panels, strict=True):
            for arm in dict.fromkeys(row["arm"] for row in rows):
                _curve(axis, [row for row in rows if row["arm"] == arm], domain, name)
            points = {row["n_events"]: trees[row["size"]] for row in rows if row["size"] in trees}
            values = [reference[domain][name] for reference in points.values()]
            axis.plot(list(points), values, label="trees", **_TREES)
            axis.set(xscale="log", yscale="log", xlabel="simulated events")
            axis.set_ylabel(FIGURES[name].label)
            axis.set_xticks(sizes, map(str, sizes), fontsize=7)
            axis.xaxis.set_minor_formatter("")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("{x:g}")
            axis.tick_params(axis="y", which="both", labelsize=7)
        panels[0].set_title(f"{domain} events", fontsize=9)
    axes[0, 0].legend(fontsize=7)
    save(figure, target)


def _line(axis, row: dict, name: str) -> None:
    bins = row["bins"]
    centre = [np.sqrt(one["low"] * one["high"]) for one in bins]
    _points(axis, row["arm"], centre, [one[name] for one in bins])


def _curve(axis, rows: list[dict], domain: str, name: str) -> None:
    values = [row["domains"][domain][name] for row in rows]
    _points(axis, rows[0]["arm"], [row["n_events"] for row in rows], values)


def _points(axis, arm: str, x: list[float], values: list[dict]) -> None:
    """Means with their errors over seeds."""
    error = np.nan_to_num([value["error"] for value in values])
    style = {"fmt": "o-", "ms": 3, "lw": 1, "color": _COLOURS[arm], "label": arm}
    axis.errorbar(x, [value["mean"] for value in values], error, **style)
