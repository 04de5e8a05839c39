"""Runs of a study: each in a process of its own, its folder under its name when complete."""

import json
import os
import subprocess
import time
from pathlib import Path

from ..bundle import Bundle, load_bundle
from ..config.augment import GanAugmentConfig
from ..config.base import dump_yaml, parse
from ..config.plain_yaml import write_yaml
from ..config.study import needs_generator
from ..data.ctlearn_reader import open_ctlearn_reader
from ..data.events import read_events
from ..data.fingerprint import events_digest
from ..errors import UserError
from ..files import remove
from ..locks import only_writer
from ..processes import python
from . import recipes
from .plan import GeneratorRun, ModelRun, Run, TrainingSet, is_done, pending
from .predict import predict
from .study import Study
from .subsets import write_subset

RECORD, PREDICTIONS = "run.json", "predictions.fits"
#: Ends the name of a run's folder while it is not complete.
_UNFINISHED = ".unfinished"
_LOG = "log.txt"
_COMMANDS = ("-m", "ctlearn_gan_aug.cli.main")


def execute(study: Study, run: Run) -> None:
    """Do one run, unless it is complete.

    A generator's training that was interrupted goes on from its checkpoint, a model's starts anew.

    Raises
    ------
    UserError
        If a run that it needs is not complete or was made with other settings, another process is
        at it, or its training fails.
    """
    target = study.root / run.name
    missing = pending(study.root, run.needs)
    if missing:
        number = study.runs.index(missing[0])
        raise UserError(f"{run.name}: needs {missing[0].name}; do run {number} first.")
    for needed in run.needs:
        read_record(study, needed)
    with only_writer(target):
        if is_done(study.root, run):
            return
        started, busy = time.monotonic(), _processor_seconds()
        work = target.with_name(target.name + _UNFINISHED)
        train = _train_generator if isinstance(run, GeneratorRun) else _train_model
        facts = train(study, run, work)
        record = {"settings": study.settings(run), **facts}
        record["seconds"] = time.monotonic() - started
        record["processor_seconds"] = _processor_seconds() - busy
        (work / RECORD).write_text(json.dumps(record, indent=1) + "\n")
        work.rename(target)


def execute_apart(study: Study, run: Run) -> None:
    """Do one run in a process of its own, which leaves no memory behind."""
    options = ["study", str(study.path), "--output", str(study.root)]
    arguments = [*_COMMANDS, *options, "--run", str(study.runs.index(run))]
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with python(arguments, **said) as process:
        words = process.stderr.read()
    if process.returncode:
        raise UserError(f"{run.name}: {_last_words(words)}")


def read_record(study: Study, run: Run) -> dict:
    """What a complete run has noted.

    Raises
    ------
    UserError
        If the study's settings have been changed since.
    """
    path = study.root / run.name / RECORD
    record = json.loads(path.read_text())
    wanted = json.loads(json.dumps(study.settings(run)))
    changed = [key for key in wanted if record["settings"].get(key) != wanted[key]]
    if changed:
        raise UserError(
            f"{path.parent}: was made with other settings ({', '.join(changed)}); choose another "
            "output for the changed study, or remove that folder."
        )
    return record


def _train_generator(study: Study, run: GeneratorRun, work: Path) -> dict:
    files = _files(study, run.events)[run.role]
    config = study.generator_config(run, files, work / "training")
    text, path = dump_yaml(config), work / "config.yaml"
    if path.exists() and path.read_text() != text:
        raise UserError(
            f"{work}: holds the beginning of a run with other settings; remove it, or choose "
            "another output for the changed study."
        )
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    call([*_COMMANDS, "train", str(path), "--resume"], work / _LOG)
    return {}


def _train_model(study: Study, run: ModelRun, work: Path) -> dict:
    remove(work)
    work.mkdir(parents=True)
    config, content = study.config, study.ctlearn
    folders = _files(study, run.events)
    block = _block(study, run, folders)
    fraction = parse(GanAugmentConfig, block, run.name).total_fraction if block else 0.0
    n_events = _n_passing(content, folders)
    length = recipes.length(content, config.ctlearn, n_events, fraction)
    content = recipes.ctlearn_config(content, config.tasks, length.epochs, run.seed, block)
    (work / "ctlearn.yaml").write_text(write_yaml(content))
    options = ["--config", work / "ctlearn.yaml", "--output", work / "model"]
    options += ["--store", study.store, f"--provenance-log={work / 'provenance.log'}"]
    for role, folder in folders.items():
        options += [f"--{role}", folder]
    seeded = ["-m", "ctlearn_gan_aug.cli.seeded", str(run.seed), "train-model"]
    call([*seeded, *map(str, options)], work / _LOG)
    files = config.files
    events = predict(work / "model", content, files.test_signal, files.test_background, study.store)
    events.write(work / PREDICTIONS)
    return {"n_passing": n_events, "epochs": length.epochs, "steps": length.steps}


def _block(study: Study, run: ModelRun, folders: dict[str, Path]) -> dict | None:
    bundles: dict[str, Bundle | None] = dict.fromkeys(study.particles.values())
    augment = study.config.augment
    if needs_generator(run.arm):
        for role, particle in study.particles.items():
            bundles[particle] = _bundle(study, run.events, role, folders[role])
        augment = recipes.within(augment, bundles)
    shared = recipes.shared_keys(augment) if augment else {}
    return recipes.block(run.arm, shared, bundles, run.seed)


def _bundle(study: Study, events: TrainingSet, role: str, folder: Path) -> Bundle:
    """The generator of a class; one that was given must come of the training set's events."""
    source = getattr(study.config.generators, role)
    if source.bundle is None:
        name = GeneratorRun(role, events).name
        return load_bundle(study.root / name / "training" / "bundle")
    bundle = load_bundle(recipes.bundle_path(source, events))
    meta = bundle.meta
    options = {"channels": meta.channels, "quality_criteria": meta.quality_criteria}
    found = read_events([folder], **options, store=study.store)
    if events_digest(found) != meta.data.get("sha256"):
        raise UserError(
            f"generators.{role}.bundle: {bundle.path} was trained on {meta.data.get('n_events')} "
            f"events that are not the {len(found)} of {folder}; train it on these files, or give "
            "config in place of bundle."
        )
    return bundle


def _files(study: Study, events: TrainingSet) -> dict[str, Path]:
    """Folders of a training set's files by class."""
    folder = study.root / "subsets" / events.name
    return {role: write_subset(folder, pool, events) for role, pool in study.pools.items()}


def _n_passing(content: dict, folders: dict[str, Path]) -> int:
    """Events of a training set that pass the quality criteria."""
    from traitlets.config import Config

    signal, background = ([folders[r]] if r in folders else [] for r in ("signal", "background"))
    with open_ctlearn_reader(signal, Config(content), background) as reader:
        return len(reader.example_identifiers)


def call(arguments: list[str], log: Path) -> None:
    """Run Python with some arguments; all it says goes to a file.

    Raises
    ------
    UserError
        If it fails, with its last words.
    """
    with (
        log.open("a") as stream,
        python(arguments, stdout=stream, stderr=subprocess.STDOUT) as process,
    ):
        pass
    if process.returncode:
        raise UserError(f"{_last_words(log.read_text())} All of it is in {log}.")


def _processor_seconds() -> float:
    """What this process and those it has waited for have taken of all processors."""
    return sum(os.times()[:4])


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("Error: ")]
    return (told or lines or ["it ended without a word."])[-1].removeprefix("Error: ")
