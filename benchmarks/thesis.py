"""Training and generation on the thesis' architecture: ours against a plain reference.

    python benchmarks/thesis.py [--batch 64] [--steps 3] [--rounds 5] [--skip training|generation]

In one run on one machine: (a) `thesis_reference.py`, plain Keras in float32; (b) ours as
configs/thesis_gamma.yaml ships it, trained by the run's own loop and generating by `Sampler`. Both
have an untrained CTLearn ThinResNet as auxiliary, since only the time counts. Processor time stands
beside the rate: on a machine that does other things too, it is the steadier of the two. An image is
one of the generator's batch, with the five critic updates that belong to it.
"""

import argparse
import logging
import multiprocessing
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from lst_like import write_lst_like
from thesis_reference import SIDE, Reference

from ctlearn_gan_aug.benchmark import matmul_peak, read_for, time_training, timed_config
from ctlearn_gan_aug.bundle import load_bundle, save_bundle
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.flops import model_flops
from ctlearn_gan_aug.models.fold import folded
from ctlearn_gan_aug.models.precision import best_precision
from ctlearn_gan_aug.sampling.generate import Sampler
from ctlearn_gan_aug.training.describe import describe
from ctlearn_gan_aug.training.run import Run

CAMERA_PIXELS = 1039  # MAGIC's
TASKS = ["energy", "cameradirection"]


def thin_resnet(side: int):
    """CTLearn's default ResNet, untrained."""
    from ctlearn.core.model import ResNet

    return ResNet(input_shape=(side, side, 1), tasks=TASKS, attention_mechanism="Channel-SE").model


class Timer:
    """Images/s and processor seconds per image since it was made."""

    def __init__(self):
        self.started = time.perf_counter(), time.process_time()

    def __call__(self, n_images: int) -> tuple[float, float]:
        """Both for so many images."""
        start, cpu_start = self.started
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        return n_images / wall, cpu / n_images


def reference_speed(batch: int, steps: int) -> tuple[float, float]:
    """Speed of the reference's training steps."""
    reference = Reference(thin_resnet(SIDE))
    real, labels = tf.random.normal((batch, SIDE, SIDE, 1)), tf.random.normal((batch, 3))
    reference.step(real, labels)
    timer = Timer()
    for _ in range(steps):
        [float(loss) for loss in reference.step(real, labels)]
    return timer(batch * steps)


def in_process(function, *args):
    """Result of a function in a process of its own: our determinism would slow the reference."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def our_config(args, folder: Path, files: list[Path]):
    """The shipped configuration with an untrained auxiliary, and the events."""
    config = timed_config("thesis_gamma", files, args.steps, args.batch)
    data = config.data.model_copy(update={"quality_criteria": []})
    config, events = read_for(config.model_copy(update={"data": data}), folder)
    path = folder / "ctlearn_model.keras"
    thin_resnet(events.camera.grid_side).save(path)
    from ctlearn_gan_aug.config.auxiliary import AuxiliaryConfig

    return config.model_copy(update={"auxiliary": AuxiliaryConfig(model=path)}), events


def untrained_bundle(config, events, folder: Path):
    """A bundle of the thesis' architecture."""
    labels = LabelSet.fit(config.labels, events.labels)
    run = Run(config, events, labels, time.monotonic())
    generator, source = run.networks.averaged, events.sources[0]
    meta = describe(config, events, labels, run.intensity, generator)
    save_bundle(folder / "bundle", meta, generator, run.training.labels, source)
    return load_bundle(folder / "bundle")


def generation_speeds(reference: Reference, bundle, batch: int, rounds: int) -> np.ndarray:
    """Speeds (rounds, 2, 2) of the reference and ours, in turn."""
    sampler, n_images = Sampler(bundle, seed=1), 16 * batch
    table = bundle.label_table[np.resize(np.arange(len(bundle.label_table)), n_images)]
    encoded = tf.constant(bundle.labels.encode(table))

    def theirs():
        for start in range(0, n_images, batch):
            reference(encoded[start : start + batch]).numpy()

    def speed(call):
        timer = Timer()
        call()
        return timer(n_images)

    calls = theirs, lambda: sampler.generate(table)
    speeds = [[speed(call) for call in calls] for _ in range(rounds + 1)]
    return np.array(speeds[1:])


def show(name: str, speed, flops: float, peak: dict[str, float], base) -> None:
    """One line of the result."""
    rate, cpu = speed
    parts = ", ".join(f"{rate * flops / p:4.0%} of {kind}" for kind, p in peak.items())
    print(f"{name:20s}{rate:8.1f} images/s {rate / base[0]:5.2f} x", end="")
    print(f"{1e3 * cpu:9.2f} CPU ms/image {base[1] / cpu:5.2f} x   {parts}", flush=True)


def compare_training(args, config, events, reference: Reference, peak) -> None:
    """Reference, ours, reference again."""
    before = in_process(reference_speed, args.batch, args.steps)
    run, ours = time_training(config, events, lambda stage, done: None)
    after = in_process(reference_speed, args.batch, args.steps)
    flops = ours["flops"] + 2 * model_flops(reference.auxiliary)
    base = tuple(np.mean([before, after], axis=0))
    print(f"\ntraining, batch {args.batch}: {flops / 1e9:.1f} GFLOP needed per image")
    show("reference, before", before, flops, peak, base)
    show("reference, after", after, flops, peak, base)
    speed = ours["images_per_second"], ours["cpu_seconds"]
    show(f"ours, {run.config.training.precision}", speed, flops, peak, base)


def compare_generation(args, bundle, reference: Reference, peak) -> None:
    """Both in turn, and the arithmetic of each."""
    speeds = generation_speeds(reference, bundle, args.batch, args.rounds)
    theirs, ours = np.median(speeds, axis=0)
    precision, needed = best_precision(bundle.generator), model_flops(reference.generator)
    used = model_flops(folded(bundle.generator, precision))
    print(f"\ngeneration: {needed / 1e6:.0f} MFLOP per image, folded {used / 1e6:.0f}")
    show(f"reference, batch {args.batch}", theirs, needed, peak, theirs)
    show(f"ours, {precision}", ours, used, peak, theirs)
    for name, ratios in (
        ("rate", speeds[:, 1, 0] / speeds[:, 0, 0]),
        ("CPU time", speeds[:, 0, 1] / speeds[:, 1, 1]),
    ):
        print(f"ratio of {name} by round: {', '.join(f'{r:.2f}' for r in ratios)}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="training steps to time")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of generation")
    parser.add_argument("--skip", choices=("training", "generation"))
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    peak = {name: matmul_peak(name) for name in ("float32", "bfloat16")}
    print("matrix products:", ", ".join(f"{k} {p / 1e9:.0f} GFLOP/s" for k, p in peak.items()))
    reference = Reference(thin_resnet(SIDE))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        path = write_lst_like(folder / "gamma.dl1.h5", 4 * args.batch, CAMERA_PIXELS)
        config, events = our_config(args, folder, [path])
        if args.skip != "generation":
            compare_generation(args, untrained_bundle(config, events, folder), reference, peak)
        if args.skip != "training":
            compare_training(args, config, events, reference, peak)


if __name__ == "__main__":
    main()
