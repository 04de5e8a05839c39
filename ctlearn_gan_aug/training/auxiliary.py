"""Getting the auxiliary: given CTLearn models, or one trained here, in a process of its own."""

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from ..config.auxiliary import AuxiliaryConfig
from ..config.train import TrainConfig
from ..data.channels import needs_mask
from ..data.events import Events
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LabelSet
from ..models.auxiliary import MODEL_NAME, AuxiliaryLoss, label_columns, load_ctlearn_model
from ..models.reader_channels import ReaderChannels
from ..processes import python
from .folder import STORE
from .reading import files_cleaning

log = logging.getLogger(__name__)

#: Written into the folder when the last epoch has ended.
_FINISHED = "finished"
_TRAIN = ("-m", "ctlearn_gan_aug.cli.seeded")
#: What begins the sentence with which a command fails.
_ERROR = "Error: "


def build_auxiliary(
    config: TrainConfig,
    events: Events,
    labels: LabelSet,
    intensity: IntensityTransform,
    folder: Path,
) -> AuxiliaryLoss | None:
    """The auxiliary loss of a run, or None if its configuration has none.

    Parameters
    ----------
    config : TrainConfig
        What to do.
    events : Events
        For training a model where none is given.
    labels, intensity : LabelSet, IntensityTransform
        Of the generator.
    folder : Path
        Where a model is trained.
    """
    auxiliary = config.auxiliary
    if auxiliary is None:
        return None
    for task in auxiliary.weights:  # a wrong one should not show after hours of training
        label_columns(task, labels, auxiliary.match)
    source = obtain_auxiliary(config, events, folder)
    paths = source if isinstance(source, dict) else dict.fromkeys(auxiliary.weights, source)
    loaded = {path: load_ctlearn_model(path) for path in dict.fromkeys(paths.values())}
    return AuxiliaryLoss(
        {task: loaded[path] for task, path in paths.items()},
        {task: auxiliary.mapper_of(task) for task in auxiliary.weights},
        auxiliary.weights,
        events.camera,
        labels,
        intensity,
        auxiliary.match,
        _channels(auxiliary, events),
    )


def _channels(auxiliary: AuxiliaryConfig, events: Events) -> ReaderChannels:
    """What the models read, with the cleaning that the events' files have."""
    names = auxiliary.channels or events.channels
    cleaning = files_cleaning(events) if needs_mask(names) else None
    return ReaderChannels(names, events.camera.geometry, cleaning)


def obtain_auxiliary(config: TrainConfig, events: Events, folder: Path) -> Path | dict[str, Path]:
    """Path of the auxiliary model, or one per task.

    A model is trained into ``folder`` if the configuration names none; one that an earlier,
    interrupted run has left there is used again.

    Raises
    ------
    UserError
        If CTLearn's training fails.
    """
    auxiliary = config.auxiliary
    if auxiliary.model is not None:
        return auxiliary.model
    found = _trained_model(folder)
    if found is None:
        log.info("Training the auxiliary CTLearn model (%s).", ", ".join(auxiliary.weights))
        _train(config, auxiliary, events, folder)
        found = _trained_model(folder)
    if found is None:
        raise UserError(f"{folder}: CTLearn's training left no model; see its log above.")
    return found


def _trained_model(folder: Path) -> Path | None:
    # The model is the best one only when the last epoch ended; the marker says that it did.
    model = folder / MODEL_NAME
    return model if (folder / _FINISHED).exists() and model.exists() else None


def _train(config: TrainConfig, auxiliary: AuxiliaryConfig, events: Events, folder: Path) -> None:
    """Train a model by ``ctlearn-gan train-model``, in a process that leaves nothing behind."""
    if folder.exists():  # left by a training of ours that was interrupted
        shutil.rmtree(folder)
    with tempfile.TemporaryDirectory() as scratch:
        signal = _link_all(events.sources, Path(scratch) / "signal")
        options = Path(scratch) / "ctlearn.yaml"
        options.write_text(yaml.safe_dump(_tool_options(config, auxiliary, events)))
        argv = [*_TRAIN, str(config.seed), "train-model", "--config", options, "--signal", signal]
        argv += ["--output", folder, "--store", config.data.store or config.output / STORE]
        argv += [f"--provenance-log={Path(scratch) / 'provenance.log'}"]
        for task in auxiliary.weights:
            argv += ["--reco", task]
        _run(list(map(str, argv)))
    (folder / _FINISHED).touch()


def _run(argv: list[str]) -> None:
    """Run Python. What it says passes on, but for the sentence with which it fails: it is ours."""
    sentence = ""
    with python(argv, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr:
            if line.startswith(_ERROR):
                sentence = line.removeprefix(_ERROR).strip()
            else:
                sys.stderr.write(line)
    if process.returncode:
        raise UserError(
            f"auxiliary: {sentence or f'CTLearn training ended with {process.returncode}.'}"
        )


def _link_all(sources: list[Path], folder: Path) -> Path:
    """One folder with links to all files: the tool takes a folder, not a list."""
    folder.mkdir()
    for i, source in enumerate(sources):
        (folder / f"{i:04d}_{source.name}").with_suffix(".h5").symlink_to(source.resolve())
    return folder


def _tool_options(config: TrainConfig, auxiliary: AuxiliaryConfig, events: Events) -> dict:
    """CTLearn configuration: ours where both must agree, the user's elsewhere."""
    options = {section: dict(values) for section, values in auxiliary.ctlearn.items()}
    tool = options.setdefault("TrainCTLearnModel", {})
    tool.setdefault("random_seed", config.seed)
    reader = options.setdefault("DLImageReader", {})
    reader["channels"] = list(auxiliary.channels or events.channels)
    reader["image_mapper_type"] = [["type", "*", auxiliary.mapper]]
    reader["focal_length_choice"] = events.focal_length_choice
    if config.data.tel_type is not None:
        reader["allowed_tel_types"] = [config.data.tel_type]
    if config.data.quality_criteria:
        criteria = [list(pair) for pair in config.data.quality_criteria]
        options["TableQualityQuery"] = {"quality_criteria": criteria}
    if config.training.symmetries is True:
        options["gan_augment"] = {"symmetries": True}
    return options
