"""The folder of a training run: never someone else's, never half an old run."""

import shutil
from pathlib import Path

import yaml

from ..config.base import load_yaml
from ..config.train import TrainConfig
from ..errors import UserError
from ..files import check_new
from ..models.precision import training_precision

CHECKPOINT = "checkpoint.safetensors"
_CONFIG = "config.yaml"
#: Weights of the best snapshot.
BEST = "best.safetensors"
#: Pixel stores; they outlive ``--overwrite``, which the next run saves reading by.
STORE = "store"
#: Everything else a run writes into its folder, for ``--overwrite``.
_CONTENTS = (_CONFIG, "metrics.jsonl", CHECKPOINT, BEST, "tensorboard")
_CONTENTS += ("samples", "auxiliary", "bundle")


def check_output(folder: Path, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds another run, or none to resume."""
    if resume:
        if not (folder / CHECKPOINT).exists():
            raise UserError(f"{folder}: no checkpoint to resume from; start without --resume.")
        return
    is_empty = folder.is_dir() and not any(path.name != STORE for path in folder.iterdir())
    check_new(folder, overwrite or is_empty, hint="--overwrite or --resume")


def with_precision(config: TrainConfig, resume: bool = False) -> TrainConfig:
    """The configuration with ``precision: auto`` decided.

    A resumed run keeps what was decided at its start, on whatever machine it goes on.
    """
    wanted = config.training.precision
    if wanted == "auto" and resume and (config.output / _CONFIG).exists():
        wanted = load_yaml(config.output / _CONFIG)["training"]["precision"]
    training = config.training.model_copy(update={"precision": training_precision(wanted)})
    return config.model_copy(update={"training": training})


def prepare_output(config: TrainConfig, resume: bool) -> None:
    """Make the run folder, empty of an earlier run's files, with the resolved configuration."""
    folder = config.output
    if not resume:
        for name in _CONTENTS:
            old = folder / name
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        (folder / _CONFIG).write_text(text)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}).") from None
