"""From a CTLearn model and files to the map of its errors and the block that helps."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..data.ctlearn_reader import open_ctlearn_reader
from ..data.events import among
from ..dl1.primaries import PRIMARY_IDS
from ..errors import UserError
from ..files import atomic_folder, check_new
from ..locks import only_writer
from ..models.auxiliary import load_ctlearn_model
from ..models.ctlearn import tasks_of
from ..progress import image_progress
from .cells import ENERGY_WIDTH, MIN_TEST, N_OFFSETS
from .figure import draw_surveys
from .generators import Generator, load_generators
from .predict import Predicted, predict
from .reading import read_config, read_labels
from .record import block_text, record
from .survey import Survey, survey

log = logging.getLogger(__name__)

RECORD, FIGURE, BLOCK = "regions.json", "regions.png", "gan_augment.yaml"
_MIN_EVENTS = 5 * MIN_TEST


@dataclass(frozen=True)
class Files:
    """Files of one class.

    Attributes
    ----------
    test, training : sequence of path
        DL1 files and folders; held-out ones, and those that the model was trained on.
    """

    test: Sequence[str | Path]
    training: Sequence[str | Path]


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    model : Path
        CTLearn model, or its folder.
    signal : Files
        Of CTLearn's signal class.
    background : Files or None
        Of the other one, for a model of the type.
    configs : sequence of Path
        CTLearn configuration files that the model was trained with.
    generators, evaluations : sequence of Path
        Bundles, and output folders of ``ctlearn-gan evaluate``.
    n_offsets : int
        Most intervals of offset.
    energy_width : float
        dex.
    """

    model: Path
    signal: Files
    background: Files | None = None
    configs: Sequence[Path] = ()
    generators: Sequence[Path] = ()
    evaluations: Sequence[Path] = ()
    n_offsets: int = N_OFFSETS
    energy_width: float = ENERGY_WIDTH


@dataclass(frozen=True)
class Advice:
    """What is written.

    Attributes
    ----------
    surveys : list of Survey
        Signal, and background for a model of the type.
    record : dict
        Content of regions.json.
    block : str
        Content of gan_augment.yaml.
    """

    surveys: list[Survey]
    record: dict = field(repr=False)
    block: str = field(repr=False)


def advise(request: Request, target: str | Path, overwrite: bool = False) -> Advice:
    """Map a model's errors and write where to augment.

    Parameters
    ----------
    request : Request
        Model, files and generators.
    target : path
        Folder to write: regions.json, regions.png, gan_augment.yaml.
    overwrite : bool
        Replace an earlier map in ``target``.

    Raises
    ------
    UserError
        If model, files and generators do not fit each other, or the folder cannot be written.
    """
    with only_writer(target):
        target = check_new(target, overwrite)
        _check_replaceable(target)
        generators = load_generators(request.generators, request.evaluations)
        surveys = _survey_classes(request, generators)
        regions = [need for found in surveys for need in found.needs()]
        advice = Advice(
            surveys, record(request.model, surveys, regions), block_text(surveys, regions)
        )
        with atomic_folder(target, overwrite=True) as folder:
            (folder / RECORD).write_text(json.dumps(advice.record, indent=1) + "\n")
            (folder / BLOCK).write_text(advice.block)
            draw_surveys(folder / FIGURE, surveys, regions)
    return advice


def _check_replaceable(target: Path) -> None:
    """Never replace a folder that is no earlier map."""
    if target.is_dir() and any(target.iterdir()) and not (target / RECORD).is_file():
        raise UserError(f"{target}: holds other things than an earlier map; choose another folder.")


def _survey_classes(request: Request, generators: dict[str, Generator]) -> list[Survey]:
    config = read_config(request.configs)
    model = load_ctlearn_model(request.model, "MODEL")
    tasks = tasks_of(model)
    _check_classes(tasks, request.background is not None)
    classes = {"signal": request.signal}
    if request.background is not None:
        classes["background"] = request.background
    training = {name: read_labels(files.training, config) for name, files in classes.items()}
    predicted = {
        name: _predict(model, files, config, name == "signal", training[name])
        for name, files in classes.items()
    }
    surveys = []
    for name, events in predicted.items():
        particle = _particle(events.labels, name)
        if particle in generators:
            generators[particle].check_camera(events)
        found = survey(
            particle,
            events,
            training[name],
            tasks,
            generators.get(particle),
            others=next((x for other, x in predicted.items() if other != name), None),
            n_offsets=request.n_offsets,
            energy_width=request.energy_width,
        )
        _report(found)
        surveys.append(found)
    _check_used(generators, surveys)
    return surveys


def _predict(model, files: Files, config, is_signal: bool, training: Table) -> Predicted:
    """Reconstructed test events that the model has not learnt from."""
    with open_ctlearn_reader(files.test, config) as reader:
        source = reader.first_file
        with image_progress("reconstructing", len(reader.example_identifiers)) as advance:
            events = predict(model, reader, is_signal, advance)
    known = among(events.labels, training)
    if known.any():
        log.warning("%s: %d events are left out: the model learnt from them.", source, known.sum())
    if np.count_nonzero(~known) < _MIN_EVENTS:
        raise UserError(
            f"{source}: holds {np.count_nonzero(~known)} events that the model has not seen; give "
            f"test files with at least {_MIN_EVENTS}."
        )
    return events.select(np.flatnonzero(~known))


def _check_classes(tasks: Sequence[str], has_background: bool) -> None:
    if "type" in tasks and not has_background:
        raise UserError(
            "The model tells particle types: give files of the other class by --background and "
            "--training-background."
        )
    if has_background and "type" not in tasks:
        raise UserError(
            f"The model reconstructs {' and '.join(tasks)}, not the type: leave out --background "
            "and --training-background."
        )


def _particle(labels: Table, name: str) -> str:
    primaries = set(np.asarray(labels["true_shower_primary_id"]).astype(int).tolist())
    names = {number: particle for particle, number in PRIMARY_IDS.items()}
    return names.get(primaries.pop(), name) if len(primaries) == 1 else name


def _report(found: Survey) -> None:
    for task, mean, blind in zip(
        [x.errors.task for x in found.excesses], found.mean, found.blind, strict=True
    ):
        if task in found.unlearnt:
            log.warning(
                "The model's %s error on %ss (%.3g) is not far below a blind guess's (%.3g): train "
                "it longer; where it fails says little yet.",
                task,
                found.particle,
                mean,
                blind,
            )


def _check_used(generators: dict[str, Generator], surveys: list[Survey]) -> None:
    names = [found.particle for found in surveys]
    for particle, generator in generators.items():
        if particle not in names:
            raise UserError(
                f"{generator.bundle.path}: generates {particle}, the test files hold "
                f"{' and '.join(names)}; give files or a generator of the same particle."
            )
