"""What the trainings of a study are configured with."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bundle import Bundle
from ..config import augment as blocks
from ..config.base import Section, load_yaml, parse
from ..config.region import Region
from ..config.shipped import shipped_config
from ..config.study import (
    BOTH,
    OVERSAMPLED,
    SIMULATION,
    SYMMETRIES,
    GeneratorSource,
    ModelTraining,
)
from ..config.train import TrainConfig
from ..errors import UserError
from .plan import TrainingSet, size_name

_TOOL = "TrainCTLearnModel"
_BLOCK = "gan_augment"
_LENGTHS = ("steps", "epochs", "budget")
#: CTLearn's own, where its configuration leaves them out.
_BATCH_SIZE, _N_EPOCHS, _VALIDATION_SPLIT = 64, 10, 0.1


@dataclass(frozen=True)
class Length:
    """How long a CTLearn model is trained.

    Attributes
    ----------
    epochs, steps : int
        Epochs, and optimizer steps in all of them.
    """

    epochs: int
    steps: int


def generator_config(
    source: GeneratorSource, files: Path, output: Path, store: Path, seed: int
) -> TrainConfig:
    """The training of a generator.

    Parameters
    ----------
    source : GeneratorSource
        With a ``config``.
    files : Path
        Folder of the training set.
    output, store : Path
        Run folder, and folder of pixel stores.
    seed : int
        Of all randomness.
    """
    path = _named(source.config)
    content = _merged(load_yaml(path), source.overrides)
    data = {"files": [str(files)], "store": str(store)}
    content = _merged(content, {"data": data, "output": str(output), "seed": seed})
    return parse(TrainConfig, content, path)


def bundle_path(source: GeneratorSource, events: TrainingSet) -> Path:
    """The given bundle of a training set."""
    return Path(source.bundle.format(size=size_name(events.size), seed=events.draw)).absolute()


def read_ctlearn(training: ModelTraining) -> dict[str, Any]:
    """The CTLearn configuration of a study.

    Raises
    ------
    UserError
        If it is none, or says itself what to augment with.
    """
    path = _named(training.config)
    content = load_yaml(path)
    if _BLOCK in content:
        raise UserError(
            f"{path}: has a block {_BLOCK}, which every arm has of its own; move what all arms "
            "share to augment in the study's configuration."
        )
    return content


def ctlearn_config(
    content: dict, tasks: list[str], n_epochs: int, seed: int, block: dict | None
) -> dict[str, Any]:
    """CTLearn's configuration for one run.

    The learning rate is reduced after the same part of the training in all runs, whatever their
    epochs: CTLearn's ``patience`` is taken relative to ``n_epochs`` of ``content``.
    """
    content = copy.deepcopy(content)
    tool = content.setdefault(_TOOL, {})
    reducing = tool.get("lr_reducing")
    if reducing and "patience" in reducing:
        part = reducing["patience"] / tool.get("n_epochs", _N_EPOCHS)
        reducing["patience"] = max(1, round(part * n_epochs))
    tool |= {"n_epochs": n_epochs, "random_seed": seed, "reco_tasks": list(tasks)}
    return content | ({} if block is None else {_BLOCK: block})


def length(content: dict, training: ModelTraining, n_events: int, fraction: float) -> Length:
    """Epochs in which a run takes as many optimizer steps as all others, to half an epoch.

    An epoch shows every simulated training event once, so the more images are added the more
    batches it has.

    Parameters
    ----------
    content : dict
        CTLearn's configuration.
    training : ModelTraining
        How long.
    n_events : int
        Simulated events of the training set that pass the quality criteria.
    fraction : float
        Part of every batch that is added.
    """
    tool = content.get(_TOOL, {})
    batch = tool.get("batch_size", _BATCH_SIZE)
    n_training = n_events - int(tool.get("validation_split", _VALIDATION_SPLIT) * n_events)
    n_simulated = batch - math.floor(fraction * batch + 0.5)
    wanted = training.steps or training.epochs * (n_training // batch)
    steps = max(n_training // n_simulated, 1)
    epochs = max(1, round(wanted / steps))
    return Length(epochs, epochs * steps)


def block(
    arm: str, shared: dict, bundles: dict[str, Bundle | None], seed: int
) -> dict[str, Any] | None:
    """The ``gan_augment:`` block of an arm, None where it has none.

    Parameters
    ----------
    arm : str
        One of the arms.
    shared : dict
        The keys that all blocks share.
    bundles : dict of str to Bundle or None
        By particle; None where the arm needs none.
    seed : int
        Of what is added.
    """
    if arm == SIMULATION:
        return None
    if arm == SYMMETRIES:
        return {"symmetries": True, "seed": seed}
    if arm == OVERSAMPLED:
        return {**shared, "generators": dict.fromkeys(bundles, blocks.SIMULATION), "seed": seed}
    content = {**shared, "generators": {p: str(b.path) for p, b in bundles.items()}, "seed": seed}
    return content | ({"symmetries": True} if arm == BOTH else {})


def shared_keys(augment: Section) -> dict[str, Any]:
    """The keys of ``augment`` that are given, as the block has them."""
    return augment.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def within(augment: Section, bundles: dict[str, Bundle]) -> Section:
    """The same without energies above and below all that a region's generator was trained on.

    Nothing changes with ``extrapolate``.

    Raises
    ------
    UserError
        If nothing is left of a region.
    """
    if augment.regions is None or augment.extrapolate:
        return augment
    only = next(iter(bundles))
    regions = [_within(region, bundles[region.particle or only]) for region in augment.regions]
    return augment.model_copy(update={"regions": tuple(regions)})


def _within(region: Region, bundle: Bundle) -> Region:
    if region.energy is None:
        return region
    known = bundle.label_table["true_energy"]
    low, high = max(region.energy[0], known.min()), min(region.energy[1], known.max())
    if low >= high:
        raise UserError(
            f"{bundle.path}: was trained on {known.min():.3g} to {known.max():.3g} TeV, none of "
            f"which is in the region ({region.describe()}); choose another region."
        )
    return region.model_copy(update={"energy": (float(low), float(high))})


def _named(name: str) -> Path:
    """A YAML file by its path, or a shipped one by its name."""
    path = Path(name)
    is_file = path.suffix in (".yaml", ".yml") or path.exists()
    return path if is_file else shipped_config(name)


def _merged(content: dict, changes: dict) -> dict:
    """``content`` with changes in it and its sections; a length of training replaces others."""
    merged = dict(content)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = (
            _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
        if key in _LENGTHS:
            for other in set(_LENGTHS) - {key}:
                merged.pop(other, None)
    return merged
