"""Tables of a study's page."""

import math

from ..pages import table
from .metrics import DOMAINS, FIGURES

_BEYOND = {"least": "at least ", "most": "at most ", "": ""}


def figures(arms: list[dict], trees: dict) -> str:
    """Figures by domain, size and arm, and those of the reference."""
    names = [name for name in FIGURES if name in arms[0]["domains"]["all"]]
    rows = [("", *(FIGURES[name].label for name in names))]
    for size in dict.fromkeys(row["size"] for row in arms):
        group = [row for row in arms if row["size"] == size]
        for domain in DOMAINS:
            n = group[0]["domains"][domain]["n"]["mean"]
            rows.append((f"{size} training events; test events: {domain} ({n:.0f})",))
            for row in group:
                cells = (_with_error(row["domains"][domain][name]) for name in names)
                rows.append((row["arm"], *cells))
            if size in trees:
                rows.append(("trees", *(_number(trees[size][domain][name]) for name in names)))
    return table(rows)


def relative(rows: list[dict]) -> str:
    """Errors relative to those of another arm."""
    if not rows:
        return "<p>There are no two arms to compare yet.</p>"
    names = list(rows[0]["domains"]["all"])
    content = [("", *(FIGURES[name].title for name in names))]
    for row in rows:
        content.append((f"{row['size']} training events: {row['arm']} to {row['to']}",))
        content += [
            (domain, *(_with_error(row["domains"][domain][name]) for name in names))
            for domain in DOMAINS
        ]
    return table(content)


def amplification(rows: list[dict]) -> str:
    """Amplification factors."""
    names = list(dict.fromkeys(row["figure"] for row in rows))
    content = [("", *(FIGURES[name].title for name in names))]
    groups: dict[tuple, dict[str, dict]] = {}
    for row in rows:
        key = row["size"], row["arm"], row["to"]
        groups.setdefault(key, {}).setdefault(row["domain"], {})[row["figure"]] = row
    for (size, arm, to), by_domain in groups.items():
        content.append((f"{size} training events: {arm}, on the learning curve of {to}",))
        for domain, found in by_domain.items():
            cells = (_factor(found[name]) if name in found else "–" for name in names)
            content.append((domain, *cells))
    return table(content)


def trainings(arms: list[dict]) -> str:
    """How long models were trained."""
    head = ("seeds", "simulated events", "epochs", "steps", "minutes", "of processors")
    rows = [("", *head)]
    for row in arms:
        numbers = f"{row['n_seeds']}", f"{row['n_events']}", f"{row['epochs']:.0f}"
        name = f"{row['size']}: {row['arm']}"
        times = (f"{row[key] / 60:.1f}" for key in ("seconds", "processor_seconds"))
        rows.append((name, *numbers, f"{row['steps']:.0f}", *times))
    return table(rows)


def _with_error(value: dict[str, float]) -> str:
    if not math.isfinite(value["mean"]):
        return "–"
    known = math.isfinite(value["error"])
    return _number(value["mean"]) + (f" ± {_number(value['error'])}" if known else "")


def _factor(row: dict) -> str:
    interval = f" ({row['low']:.2f} to {row['high']:.2f})" if math.isfinite(row["low"]) else ""
    return f"{_BEYOND[row['limit']]}{row['factor']:.2f}{interval}"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
