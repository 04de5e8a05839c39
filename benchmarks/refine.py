"""What a refinement gains between two simulations that differ on purpose.

    python benchmarks/refine.py [--steps 1000] [--seed 1] [--events 6000] [--folder FOLDER]
    python benchmarks/refine.py --files TRAIN TEST TARGET TARGET_TEST [--steps 1000] ...

The target has a brighter night sky, blurred optics and a higher trigger: toy simulations, or given
DL1 files, of which the last two are put under such conditions. A refiner is trained on unpaired
gammas of both; other gammas of the source are refined and compared with other gammas of the
target, by images that pass the same cut: Wasserstein-1 distances of image parameters in
standard deviations, beside those of two samples of the target (null). Judges of energy and
direction that took no part look at the labels: one trained on the source compares refined images
with what they were, one trained on the target with its own images.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from other_conditions import write_under_other_conditions

CUT = 200  # p.e., above both triggers
TARGET = {"night_sky": 1.6, "point_spread": 0.12, "trigger": 7.0}
CAMERA = "hex127"
#: Images that a judge is shown in training, one or several times.
_JUDGED = 40_000
_DOMAINS = ("source", "source_test", "target", "target_test")


def write_domains(folder: Path, n_events: int, seed: int) -> dict[str, Path]:
    """Toy files to train on and to test with, of both domains."""
    from ctlearn_gan_aug.data.toy.conditions import Conditions
    from ctlearn_gan_aug.data.toy.simulate import simulate

    paths = {}
    for i, name in enumerate(_DOMAINS):
        paths[name] = folder / f"{name}_{CAMERA}_{n_events}_{seed}.dl1.h5"
        conditions = Conditions(**TARGET) if name.startswith("target") else Conditions()
        if not paths[name].exists():
            options = {"camera": CAMERA, "conditions": conditions}
            simulate("gamma", n_events, 10 * seed + i, paths[name], **options)
    return paths


def given_domains(files: list[Path], folder: Path, seed: int) -> dict[str, Path]:
    """The same of given files, the targets among them under other conditions."""
    paths = dict(zip(_DOMAINS, files, strict=True))
    for i, name in enumerate(_DOMAINS[2:]):
        path = folder / f"{name}_{paths[name].name}"
        if not path.exists():
            write_under_other_conditions(paths[name], path, 10 * seed + i)
        paths[name] = path
    return paths


def train(paths: dict[str, Path], folder: Path, args) -> Path:
    """A refiner's bundle."""
    from ctlearn_gan_aug.config.base import load_yaml, parse
    from ctlearn_gan_aug.config.refine import RefineConfig
    from ctlearn_gan_aug.config.shipped import shipped_config
    from ctlearn_gan_aug.refine.run import refine

    content = load_yaml(shipped_config("refine" if args.files else "demo_refine"))
    content["data"] |= {name: [str(paths[name])] for name in ("source", "target")}
    content["data"]["quality_criteria"] = [["enough light", f"hillas_intensity > {CUT}"]]
    content["training"]["steps"] = args.steps
    # A run that was interrupted, or has ended, in a folder of before is not done again.
    domain = args.files[0].name if args.files else args.events
    content["output"] = str(folder / f"run_{args.steps}_{domain}_{args.seed}")
    content["seed"] = args.seed
    is_new, started = not Path(content["output"]).exists(), time.process_time()
    bundle = refine(parse(RefineConfig, content), resume=True)
    if is_new:
        seconds = time.process_time() - started
        print(f"{args.steps} steps in {seconds:.0f} s of processors", flush=True)
    return bundle


def samples(paths: dict[str, Path], bundle: Path, seed: int) -> tuple[dict, object]:
    """Images of every kind, what passes the cut of each, and the tail cuts."""
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
    passed = {name: cut.of_pixels(x.pixels) for name, x in found.items()}
    both = passed["source_test"] & passed["refined"]
    pair = {"unrefined": source.select(both), "same_refined": found["refined"].select(both)}
    return pair | {name: x.select(passed[name]) for name, x in found.items()}, refiner.cleaning


