"""Evaluating a generator bundle: from held-out files to metrics.json and the report."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..bundle import Bundle, load_bundle
from ..data.events import read_events
from ..errors import UserError
from ..files import atomic_folder, check_new
from ..plotting import draw_pairs, event_titles, source_positions
from ..sampling.generate import Sampler
from .compare import Results, compare_samples
from .cost import generation_rates
from .figures import draw_labels, draw_parameters
from .held_out import read_held_out
from .report import write_report
from .sample import Sample
from .stages import QUICK, Effort, Progress, Stages
from .verdicts import judge

FORMAT_VERSION = 1
METRICS, REPORT = "metrics.json", "report.html"
_FIGURES = ("pairs", "labels", "parameters")
_QUICK_EVENTS = 2000
_N_PAIRS = 4


def evaluate(
    bundle_path: str | Path,
    test: Sequence[str | Path],
    other: Sequence[str | Path],
    target: str | Path,
    *,
    train: Sequence[str | Path] = (),
    seed: int = 0,
    max_events: int | None = None,
    quick: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict:
    """Judge a bundle on held-out simulation and write the report.

    Half of the test events train the judges. For the labels of the other half images are
    generated, and compared with the simulated ones.

    Parameters
    ----------
    bundle_path : path
        The generator.
    test : sequence of path
        Held-out simulated DL1 files of the generator's particle.
    other : sequence of path
        Files of another particle, for the type accuracy; may be empty.
    target : path
        Folder to write: metrics.json, report.html and figures.
    train : sequence of path
        The training files, to look for memorised images; may be empty.
    seed : int
        Of everything random.
    max_events : int, optional
        Use at most this many test events.
    quick : bool
        A minute at most: shorter trainings, at most 2000 events, no judge of pixels.
    overwrite : bool
        Replace an earlier evaluation in ``target``.
    progress : callable, optional
        Called with the stage and the fraction done of everything.

    Returns
    -------
    dict
        Content of metrics.json: ``energy`` and ``direction`` (`residuals.compare`, with
        ``trivial_mae``, ``judge_learnt`` and energy ``bins``), ``type`` or None, ``images``
        (``mean_w1``, ``parameters``, ``auc`` ...), ``diversity``, ``cost``, ``verdicts``.

    Raises
    ------
    UserError
        If inputs are unsuitable or the folder cannot be written.
    """
    started = time.monotonic()
    target = check_new(target, overwrite)
    _check_replaceable(target)
    effort = QUICK if quick else Effort()
    max_events = max_events or (_QUICK_EVENTS if quick else None)
    stages = Stages(effort.shares, progress)

    stages.start("reading")
    bundle = load_bundle(bundle_path)
    events, files = read_held_out(bundle, test, max_events=max_events, seed=seed)
    others = None
    if other:
        others, _ = read_held_out(bundle, other, max_events=max_events, seed=seed, own=False)
    training = _read_training(bundle, train, seed) if train else None
    judges_half, simulated = events.halves(seed)

    stages.start("generating")
    generated = simulated.with_pixels(Sampler(bundle, seed).generate(simulated.labels))
    results = compare_samples(
        generated,
        simulated,
        judges_half,
        bundle.cleaning,
        others=others,
        training=training,
        effort=effort,
        seed=seed,
        stages=stages,
    )
    stages.start("speed")
    metrics = {
        "format_version": FORMAT_VERSION,
        "bundle": _describe(bundle),
        "test": _describe_test(bundle, files, events, simulated),
        "seed": seed,
        "quick": quick,
        **results.metrics,
        "cost": generation_rates(bundle, simulated.labels, seed),
        "verdicts": judge(results.metrics),
    }
    stages.start("drawing")
    with atomic_folder(target, overwrite=True) as folder:
        figures = _draw(folder, results, generated, simulated)
        metrics["duration_s"] = time.monotonic() - started
        write_report(folder / REPORT, metrics, figures)
        metrics = _plain(metrics)
        (folder / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")
    return metrics


def _check_replaceable(target: Path) -> None:
    """Never replace a folder that is no earlier evaluation."""
    if target.is_dir() and any(target.iterdir()) and not (target / METRICS).is_file():
        raise UserError(
            f"{target}: holds other things than an earlier evaluation; choose another folder."
        )


def _read_training(bundle: Bundle, files, seed: int) -> Sample:
    events = read_events(
        files,
        channels=bundle.meta.channels,
        quality_criteria=bundle.meta.quality_criteria,
        tel_type=str(bundle.subarray.tel[bundle.tel_id]),
        seed=seed,
    )
    return Sample.of(events)


def _draw(folder: Path, results: Results, generated: Sample, simulated: Sample) -> dict[str, Path]:
    figures = {name: folder / f"{name}.png" for name in _FIGURES}
    by_energy = np.argsort(np.asarray(simulated.labels["true_energy"]))
    places = (np.arange(_N_PAIRS) + 0.5) / _N_PAIRS * len(by_energy)
    chosen = by_energy[places.astype(int)]
    labels = simulated.labels[chosen]
    draw_pairs(
        figures["pairs"],
        simulated.camera.geometry,
        generated.pixels[chosen],
        real=simulated.pixels[chosen],
        titles=event_titles(labels),
        source_xy=source_positions(labels),
        channels=simulated.channels,
    )
    draw_labels(figures["labels"], results.labels, results.type)
    draw_parameters(figures["parameters"], results.images)
    return figures


def _describe(bundle: Bundle) -> dict:
    meta = bundle.meta
    about = {name: getattr(meta, name) for name in ("bundle_id", "particle", "camera", "channels")}
    return {"path": str(bundle.path)} | about


def _describe_test(bundle: Bundle, files: list[Path], events: Sample, simulated: Sample) -> dict:
    n_judged = len(simulated)
    return {
        "files": [path.name for path in files],
        "n_events": len(events),
        "n_training": n_judged,
        "n_judged": n_judged,
        "outside_domain": float(np.mean(bundle.labels.outside(simulated.labels))),
    }


def _plain(value):
    """Values JSON knows: floats of six digits, None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
