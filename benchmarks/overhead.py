"""What generated images cost a CTLearn training: step times side by side, in one run.

    python benchmarks/overhead.py BUNDLE SIGNAL_FOLDER [--fraction 0.25] [--batch 64] [--steps 40]

CTLearn's ThinResNet is trained for energy on batches of one size: simulated images alone, with a
fraction of generated ones from a reservoir, and with a fraction generated beside the training. The
three take turns, so that a shared machine is as fast for each; given are medians over the turns and
their ratios to the first. Up to eight batches are made ahead while others have their turn, so turns
are many times as long, and these batches are not counted.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import yaml

MODES = ("none", "reservoir", "online")
TURNS = 3
#: Batches that may have been made ahead, in two stages.
_AHEAD = 8


def configuration(args, mode: str, folder: Path) -> Path:
    """A CTLearn configuration for one of the modes."""
    content = {"TrainCTLearnModel": {"batch_size": args.batch, "model_type": "ResNet"}}
    if mode != "none":
        content["gan_augment"] = {
            "generators": {args.particle: str(args.bundle)},
            "fraction": args.fraction,
            "mode": mode,
        }
    if mode == "reservoir":
        content["gan_augment"]["reservoir"] = {"images": args.images}
    path = folder / f"{mode}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def set_up(args, mode: str, folder: Path):
    """A training tool that is ready to train."""
    from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel

    tool = TrainAugmentedCTLearnModel()
    options = ["--config", str(configuration(args, mode, folder)), "--reco", "energy"]
    options += ["--signal", str(args.signal), "--output", str(folder / mode)]
    tool.initialize([*options, "--store", str(folder / "stores")])
    tool.setup()
    return tool


def new_model(tool):
    """CTLearn's model, compiled as its tool does."""
    import keras
    from ctlearn.core.model import CTLearnModel

    shape = tool.training_loader.input_shape
    model = CTLearnModel.from_name(
        tool.model_type, input_shape=shape, tasks=tool.reco_tasks, parent=tool
    ).model
    losses, metrics = tool._get_losses_and_mertics(tool.reco_tasks)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss=losses, metrics=metrics)
    model.make_train_function()
    return model


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("signal", type=Path)
    parser.add_argument("--particle", default="gamma")
    parser.add_argument("--fraction", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--images", type=int, default=2048)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tools = {mode: set_up(args, mode, Path(folder)) for mode in MODES}
        model = new_model(tools["none"])
        batches = {mode: iter(tool.training_loader.repeat()) for mode, tool in tools.items()}
        seconds = {mode: [] for mode in MODES}
        for turn in range(TURNS + 1):  # the first turn compiles
            for mode in MODES:
                for _ in range(_AHEAD):
                    model.train_function(batches[mode])
                start = time.perf_counter()
                for _ in range(args.steps):
                    model.train_function(batches[mode])
                seconds[mode].append((time.perf_counter() - start) / args.steps)
                print(f"turn {turn}: {mode} {seconds[mode][-1]:.3f} s per step", flush=True)
    plain = np.array(seconds["none"][1:])
    for mode in MODES:
        ours = np.array(seconds[mode][1:])
        print(
            f"{mode:10s}{1e3 * np.median(ours):8.1f} ms per step of {args.batch}"
            f"{np.median(ours / plain):7.3f} x"
        )


if __name__ == "__main__":
    main()
