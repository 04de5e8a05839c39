"""Getting the auxiliary: a given CTLearn model, or one trained here with CTLearn's own tool."""

import logging
import tempfile
from pathlib import Path

import yaml

from ..config.train import AuxiliaryConfig, TrainConfig
from ..data.events import Events
from ..errors import UserError

log = logging.getLogger(__name__)

#: CTLearn's model folder (Keras 2) or file (Keras 3) inside its output folder.
_MODEL_NAMES = ("ctlearn_model.cpk", "ctlearn_model.keras")


def obtain_auxiliary(config: TrainConfig, events: Events, folder: Path) -> Path:
    """Path of the auxiliary model, trained into ``folder`` if the configuration names none.

    A model that an earlier, interrupted run has left in ``folder`` is used again.

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
    # The log is complete only when the last epoch ended, the marker says that it did.
    if not (folder / "finished").exists():
        return None
    return next((folder / n for n in _MODEL_NAMES if (folder / n).exists()), None)


def _train(config: TrainConfig, auxiliary: AuxiliaryConfig, events: Events, folder: Path) -> None:
    from ctlearn.tools.train_model import TrainCTLearnModel

    with tempfile.TemporaryDirectory() as scratch:
        signal = _link_all(events.sources, Path(scratch) / "signal")
        options = Path(scratch) / "ctlearn.yaml"
        options.write_text(yaml.safe_dump(_tool_options(config, auxiliary, events)))
        argv = ["--config", str(options), "--signal", str(signal), "--output", str(folder)]
        for task in auxiliary.weights:
            argv += ["--reco", task]
        try:
            TrainCTLearnModel().run([*argv, "--overwrite"], raises=True)
        except SystemExit as end:
            if end.code:
                raise UserError(f"auxiliary: CTLearn's training ended with {end.code}.") from end
        except Exception as error:  # whatever CTLearn's tool ends with
            raise UserError(f"auxiliary: CTLearn's training failed ({error}).") from error
    (folder / "finished").touch()


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
    reader["channels"] = list(events.channels)
    reader["image_mapper_type"] = [["type", "*", auxiliary.mapper]]
    reader["focal_length_choice"] = events.focal_length_choice
    if config.data.tel_type is not None:
        reader["allowed_tel_types"] = [config.data.tel_type]
    if config.data.quality_criteria:
        criteria = [list(pair) for pair in config.data.quality_criteria]
        options["TableQualityQuery"] = {"quality_criteria": criteria}
    return options