def print_distances(found: dict, cleaning) -> None:
    """Wasserstein-1 distance of every image parameter to the target, before and after."""
    from ctlearn_gan_aug.evaluate.metrics import wasserstein_sigma
    from ctlearn_gan_aug.evaluate.observables import image_parameters, measure

    names = ("source_test", "refined", "target", "target_test")
    measured = {name: image_parameters(measure(found[name], cleaning)) for name in names}
    rows = {
        parameter: [wasserstein_sigma(measured[name][parameter], values) for name in names[:-1]]
        for parameter, values in measured["target_test"].items()
    }
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    print(f"{'W1 to the target':28s}{'before':>8s}{'after':>8s}{'null':>8s}")
    for parameter, values in rows.items():
        print(f"{parameter:28s}" + "".join(f"{value:8.3f}" for value in values))
    before, after, null = rows["mean"]
    print(f"reduced by {1 - after / before:.1%}, of what is above the null by ", end="")
    print(f"{1 - (after - null) / (before - null):.1%}", flush=True)


def print_residuals(found: dict, folder: Path, seed: int) -> None:
    """Mean absolute errors of judges of both domains, as ratios."""
    pairs = {
        "refined to themselves before": ("source", found["unrefined"], found["same_refined"]),
        "unrefined to target": ("target", *matched(found, "source_test", seed)),
        "refined to target": ("target", *matched(found, "refined", seed)),
    }
    print(f"{'MAE of judges, ratio of':52s}    95 %           null           bias [dex, deg]")
    for title, (judge, reference, images) in pairs.items():
        print_judged(title, judge, judge_pair(found[judge], reference, images, folder, seed))


def matched(found: dict, name: str, seed: int) -> list:
    """As many images of the target and of a kind, of like energies and offsets."""
    from ctlearn_gan_aug.evaluate.alignment import match
    from ctlearn_gan_aug.evaluate.bins import label_cells

    pair = found["target_test"], found[name]
    cells = [label_cells(sample.labels, 0.125, 0.5) for sample in pair]
    rows = match(cells, np.random.default_rng(seed))
    return [sample.select(index) for sample, index in zip(pair, rows, strict=True)]


def judge_pair(training, reference, images, folder: Path, seed: int) -> dict:
    """What a judge makes of images beside the reference, see `judge_labels`."""
    from ctlearn_gan_aug.evaluate.cache import Cache
    from ctlearn_gan_aug.evaluate.label_fidelity import judge_labels

    options = {"n_images": _JUDGED, "seed": seed, "progress": lambda n: None}
    cache = Cache(folder / "judges")  # another pair is judged by the same judge
    return judge_labels(training, reference, images, cache=cache, **options).metrics


def print_judged(title: str, judge: str, metrics: dict) -> None:
    """A line for each label."""
    for label in ("energy", "direction"):
        ratio, bias = metrics[label]["ratio"]["mae"], metrics[label]["bias_shift"]["value"]
        print(
            f"{f'{title}, {label}, judge of {judge}':52s}{ratio['value']:6.3f}   "
            f"{ratio['low']:.3f}-{ratio['high']:.3f}    "
            f"{ratio['null_low']:.3f}-{ratio['null_high']:.3f}    {bias:+.3f}",
            flush=True,
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=6000)
    names = ("TRAIN", "TEST", "TARGET", "TARGET_TEST")
    parser.add_argument("--files", type=Path, nargs=4, metavar=names, help="in place of toy files")
    parser.add_argument("--folder", type=Path, help="keep files here and use them again")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if args.files:
            paths = given_domains(args.files, folder, args.seed)
        else:
            paths = write_domains(folder, args.events, args.seed)
        bundle = train(paths, folder, args)
        found, cleaning = samples(paths, bundle, args.seed)
        print_distances(found, cleaning)
        print_residuals(found, folder, args.seed)


if __name__ == "__main__":
    main()
