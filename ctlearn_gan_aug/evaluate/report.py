"""The report: one HTML page that needs no other file."""

import base64
import math
from html import escape
from pathlib import Path

from ..files import atomic_file
from .observables import title

_COLOURS = {"good": "#2e7d32", "fair": "#b26a00", "poor": "#b71c1c", "open": "#616161"}
_WORDS = {"good": "as simulation", "fair": "close", "poor": "off", "open": "no answer"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; margin: 0.8em 0 }
td, th { padding: 0.25em 0.7em; text-align: left; vertical-align: top;
         border-bottom: 1px solid #ddd }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.badge { color: white; border-radius: 4px; padding: 0.1em 0.5em; white-space: nowrap }
img { max-width: 100% } small { color: #555 }
"""
_N_FURTHEST = 5
_WORTH_SAYING = 0.01  # share of events
_SAMPLE_TEXT = (
    "Every number stands beside <i>sim-sim</i>, its value between two simulated samples of the "
    "same size: what lies there cannot be told from simulation."
)


def write_report(target: Path, metrics: dict, figures: dict[str, Path]) -> None:
    """Write the page.

    Parameters
    ----------
    target : Path
        HTML file.
    metrics : dict
        Content of metrics.json.
    figures : dict of str to Path
        PNG files: ``pairs``, ``labels``, ``parameters``.
    """
    parts = [
        _head(metrics),
        _verdict_table(metrics["verdicts"]),
        "<h2>Simulated and generated images of the same labels</h2>",
        _image(figures["pairs"]),
        "<h2>Labels</h2>",
        _label_table(metrics),
        _image(figures["labels"]),
        "<h2>Image parameters</h2>",
        _image(figures["parameters"]),
        _image_table(metrics),
        "<h2>Speed</h2>",
        _cost(metrics["cost"]),
        _foot(metrics),
    ]
    page = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Evaluation</title>"
    page += f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    with atomic_file(target, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")


def _head(metrics: dict) -> str:
    bundle, test = metrics["bundle"], metrics["test"]
    text = (
        f"{test['n_judged']} generated images beside {test['n_judged']} simulated ones of the same "
        f"labels, camera {escape(str(bundle['camera']))}. Judges are CTLearn networks trained on "
        f"{test['n_training']} other held-out simulated images, none of which the generator saw. "
    )
    if test["outside_domain"] > _WORTH_SAYING:
        text += f"{test['outside_domain']:.1%} of the labels lie outside the training domain. "
    name = f"{escape(bundle['particle'])} generator {escape(bundle['bundle_id'])}"
    return f"<h1>Evaluation of the {name}</h1><p>{text}{_SAMPLE_TEXT}</p>"


def _verdict_table(verdicts: list[dict]) -> str:
    rows = []
    for verdict in verdicts:
        colour, word = _COLOURS[verdict["grade"]], _WORDS[verdict["grade"]]
        badge = f"<span class='badge' style='background:{colour}'>{word}</span>"
        question = f"<b>{escape(verdict['question'])}</b>"
        rows.append(f"<tr><td>{badge}</td><td>{question}<br>{escape(verdict['reason'])}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _label_table(metrics: dict) -> str:
    rows = [("", "simulated", "generated", "ratio", "95% interval", "sim-sim")]
    for name, unit in (("energy", "dex"), ("direction", "deg")):
        section = metrics[name]
        for key, words in (("mae", "MAE"), ("width68", "68% width")):
            pair = [f"{section[kind][key]:.3f} {unit}" for kind in ("simulated", "generated")]
            rows.append((f"{name} {words}", *pair, *_ratio(section["ratio"][key])))
        pair = [f"{section[kind]['correlation']:.3f}" for kind in ("simulated", "generated")]
        rows.append((f"{name} correlation", *pair, "", "", ""))
    section = metrics["type"]
    if section is not None:
        pair = [f"{section[kind]['accuracy']:.1%}" for kind in ("simulated", "generated")]
        points = {key: 100 * value for key, value in section["difference"].items()}
        rows.append(("type accuracy", *pair, *_ratio(points, "+.1f", " points")))
    return _table(rows)


def _ratio(entry: dict, style: str = ".2f", unit: str = "") -> tuple[str, str, str]:
    value, low, high, null_low, null_high = (
        _number(entry[key], style) for key in ("value", "low", "high", "null_low", "null_high")
    )
    return value + unit, f"{low} to {high}", f"{null_low} to {null_high}"


def _image_table(metrics: dict) -> str:
    images, diversity = metrics["images"], metrics["diversity"]
    rows = [("", "generated", "95% interval", "sim-sim")]
    scalars = {
        "mean W1 of parameters [sigma]": images["mean_w1"],
        "AUC, trees on parameters": images["auc"],
        "AUC, trees on parameters and labels": images["auc_with_labels"],
        "AUC, network on pixels": images["auc_pixels"],
        **{name: diversity[name] for name in ("precision", "recall", "density", "coverage")},
    }
    for name, entry in scalars.items():
        if entry is not None:
            value, low, high, null = (_number(entry[k]) for k in ("value", "low", "high", "null"))
            rows.append((name, value, f"{low} to {high}", null))
    empty = images["empty"]
    rows.append(("images without a cleaned pixel", f"{empty['generated']:.1%}", "", ""))
    rows[-1] = (*rows[-1][:3], f"{empty['simulated']:.1%}")
    known = [item for item in images["parameters"].items() if not math.isnan(item[1]["w1"])]
    for name, entry in sorted(known, key=lambda item: -item[1]["w1"])[:_N_FURTHEST]:
        label = f"W1 of {title(name)}"
        rows.append((label, _number(entry["w1"]), "", _number(entry["w1_null"])))
    return _table(rows)


def _cost(cost: dict) -> str:
    rows = [("images per call", "images/s", "ms per image")]
    for name, entry in cost.items():
        rate, duration = f"{entry['images_per_second']:.0f}", f"{entry['ms_per_image']:.2f}"
        rows.append((name.removeprefix("batch_"), rate, duration))
    return _table(rows)


def _foot(metrics: dict) -> str:
    files = ", ".join(escape(name) for name in metrics["test"]["files"])
    return (
        f"<p><small>Test files: {files}. Seed {metrics['seed']}, "
        f"{metrics['duration_s']:.0f} s{', quick' if metrics['quick'] else ''}. W1: Wasserstein-1 "
        "distance in standard deviations of the simulated values. AUC: 0.5 cannot be told apart, "
        "1 always. Coverage, density, precision, recall: arXiv 2002.09797. All numbers, also by "
        "energy: metrics.json.</small></p>"
    )


def _number(value: float, style: str = ".2f") -> str:
    """A number, or a dash where it is not defined."""
    return format(value, style) if math.isfinite(value) else "–"


def _table(rows: list[tuple]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = ""
    for first, *rest in rows[1:]:
        cells = "".join(f"<td class='number'>{escape(cell)}</td>" for cell in rest)
        body += f"<tr><td>{escape(first)}</td>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<img alt='{escape(path.stem)}' src='data:image/png;base64,{data}'>"
