"""Evaluating a generator or its images: from held-out files to metrics.json and the report."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..dl1.cleaning import infer_cleaning
from ..errors import UserError
from ..files import atomic_folder, check_new
from ..locks import only_writer
from ..pages import plain
from ..sampling.choice import new_sampler
from .alignment import Aligned, align_images, align_requests, limit
from .cache import Cache
from .compare import Context, compare_samples
from .cost import generation_rates
from .draw import FIGURES, draw_all
from .gaps import Gap, find_gaps
from .held_out import read_held_out, read_training
from .report import write_report
from .sample import Sample
from .stages import QUICK, Effort, Progress, Stages
from .subject import Subject, open_subject
from .verdicts import judge

FORMAT_VERSION = 2
METRICS, REPORT = "metrics.json", "report.html"
_QUICK_EVENTS = 2000
_QUICK_SECONDS = 8.0  # for one request of images


def evaluate(
    subject_path: str | Path | Sequence[str | Path],
    test: Sequence[str | Path],
    other: Sequence[str | Path],
    target: str | Path,
    *,
    train: Sequence[str | Path] = (),
    gaps: Sequence[Gap] = (),
    seed: int = 0,
    candidates: int = 1,
    max_events: int | None = None,
    quick: bool = False,
    effort: Effort | None = None,
    overwrite: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> dict:
    """Judge a bundle, or images in DL1 files, on held-out simulation and write the report.

    Half of the test events train the judges. The other half is compared with images generated for
    its labels, or with images of the files (`alignment.align_images`).

    Parameters
    ----------
    subject_path : path or sequence of path
        The generator's bundle, or DL1 files and folders of images to evaluate.
    test : sequence of path
        Held-out simulated DL1 files of the generator's particle.
    other : sequence of path
        Files of another particle, for the type accuracy; may be empty.
    target : path
        Folder to write: metrics.json, report.html and figures.
    train : sequence of path
        The training files, to look for memorised images; may be empty.
    gaps : sequence of Gap
        Regions without training events to look at; by default those found in the training labels.
    seed : int
        Of everything random.
    candidates : int
        Images of a bundle that its critic chooses one from.
    max_events : int, optional
        Use at most this many test events.
    quick : bool
        A minute at most: shorter trainings, at most 2000 events, no judge of pixels.
    effort : Effort, optional
        How long judges are trained, if not as ``quick`` says.
    overwrite : bool
        Replace an earlier evaluation in ``target``.
    cache : path, optional
        Folder in which judges and measured simulated images are kept for the next evaluation.
    progress : callable, optional
        Called with the stage and the fraction done of everything.

    Returns
    -------
    dict
        Content of metrics.json, see docs/evaluation.md.

    Raises
    ------
    UserError
        If inputs are unsuitable, or the folder cannot be written or another evaluation writes it.
    """
    started = time.monotonic()
    with only_writer(target):
        target = check_new(target, overwrite)
        _check_replaceable(target)
        kept = Cache(cache)
        effort = effort or (QUICK if quick else Effort())
        max_events = max_events or (_QUICK_EVENTS if quick else None)
        stages = Stages(effort.shares, progress)

        stages.start("reading")
        paths = [subject_path] if isinstance(subject_path, str | Path) else subject_path
        subject, context, test_events, files = _read(
            paths, test, other, train, gaps, max_events, seed
        )
        stages.start("generating")
        samples = _align(subject, test_events, max_events, seed, candidates)
        results = compare_samples(
            samples, context, effort=effort, seed=seed, stages=stages, cache=kept
        )
        stages.start("speed")
        cost = None
        if subject.bundle is not None:
            options = {"longest": _QUICK_SECONDS} if quick else {}
            cost = generation_rates(subject.bundle, samples.simulated.labels, seed, **options)
        metrics = {
            "format_version": FORMAT_VERSION,
            "bundle": subject.describe(),
            "test": _describe_test(subject, files, samples, context),
            "seed": seed,
            "candidates": candidates,
            "quick": quick,
            **results.metrics,
            "cost": cost,
            "verdicts": judge(results.metrics),
        }
        stages.start("drawing")
        with atomic_folder(target, overwrite=True) as folder:
            figures = {name: folder / f"{name}.png" for name in FIGURES}
            draw_all(figures, results, samples)
            metrics["cached"] = kept.found
            metrics["duration_s"] = time.monotonic() - started
            write_report(folder / REPORT, metrics, figures)
            metrics = plain(metrics)
            (folder / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")
        return metrics


def _read(
    paths, test, other, train, gaps, max_events, seed
) -> tuple[Subject, Context, Sample, list[Path]]:
    """Subject, what is known beside its images, the test events and their files."""
    subject = open_subject(paths)
    training = read_training(subject, train) if train else None
    if subject.training_labels is None and training is not None:
        subject = replace(subject, training_labels=training.labels)
    events = read_held_out(subject, test)
    others = None
    if other:
        others = Sample.of(read_held_out(subject, other, own=False))
    known = subject.training_labels
    context = Context(
        cleaning=_cleaning(subject, events),
        others=None if others is None else limit(others, max_events, seed),
        training=None if training is None else Sample.of(training),
        training_labels=known,
        requested=None if subject.images is None else subject.images.labels,
        columns=subject.columns,
        gaps=gaps or ([] if known is None else find_gaps(known)),
    )
    return subject, context, Sample.of(events), events.sources


def _cleaning(subject: Subject, events):
    """Tail cuts of the training files, or those that made the test files' masks."""
    if subject.bundle is not None:
        return subject.bundle.cleaning
    charges = events.pixels[..., events.channels.index("image")]
    return infer_cleaning(charges, events.masks, events.camera.geometry)


def _align(
    subject: Subject, events: Sample, max_events: int | None, seed: int, candidates: int
) -> Aligned:
    if subject.bundle is None and candidates > 1:
        raise UserError(f"{subject.path}: images of files are as they are; leave candidates out.")
    if subject.bundle is None:
        return align_images(subject.images, events, max_events, seed, subject.path)
    samples = align_requests(events, max_events, seed)
    labels = samples.simulated.labels
    pixels = new_sampler(subject.bundle, seed, candidates=candidates).generate(labels)
    return replace(samples, generated=samples.simulated.with_pixels(pixels))


def _check_replaceable(target: Path) -> None:
    """Never replace a folder that is no earlier evaluation."""
    if target.is_dir() and any(target.iterdir()) and not (target / METRICS).is_file():
        raise UserError(
            f"{target}: holds other things than an earlier evaluation; choose another folder."
        )


def _describe_test(subject: Subject, files: list[Path], samples: Aligned, context) -> dict:
    described = {
        "files": [path.name for path in files],
        "n_events": len(samples.judging) + len(samples.simulated),
        "n_training": len(samples.judging),
        "n_judged": len(samples.simulated),
        "n_reference": len(samples.reference),
        "comparison": samples.how,
        "n_images": None if subject.images is None else len(subject.images),
    }
    outside = None
    if subject.bundle is not None:
        outside = float(np.mean(subject.bundle.labels.outside(samples.simulated.labels)))
    return described | {"outside_domain": outside, "cleaning": _cuts(context.cleaning)}


def _cuts(cleaning) -> dict:
    return {name: getattr(cleaning, name) for name in ("picture", "boundary", "min_neighbors")}
