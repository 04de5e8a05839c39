"""The verdicts on a terminal."""

from collections.abc import Sequence

import numpy as np

from .advice import Kind
from .survey import Survey
from .trend import Excess

_STYLES = {Kind.AUGMENT: "bold green", Kind.GENERATOR: "yellow"}
_SHORT = {"cameradirection": "direction", "skydirection": "sky"}


def print_surveys(surveys: Sequence[Survey]) -> None:
    """Print every cell with its events and errors, then the reasons where events are few."""
    from rich.console import Console

    console = Console()
    for found in surveys:
        console.print(_table(found))
        for cell in found.grid:
            verdict = found.verdicts[cell]
            if found.filling.few[cell]:
                text = f"{found.grid.describe(*cell)}: {verdict.reason}."
                console.print(text, style=_STYLES.get(verdict.kind), markup=False, highlight=False)


def _table(found: Survey):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    columns = ("E [TeV]", "offset [deg]", "training", "test", *map(_heading, found.excesses), "")
    title = f"{found.particle}: training events of those wanted, errors and times the trend"
    table = Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for cell in found.grid:
        kind = found.verdicts[cell].kind
        energy, offset = found.grid.limits(*cell)
        table.add_row(
            "{:.3g}-{:.3g}".format(*energy),
            "{:.3g}-{:.3g}".format(*offset),
            f"{found.filling.training[cell]}/{found.filling.target[cell]:.0f}",
            str(found.filling.test[cell]),
            *(_error(excess, cell) for excess in found.excesses),
            str(kind),
            style=_STYLES.get(kind),
        )
    return table


def _heading(excess: Excess) -> str:
    task, unit = excess.errors.task, excess.errors.unit
    return f"{_SHORT.get(task, task)}{unit and f' [{unit}]'}"


def _error(excess: Excess, cell: tuple[int, int]) -> str:
    """Measured error, and its ratio to the trend."""
    mean, ratio = excess.errors.mean[cell], excess.ratio[cell]
    if not np.isfinite(mean):
        return "–"
    return f"{mean:.2g} x{ratio:.2f}" if np.isfinite(ratio) else f"{mean:.2g}"
