"""The map as a picture: training events and errors over energy and offset, regions framed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import atomic_file
from .block import Need
from .survey import Survey

_EVENTS, _ERRORS = "Blues", "RdBu_r"
_REGION = "black"
#: Factor to the trend at which colours end.
_MOST = 3.0


def draw_surveys(target: Path, surveys: Sequence[Survey], regions: Sequence[Need]) -> None:
    """Draw every class in a row: training events, then the errors of each task.

    Errors are coloured by their ratio to the trend; proposed regions are framed.

    Parameters
    ----------
    target : Path
        PNG file.
    surveys : sequence of Survey
        Classes, at least one.
    regions : sequence of Need
        Proposed regions.
    """
    from matplotlib.figure import Figure

    n_columns = 1 + len(surveys[0].excesses)
    figure = Figure(figsize=(5.2 * n_columns, 4.2 * len(surveys)), layout="constrained")
    axes = figure.subplots(len(surveys), n_columns, squeeze=False)
    for row, found in zip(axes, surveys, strict=True):
        _draw_events(figure, row[0], found)
        for axis, excess in zip(row[1:], found.excesses, strict=True):
            _draw_errors(figure, axis, found, excess)
        for axis in row:
            own = [need for need in regions if need.particle == found.particle]
            _finish(axis, found, own)
    with atomic_file(target, overwrite=True) as part:
        figure.savefig(part, format="png", dpi=90)


def _draw_events(figure, axis, found: Survey) -> None:
    from matplotlib.colors import LogNorm

    filling = found.filling
    norm = LogNorm(1, max(2, filling.training.max()))
    mesh = _mesh(axis, found, np.maximum(filling.training, 1), _EVENTS, norm)
    for cell in found.grid:
        dark = norm(max(filling.training[cell], 1)) > 0.6
        text = f"{filling.training[cell]}\nof {filling.target[cell]:.0f}"
        _write(axis, found, cell, text, "white" if dark else "black")
    axis.set_title(f"{found.particle}: training events, of those wanted")
    figure.colorbar(mesh, ax=axis)


def _draw_errors(figure, axis, found: Survey, excess) -> None:
    from matplotlib.colors import LogNorm

    ratio = np.clip(excess.ratio, 1 / _MOST, _MOST)
    norm = LogNorm(1 / _MOST, _MOST)
    mesh = _mesh(axis, found, ratio, _ERRORS, norm)
    for cell in found.grid:
        if np.isfinite(excess.errors.mean[cell]):
            text = f"{excess.errors.mean[cell]:.2g}\n±{excess.errors.sem[cell]:.1g}"
            extreme = np.isfinite(ratio[cell]) and abs(np.log(ratio[cell])) > 0.75 * np.log(_MOST)
            _write(axis, found, cell, text, "white" if extreme else "black")
    unit = excess.errors.unit and f" [{excess.errors.unit}]"
    axis.set_title(f"{found.particle}: {excess.errors.task} error{unit}")
    ticks = (1 / 3, 1 / 2, 1, 2, 3)
    bar = figure.colorbar(mesh, ax=axis, ticks=ticks, format="{x:.2g}", label="times the trend")
    bar.minorticks_off()


def _mesh(axis, found: Survey, values, colours: str, norm):
    """Coloured cells; unknown ones are grey."""
    axis.set_facecolor("0.8")
    grid = found.grid
    return axis.pcolormesh(
        grid.energy_edges,
        grid.offset_edges,
        np.ma.masked_invalid(values.T),
        cmap=colours,
        norm=norm,
        edgecolors="0.6",
        linewidth=0.3,
    )


def _write(axis, found: Survey, cell, text: str, colour: str) -> None:
    row, column = cell
    grid = found.grid
    x, y = grid.energy_edges[row : row + 2].mean(), grid.offset_edges[column : column + 2].mean()
    axis.text(x, y, text, ha="center", va="center", fontsize=5.5, color=colour)


def _finish(axis, found: Survey, regions: Sequence[Need]) -> None:
    """Axes, and a frame around every proposed region."""
    from matplotlib.patches import Rectangle

    for need in regions:
        (low, high), (inner, outer) = need.log_energy, need.offset
        frame = Rectangle((low, inner), high - low, outer - inner, fill=False, linewidth=2.5)
        frame.set(edgecolor=_REGION, clip_on=False)
        axis.add_patch(frame)
    axis.set_xlabel("true log10(E / TeV)")
    axis.set_ylabel("offset [deg]")
