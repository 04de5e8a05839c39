"""Generation and a training pass of the default recipe on this machine's accelerator.

    KERAS_BACKEND=jax python benchmarks/gpu.py [--recipe configs/gamma.yaml]
        [--cameras 1039 1855] [--batches 64 1000 10000] [--training-batch 64] [--repeats 5]
        [--precisions float32 mixed_bfloat16] [--parts generation training]

Networks are built freshly for stand-ins of a MAGIC-like camera (1039 pixels on 39 x 39 cells) and
of LST's (1855 on 55 x 55). Keras, JAX or PyTorch, NumPy, SciPy, pydantic, PyYAML and safetensors
are all it needs: neither TensorFlow nor ctapipe nor CTLearn. Printed are

- generation as `Sampler` does it, random numbers of the host included, and the network alone,
- a forward and backward pass of generator and critic,

with the fraction of a measured peak of matrix products that their matrix work reaches.
"""

import argparse
import math
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
from keras import ops

from ctlearn_gan_aug.bundle import new_generator
from ctlearn_gan_aug.config.base import load_yaml, parse
from ctlearn_gan_aug.config.networks import CriticConfig, GeneratorConfig
from ctlearn_gan_aug.config.train import TrainingConfig
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.labels import LABEL_COLUMNS, LabelSet
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.models.flops import model_flops
from ctlearn_gan_aug.models.maps import LabelMaps
from ctlearn_gan_aug.sampling.generate import Sampler

BACKEND = keras.backend.backend()
RECIPE = Path(__file__).resolve().parents[1] / "configs" / "gamma.yaml"
SIDES = {1039: 39, 1855: 55}
PEAK_SIDE = 8192
PIXEL_PITCH = 0.05  # m


@dataclass
class Recipe:
    """What a training configuration says of networks; the rest of it may need astropy."""

    channels: list[str]
    labels: list[str]
    generator: GeneratorConfig
    critic: CriticConfig
    batch_size: int

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Take it from a configuration file."""
        content = load_yaml(path)
        batch_size = TrainingConfig.model_fields["batch_size"].default
        return cls(
            content["data"]["channels"],
            content["labels"],
            parse(GeneratorConfig, content.get("generator", {}), path),
            parse(CriticConfig, content.get("critic", {}), path),
            content["training"].get("batch_size", batch_size),
        )


@dataclass
class Camera:
    """As much of `ctlearn_gan_aug.camera.Camera` as networks need."""

    n_pixels: int
    grid_side: int
    cell_of_pixel: np.ndarray
    pixel_xy: np.ndarray

    @classmethod
    def hexagonal(cls, n_pixels: int) -> "Camera":
        """The cells nearest to the centre of a grid whose odd rows are shifted by half a cell."""
        side = SIDES.get(n_pixels, math.ceil(1.2 * math.sqrt(n_pixels)) | 1)
        row, column = np.divmod(np.arange(side**2), side)
        x = column + 0.5 * (row % 2) - side / 2
        xy = PIXEL_PITCH * np.stack([x, (row - side / 2) * math.sqrt(0.75)], axis=1)
        cells = np.sort(np.argsort(np.hypot(*xy.T), kind="stable")[:n_pixels]).astype(np.int32)
        return cls(n_pixels, side, cells, xy[cells])

    @property
    def mask(self) -> np.ndarray:
        """1 in cells that hold a pixel, (side, side)."""
        grid = np.zeros(self.grid_side**2, np.float32)
        grid[self.cell_of_pixel] = 1.0
        return grid.reshape(self.grid_side, -1)


def stand_in(config: Recipe, n_pixels: int) -> SimpleNamespace:
    """What `Sampler` uses of a bundle, with random weights."""
    rng = np.random.default_rng(1)
    camera = Camera.hexagonal(n_pixels)
    pixels = np.stack(
        [rng.normal(0, 1.5, (200, n_pixels)), rng.normal(15, 5, (200, n_pixels))], axis=-1
    ).astype(np.float32)
    pixels[:, :20, 0] += rng.exponential(50.0, (200, 20))
    channels = config.channels
    intensity = IntensityTransform.fit(
        pixels[..., : len(channels)], pixels[..., 0] > 8, tuple(channels)
    )
    columns = tuple(name for label in config.labels for name, _ in LABEL_COLUMNS[label])
    one = np.ones(len(columns))
    labels = LabelSet(tuple(config.labels), columns, 0 * one, one, -one, one)
    return SimpleNamespace(
        camera=camera,
        intensity=intensity,
        labels=labels,
        maps=LabelMaps(camera, labels),
        generator=new_generator(config.generator, camera, labels, intensity),
        meta=SimpleNamespace(channels=channels),
    )


def seconds_of(function, repeats: int) -> float:
    """Median seconds of a call, after one that compiles."""
    function()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def compiled(function):
    """A function of tensors as the backend compiles it; results are waited for."""
    if BACKEND == "jax":
        import jax

        fast = jax.jit(function)
        return lambda *args: jax.block_until_ready(fast(*args))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        fast = tf.function(function, jit_compile=bool(tf.config.list_physical_devices("GPU")))
        return lambda *args: tf.nest.map_structure(lambda x: x.numpy().sum(), fast(*args))
    import torch

    def call(*args):
        result = function(*args)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return result

    return call


def without_gradients(function):
    """PyTorch keeps track of gradients unless it is told otherwise."""
    if BACKEND != "torch":
        return function
    import torch

    return torch.no_grad()(function)


def gradients(model: keras.Model):
    """A function (inputs) to the weights' gradients of the mean output, as in a training step."""

    def score(outputs):
        return sum(ops.mean(ops.cast(x, "float32")) for x in keras.tree.flatten(outputs))

    if BACKEND == "jax":
        import jax

        def loss(trainable, fixed, inputs):
            return score(model.stateless_call(trainable, fixed, inputs, training=True)[0])

        trainable, fixed = (
            [variable.value for variable in group]
            for group in (model.trainable_variables, model.non_trainable_variables)
        )
        return lambda inputs: jax.grad(loss)(trainable, fixed, inputs)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        def tape_gradients(inputs):
            with tf.GradientTape() as tape:
                value = score(model(inputs, training=True))
            return tape.gradient(value, [v.value for v in model.trainable_variables])

        return tape_gradients

    def backward(inputs):
        model.zero_grad()
        score(model(inputs, training=True)).backward()
        return [v.value.grad for v in model.trainable_variables]

    return backward


