"""The page of a study, and the same numbers as JSON."""

import json
import tempfile
from html import escape
from pathlib import Path

from ..config.study import OVERSAMPLED, SIMULATION
from ..errors import UserError
from ..files import atomic_file
from ..pages import image, plain
from ..pages import write_page as write_html
from . import tables
from .figures import draw_by_energy, draw_learning_curves
from .results import read_models, reference
from .study import Study
from .summary import amplifications, ratios, summarise

PAGE, NUMBERS = "study.html", "study.json"
FORMAT_VERSION = 1


def write_page(study: Study) -> Path:
    """Write the page and its numbers into the study's folder.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UserError
        If no model is complete yet.
    """
    models = read_models(study)
    if not models:
        raise UserError(f"{study.root}: no CTLearn model is complete yet; do some runs first.")
    results = {
        "format_version": FORMAT_VERSION,
        "study": study.config.model_dump(mode="json"),
        "n_runs": len(study.runs),
        "models": [vars(model) for model in models],
        "arms": summarise(models),
        "trees": reference(study),
        "ratios": [row for to in (SIMULATION, OVERSAMPLED) for row in ratios(models, to)],
        "amplification": amplifications(models),
    }
    with atomic_file(study.root / NUMBERS, overwrite=True) as part:
        part.write_text(json.dumps(plain(results), indent=1) + "\n")
    target = study.root / PAGE
    write_html(target, "Study", _parts(study, results))
    return target


def _parts(study: Study, results: dict) -> list[str]:
    arms, trees = results["arms"], results["trees"]
    parts = [_head(study, results), "<h2>Errors relative to other arms</h2>", _RATIO_TEXT]
    parts += [tables.relative(results["ratios"])]
    if results["amplification"]:
        parts += ["<h2>Amplification</h2>", _AMPLIFICATION_TEXT]
        parts += [tables.amplification(results["amplification"])]
    parts += ["<h2>Figures</h2>", _FIGURES_TEXT, tables.figures(arms, trees)]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "figure.png"
        draw_by_energy(target, arms)
        parts += ["<h2>Against energy</h2>", image(target)]
        if len({row["n_events"] for row in arms}) > 1:
            draw_learning_curves(target, arms, trees)
            parts += ["<h2>Against the number of simulated events</h2>", image(target)]
    return [*parts, "<h2>Trainings</h2>", tables.trainings(arms), _foot(study)]


_RATIO_TEXT = (
    "<p>Mean over seeds of the ratio to a model of the same seed and simulated events, with its "
    "standard error: below 1 is better.</p>"
)
_AMPLIFICATION_TEXT = (
    "<p>How many simulated events alone (or with symmetries alone) would give the same error, "
    "relative to those in the training set: read off the learning curve, with an interval of one "
    "standard error from a bootstrap over seeds. <i>At least</i> and <i>at most</i> are beyond its "
    "ends.</p>"
)
_FIGURES_TEXT = (
    "<p>Mean and standard error over seeds. Energy bias and resolution (half the central 68 % of "
    "the relative error) and angular resolution (68 % containment) are pyirf's, in one bin of all "
    "energies. <i>Trees</i>: boosted trees on the DL1 image parameters of the same simulated "
    "events, a reference that a model which has learnt comes near to.</p>"
)


def _head(study: Study, results: dict) -> str:
    config = study.config
    regions = config.augment.regions if config.augment else None
    where = "; ".join(region.describe() for region in regions) if regions else "everywhere"
    n_done = len(results["models"])
    text = (
        f"CTLearn trained on {', '.join(config.tasks)}, {len(config.arms)} arms, seeds "
        f"{', '.join(map(str, config.seeds))}: {n_done} models. Augmented: {where}. Inside and "
        "outside count test events in and out of that, all of them simulated and the same for all "
        "models."
    )
    return f"<h1>Study</h1><p>{escape(text)}</p>"


def _foot(study: Study) -> str:
    files = study.config.files
    names = ", ".join(str(path) for path in (*files.signal, *files.background))
    test = ", ".join(str(path) for path in (*files.test_signal, *files.test_background))
    return (
        f"<p><small>Training sets are parts of {escape(names)}; test files: {escape(test)}. All "
        f"numbers, of every model and by energy: {NUMBERS}; what they mean: docs/study.md."
        "</small></p>"
    )
