"""Reports: one HTML page that needs no other file, its figures, its numbers as JSON."""

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .files import atomic_file

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; margin: 0.8em 0 }
td, th { padding: 0.25em 0.7em; text-align: left; vertical-align: top;
         border-bottom: 1px solid #ddd }
th.group { padding-top: 0.9em }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.badge { color: white; border-radius: 4px; padding: 0.1em 0.5em; white-space: nowrap }
img { max-width: 100% } small { color: #555 }
"""


def write_page(target: Path, title: str, parts: Iterable[str]) -> None:
    """Write pieces of HTML as a page, in place of an earlier one."""
    page = f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}"
    page += f"</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    with atomic_file(target, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")


def image(path: Path) -> str:
    """A PNG file, inside of the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<img alt='{escape(path.stem)}' src='data:image/png;base64,{data}'>"


def table(rows: list[tuple]) -> str:
    """A table of texts: the first row is its head, a row of one cell begins a group."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = ""
    for first, *rest in rows[1:]:
        if not rest:
            span = len(rows[0])
            body += f"<tr><th class='group' colspan='{span}'>{escape(first)}</th></tr>"
            continue
        cells = "".join(f"<td class='number'>{escape(cell)}</td>" for cell in rest)
        body += f"<tr><td>{escape(first)}</td>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def figure_of(rows: int, columns: int, width: float = 3.6, height: float = 2.8):
    """A figure of its own, with its axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure, target: Path) -> None:
    """Write a figure as PNG."""
    with atomic_file(target, overwrite=True) as part:
        figure.savefig(part, format="png", dpi=90)


def plain(value: Any) -> Any:
    """Values JSON knows: floats of six digits, None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
