"""The report: one HTML page that needs no other file."""

from html import escape
from pathlib import Path

from ..pages import image, write_page
from . import report_tables as tables

_COLOURS = {"good": "#2e7d32", "fair": "#b26a00", "poor": "#b71c1c", "open": "#616161"}
_WORDS = {"good": "as simulation", "fair": "close", "poor": "off", "open": "no answer"}
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
        image(figures["pairs"]),
        "<h2>Labels</h2>",
        tables.labels(metrics),
        image(figures["labels"]),
        "<h2>Image parameters</h2>",
        image(figures["parameters"]),
        tables.images(metrics),
        image(figures["joint"]),
        "<h2>Label domain</h2>",
        tables.domain(metrics["domain"]),
    ]
    if metrics["cost"] is not None:
        parts += ["<h2>Speed</h2>", tables.cost(metrics["cost"])]
    parts.append(_foot(metrics))
    write_page(target, "Evaluation", parts)


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
