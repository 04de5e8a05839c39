"""What a refinement gains between two toy simulations that differ on purpose.

    python benchmarks/refine.py [--steps 800] [--seed 1] [--events 6000] [--folder FOLDER]

The target has a brighter night sky, blurred optics and a higher trigger. A refiner is trained on
unpaired gammas of both; other gammas of the source are refined and compared with other gammas of
the target, by images that pass the same cut: Wasserstein-1 distances of image parameters in
standard deviations, and what a judge of energy and direction, trained on the target, makes of
images of similar labels. The null value is that of two samples of the target.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

CUT = 200  # p.e., above both triggers
TARGET = {"night_sky": 1.6, "point_spread": 0.06, "trigger": 7.0}
#: Images that a judge is trained on.
_JUDGED = 60_000


def write_domains(folder: Path, n_events: int, seed: int) -> dict[str, Path]:
    """Files to train on and to test with, of both domains."""
    from ctlearn_gan_aug.data.toy.conditions import Conditions
    from ctlearn_gan_aug.data.toy.simulate import simulate

    paths = {}
    for i, name in enumerate(("source", "source_test", "target", "target_test")):
        paths[name] = folder / f"{name}_{n_events}_{seed}.dl1.h5"
        conditions = Conditions(**TARGET) if name.startswith("target") else Conditions()
        if not paths[name].exists():
            options = {"camera": "hex271", "conditions": conditions}
            simulate("gamma", n_events, 10 * seed + i, paths[name], **options)
    return paths


def train(paths: dict[str, Path], folder: Path, args) -> Path:
    """A refiner's bundle."""
    from ctlearn_gan_aug.config.base import load_yaml, parse
    from ctlearn_gan_aug.config.refine import RefineConfig
    from ctlearn_gan_aug.config.shipped import shipped_config
    from ctlearn_gan_aug.refine.run import refine

    content = load_yaml(shipped_config("demo_refine"))
    content["data"] |= {name: [str(paths[name])] for name in ("source", "target")}
    content["data"]["quality_criteria"] = [["enough light", f"hillas_intensity > {CUT}"]]
    content["training"]["steps"] = args.steps
    content |= {"output": str(folder / "run"), "seed": args.seed}
    return refine(parse(RefineConfig, content), overwrite=True)


def samples(paths: dict[str, Path], bundle: Path, seed: int) -> dict:
    """Images that pass the cut, by what they are."""
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.dl1.selection import ImageSelection
    from ctlearn_gan_aug.evaluate.sample import Sample
    from ctlearn_gan_aug.refiner import load_refiner
    from ctlearn_gan_aug.sampling.refine import ImageRefiner

    refiner = load_refiner(bundle)
    found = {name: Sample.of(read_events([path])) for name, path in paths.items()}
    source = found["source_test"]
    numbers = np.arange(len(source))
    found["refined"] = source.with_pixels(ImageRefiner(refiner, seed)(source.pixels, numbers))
    criteria = [("enough light", f"hillas_intensity > {CUT}")]
    cut = ImageSelection.of_file(criteria, paths["source"], source.camera, refiner.cleaning)
    return {name: x.select(cut.of_pixels(x.pixels)) for name, x in found.items()}, refiner.cleaning


def print_distances(found: dict, cleaning) -> None:
    """Wasserstein-1 distance of every image parameter to the target, before and after."""
    from ctlearn_gan_aug.evaluate.metrics import wasserstein_sigma
    from ctlearn_gan_aug.evaluate.observables import image_parameters, measure

    measured = {name: image_parameters(measure(x, cleaning)) for name, x in found.items()}
    target = measured["target_test"]
    rows = {
        parameter: [
            wasserstein_sigma(measured[name][parameter], values)
            for name in ("source_test", "refined", "target")
        ]
        for parameter, values in target.items()
    }
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    print(f"{'W1 to the target':28s}{'before':>8s}{'after':>8s}{'null':>8s}")
    for parameter, values in rows.items():
        print(f"{parameter:28s}" + "".join(f"{value:8.3f}" for value in values))
    print(f"reduced by {1 - rows['mean'][1] / rows['mean'][0]:.1%}")


def print_residuals(found: dict, folder: Path, seed: int) -> None:
    """Residuals of a judge trained on the target, relative to those on the target's test images."""
    from ctlearn_gan_aug.evaluate.alignment import match
    from ctlearn_gan_aug.evaluate.bins import label_cells
    from ctlearn_gan_aug.evaluate.cache import Cache
    from ctlearn_gan_aug.evaluate.label_fidelity import judge_labels

    print(f"{'MAE of a judge':28s}{'ratio':>8s}   95 %           null           bias [dex, deg]")
    for name in ("source_test", "refined"):
        pair = found["target_test"], found[name]
        cells = [label_cells(sample.labels, 0.125, 0.5) for sample in pair]
        rows = match(cells, np.random.default_rng(seed))
        aligned = [sample.select(index) for sample, index in zip(pair, rows, strict=True)]
        options = {"n_images": _JUDGED, "seed": seed, "progress": lambda n: None}
        cache = Cache(folder / "judges")  # the second pair is judged by the first one's judge
        result = judge_labels(found["target"], *aligned, cache=cache, **options).metrics
        for label in ("energy", "direction"):
            ratio, bias = result[label]["ratio"]["mae"], result[label]["bias_shift"]["value"]
            print(
                f"{name + ', ' + label:28s}{ratio['value']:8.3f}   "
                f"{ratio['low']:.3f}-{ratio['high']:.3f}    "
                f"{ratio['null_low']:.3f}-{ratio['null_high']:.3f}    {bias:+.3f}"
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--folder", type=Path, help="keep files here and use them again")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_domains(folder, args.events, args.seed)
        started = time.process_time()
        bundle = train(paths, folder, args)
        seconds = time.process_time() - started
        found, cleaning = samples(paths, bundle, args.seed)
        print_distances(found, cleaning)
        print_residuals(found, folder, args.seed)
    print(f"trained in {seconds:.0f} s of one core")


if __name__ == "__main__":
    main()
