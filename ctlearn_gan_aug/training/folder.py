"""The folder of a training run: never someone else's, never half an old run."""

import logging
from pathlib import Path

from ..config.base import dump_yaml, load_yaml
from ..config.train import TrainConfig
from ..errors import UserError
from ..files import PART_SUFFIX, check_new, remove
from ..locks import LOCK
from ..models.precision import training_precision

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"
_CONFIG = "config.yaml"
#: Weights of the best snapshot.
BEST = "best.safetensors"
#: Pixel stores; they outlive ``--overwrite``, which the next run saves reading by.
STORE = "store"
#: What a run writes into its folder before its first checkpoint, and after it.
_EARLY = (_CONFIG, "metrics.jsonl", "tensorboard", "auxiliary")
_LATE = (CHECKPOINT, BEST, "samples", "bundle")


def check_output(folder: Path, resume: bool, overwrite: bool) -> bool:
    """Refuse a folder that holds another run; returns whether there is a checkpoint to go on from.

    Resuming a run that has no checkpoint yet, or does not exist, starts it: a job that is queued
    again after it was ended needs one command for all cases.
    """
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found -= {STORE, LOCK}
    if not resume:
        check_new(folder, overwrite or not found, hint="--overwrite or --resume")
        return False
    if CHECKPOINT in found:
        return True
    foreign = sorted(n for n in found.difference(_EARLY) if not n.endswith(PART_SUFFIX))
    if foreign:
        raise UserError(
            f"{folder}: holds {foreign[0]}, but no {CHECKPOINT} to resume from; choose another "
            "folder, or pass --overwrite to start anew."
        )
    log.info("%s: no checkpoint yet, the run starts at step 0.", folder)
    return False


def with_precision(config: TrainConfig, resume: bool = False) -> TrainConfig:
    """The configuration with ``precision: auto`` decided.

    A resumed run keeps what was decided at its start, on whatever machine it goes on.
    """
    wanted = config.training.precision
    if wanted == "auto" and resume and (config.output / _CONFIG).exists():
        wanted = load_yaml(config.output / _CONFIG)["training"]["precision"]
    training = config.training.model_copy(update={"precision": training_precision(wanted)})
    return config.model_copy(update={"training": training})


def prepare_output(config: TrainConfig, resume: bool, has_checkpoint: bool = True) -> None:
    """Make the run folder, with the resolved configuration.

    An earlier run's files are removed, unless that run is resumed. Without a checkpoint it is only
    if its configuration was the same: what it has, such as a trained auxiliary, is of use.
    """
    folder = config.output
    text = dump_yaml(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / _CONFIG
        if resume and not has_checkpoint:
            resume = known.exists() and known.read_text() == text
        if not resume:
            for name in _EARLY + _LATE:
                remove(folder / name)
        for left in folder.glob(f".*{PART_SUFFIX}"):  # by a run that was killed
            remove(left)
        known.write_text(text)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}).") from error
