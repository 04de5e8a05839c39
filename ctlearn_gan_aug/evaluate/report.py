"""The report: one HTML page that needs no other file."""

import base64
from html import escape
from pathlib import Path

from ..files import atomic_file
from . import report_tables as tables

_COLOURS = {"good": "#2e7d32", "fair": "#b26a00", "poor": "#b71c1c", "open": "#616161"}
_WORDS = {"good": "as simulation", "fair": "close", "poor": "off", "open": "no answer"}
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
_WORTH_SAYING = 0.01  # share of events
_SAMPLE_TEXT = (
    "Every number stands beside <i>sim-sim</i>, its value between two simulated samples of the "
    "same size: what lies there cannot be told from simulation."
)
_COMPARED = {
    "requested": "{n} generated images beside {n} simulated ones of the same labels",
    "paired": "{n} images of a file beside the simulated images of the same events",
    "matched": "{n} images of a file beside {n} simulated ones of similar energy and offset",
}


def write_report(target: Path, metrics: dict, figures: dict[str, Path]) -> None:
    """Write the page.

    Parameters
    ----------
    target : Path
        HTML file.
    metrics : dict
        Content of metrics.json.
    figures : dict of str to Path
        PNG files: ``pairs``, ``labels``, ``parameters``, ``joint``.
    """
    parts = [
        _head(metrics),
        _verdict_table(metrics["verdicts"]),
        "<h2>Simulated and generated images</h2>",
        _image(figures["pairs"]),
        "<h2>Labels</h2>",
        tables.labels(metrics),
        _image(figures["labels"]),
        "<h2>Image parameters</h2>",
        _image(figures["parameters"]),
        tables.images(metrics),
        _image(figures["joint"]),
        "<h2>Label domain</h2>",
        tables.domain(metrics["domain"]),
    ]
    if metrics["cost"] is not None:
        parts += ["<h2>Speed</h2>", tables.cost(metrics["cost"])]
    parts.append(_foot(metrics))
    page = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Evaluation</title>"
    page += f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    with atomic_file(target, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")


def _head(metrics: dict) -> str:
    bundle, test = metrics["bundle"], metrics["test"]
    compared = _COMPARED[test["comparison"]].format(n=test["n_judged"])
    text = (
        f"{compared}, camera {escape(str(bundle['camera']))}. Judges are CTLearn networks trained "
        f"on {test['n_training']} other held-out simulated images, which the generator never saw. "
    )
    if test["outside_domain"] is not None and test["outside_domain"] > _WORTH_SAYING:
        text += f"{test['outside_domain']:.1%} of the labels lie outside the training domain. "
    if test["n_images"] is not None and test["n_judged"] < test["n_images"]:
        text += f"The files hold {test['n_images']} images; the others have no counterpart. "
    name = f"{escape(bundle['particle'])} generator {escape(bundle['bundle_id'])}"
    if test["comparison"] != "requested":
        name = f"{escape(bundle['particle'])} images in {escape(Path(bundle['path']).name)}"
    return f"<h1>Evaluation of the {name}</h1><p>{text}{_SAMPLE_TEXT}</p>"


def _verdict_table(verdicts: list[dict]) -> str:
    rows = []
    for verdict in verdicts:
        colour, word = _COLOURS[verdict["grade"]], _WORDS[verdict["grade"]]
        badge = f"<span class='badge' style='background:{colour}'>{word}</span>"
        question = f"<b>{escape(verdict['question'])}</b>"
        rows.append(f"<tr><td>{badge}</td><td>{question}<br>{escape(verdict['reason'])}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _foot(metrics: dict) -> str:
    files = ", ".join(escape(name) for name in metrics["test"]["files"])
    return (
        f"<p><small>Test files: {files}. Seed {metrics['seed']}, "
        f"{metrics['duration_s']:.0f} s{', quick' if metrics['quick'] else ''}. W1: Wasserstein-1 "
        "distance in standard deviations of the simulated values. AUC: 0.5 cannot be told apart, "
        "1 always. FPD, KPD: Frechet and kernel physics distance of all parameters together, "
        "arXiv 2211.10295. Coverage, density, precision, recall: arXiv 2002.09797. All numbers, "
        "also by energy: metrics.json; what they mean: docs/evaluation.md.</small></p>"
    )


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<img alt='{escape(path.stem)}' src='data:image/png;base64,{data}'>"