def matmul_peak(dtype: str) -> float:
    """FLOP/s of products of large matrices."""
    side = PEAK_SIDE if device()[0] != "cpu" else 2048
    x = ops.cast(keras.random.normal((side, side), seed=1), dtype)
    product = compiled(without_gradients(lambda x: ops.matmul(x, x)))
    return 2.0 * side**3 / seconds_of(lambda: product(x), 10)


def device() -> tuple[str, str]:
    """Kind and name of what the backend calculates on."""
    if BACKEND == "jax":
        import jax

        return jax.devices()[0].platform, jax.devices()[0].device_kind
    if BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            return "gpu", torch.cuda.get_device_name()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            return "gpu", tf.config.experimental.get_device_details(gpu)["device_name"]
    return "cpu", platform.processor() or platform.machine()


def random_inputs(model: keras.Model, batch: int) -> list:
    """Normal numbers for every input of a model."""
    return [keras.random.normal((batch, *x.shape[1:]), seed=i) for i, x in enumerate(model.inputs)]


def show(what: str, batch: int, seconds: float, flops: float, peak: float) -> None:
    """One line of figures."""
    rate = batch / seconds
    print(
        f"  {what:34s}{batch:7d}{1e6 * seconds / batch:12.1f} us/image {rate:11.0f} images/s"
        f"{rate * flops / peak:9.1%} of peak",
        flush=True,
    )


def time_generation(bundle, batches: list[int], repeats: int, precision: str, peak: float) -> None:
    """As `Sampler` does it, and by the network alone."""
    flops = model_flops(bundle.generator)
    wide = "bfloat16" if precision == "mixed_bfloat16" else "float32"
    for batch in batches:
        sampler = Sampler(bundle, seed=1, batch_size=batch, precision=wide)
        encoded = np.random.default_rng(2).uniform(-1, 1, (batch, bundle.labels.size))
        encoded, numbers = encoded.astype(np.float32), np.arange(batch)
        spent = seconds_of(lambda s=sampler, n=numbers, e=encoded: s.images(n, e), repeats)
        show("generation (Sampler)", batch, spent, flops, peak)
        spent = seconds_of(lambda s=sampler, n=numbers: s._random(n), repeats)
        show("  of which random numbers", batch, spent, 0.0, peak)
        network = sampler._pixels.network
        run = compiled(without_gradients(lambda *x, m=network: m(list(x), training=False)))
        inputs = random_inputs(network, batch)
        show("  network alone", batch, seconds_of(lambda: run(*inputs), repeats), flops, peak)  # noqa: B023


def time_training(config, bundle, batch: int, repeats: int, peak: float) -> None:
    """Forward and backward pass of both networks."""
    critic = build_critic(
        config.critic,
        bundle.camera.grid_side,
        bundle.maps.sizes,
        len(bundle.meta.channels),
        bundle.labels.size,
    )
    for name, model, images in (
        ("generator", bundle.generator, batch),
        ("critic", critic, 2 * batch),
    ):
        run, inputs = compiled(gradients(model)), random_inputs(model, images)
        spent = seconds_of(lambda r=run, i=inputs: r(i), repeats)
        show(f"{name}, forward and backward", images, spent, 3 * model_flops(model), peak)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 1000, 10_000])
    parser.add_argument("--cameras", type=int, nargs="+", default=list(SIDES))
    parser.add_argument("--training-batch", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--parts", nargs="+", default=["generation", "training"])
    args = parser.parse_args()
    config = Recipe.read(args.recipe)
    batch = args.training_batch or config.batch_size
    print(f"Keras {keras.__version__} on {BACKEND}, {' '.join(device())}")
    for precision in args.precisions:
        keras.config.set_dtype_policy(precision)
        peak = matmul_peak(precision.removeprefix("mixed_"))
        print(f"\n{precision}: peak of matrix products {peak / 1e12:.1f} TFLOP/s")
        for n_pixels in args.cameras:
            bundle = stand_in(config, n_pixels)
            side = bundle.camera.grid_side
            print(f" {n_pixels} pixels on {side} x {side} cells")
            if "generation" in args.parts:
                time_generation(bundle, args.batches, args.repeats, precision, peak)
            if "training" in args.parts:
                time_training(config, bundle, batch, args.repeats, peak)


if __name__ == "__main__":
    main()
