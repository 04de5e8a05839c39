"""CTLearn trained without and with a gan_augment block; two of the examples use this.

Both trainings have the same CTLearn configuration, initial weights and number of optimizer steps.
One seed is no proof: docs/study.md has the comparison over seeds that a result needs.
"""

import argparse
from pathlib import Path

import keras
import yaml
from astropy.table import QTable
from common import options_of

from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel
from ctlearn_gan_aug.config.base import load_yaml
from ctlearn_gan_aug.config.shipped import shipped_config
from ctlearn_gan_aug.study.predict import predict


def arguments(description: str) -> argparse.ArgumentParser:
    """Options that both examples have."""
    parser = options_of(
        description,
        bundle="generator of gammas",
        training="folder of simulated gammas to train CTLearn on",
        test="held-out simulated gammas, a file or folder",
        output="folder for models, table and figure",
    )
    parser.add_argument(
        "--ctlearn",
        type=Path,
        default=shipped_config("study_ctlearn"),
        help="CTLearn configuration; by default a small network that learns in a few epochs",
    )
    parser.add_argument("--epochs", type=int, default=12, help="of the training without the block")
    parser.add_argument("--fraction", type=float, default=0.25, help="of a batch that is generated")
    return parser


def reconstructed(task: str, block: dict, options: argparse.Namespace) -> dict[str, QTable]:
    """Train two models of a task and reconstruct the test events with both.

    Parameters
    ----------
    task : str
        CTLearn's name.
    block : dict
        ``gan_augment:`` block, but for what the options say.
    options : Namespace
        From `arguments`.

    Returns
    -------
    dict of str to QTable
        Truth and reconstruction of the test events, ``simulation`` (without the block) and
        ``augmented``; see `ctlearn_gan_aug.study.predict.predict`.
    """
    generators, fraction = {"gamma": str(options.bundle)}, options.fraction
    block = {"generators": generators, "fraction": fraction, "seed": options.seed, **block}
    # Generated images make an epoch longer by 1 / (1 - fraction).
    epochs = {"simulation": options.epochs, "augmented": round(options.epochs * (1 - fraction))}
    options.output.mkdir(parents=True, exist_ok=True)
    store, found = options.output / "store", {}  # pixels of all files, read once
    for name, n_epochs in epochs.items():
        content = load_yaml(options.ctlearn)
        content["TrainCTLearnModel"]["n_epochs"] = max(n_epochs, 1)
        if name == "augmented":
            content["gan_augment"] = block
        config, model = options.output / f"{name}.yaml", options.output / name
        config.write_text(yaml.safe_dump(content, sort_keys=False))
        keras.utils.set_random_seed(options.seed)
        train(config, options.training, task, model, store)
        found[name] = predict(model, content, [options.test], [], store)
    return found


def train(config: Path, signal: Path, task: str, output: Path, store: Path) -> None:
    """Run ``ctlearn-gan train-model``; an earlier model in the folder is replaced."""
    words = ["--config", config, "--signal", signal, "--reco", task, "--store", store]
    try:
        TrainAugmentedCTLearnModel().run([*map(str, words), "--output", str(output), "--overwrite"])
    except SystemExit as end:  # so does every ctapipe tool
        if end.code:
            raise
