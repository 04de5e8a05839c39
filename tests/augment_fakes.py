"""Stand-ins for a generator bundle and CTLearn's loader, and small CTLearn trainings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import yaml
from astropy.table import Table

from ctlearn_gan_aug.augment.label_chunks import CHUNK_SIZE, DrawnLabels
from ctlearn_gan_aug.augment.plan import MixedRegion
from ctlearn_gan_aug.augment.stream import ReaderFormat, RegionStream
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.dl1.cleaning import CleaningSettings
from ctlearn_gan_aug.dl1.selection import ImageSelection
from ctlearn_gan_aug.labels import LabelSet

PARTICLE_IDS = {"gamma": 0, "proton": 101}
CLEANING = CleaningSettings(picture=7.0, boundary=4.0, keep_isolated=False, min_neighbors=2)
#: Charge of the marker pixel, p.e.: the image's running number, small enough for float32.
MARKER_PIXEL = 3
BATCH = 16
#: A CTLearn training of seconds.
TRAINING = {
    "n_epochs": 2,
    "batch_size": BATCH,
    "model_type": "SingleCNN",
    "SingleCNN": {
        "attention_mechanism": "Spatial-SE",
        "batchnorm": True,
        "architecture": [{"filters": 4, "kernel_size": 3, "number": 1}],
    },
    "DLImageReader": {"image_mapper_type": [["type", "*", "ShiftingMapper"]]},
}


@cache
def toy_camera() -> Camera:
    """Camera of the toy telescope."""
    from ctlearn_gan_aug.data.toy.telescope import TEL_ID, toy_subarray

    return Camera.from_subarray(toy_subarray(), TEL_ID)


def label_table(n: int, particle: str, seed: int = 0) -> Table:
    """Labels of ``n`` events, drawn from plain distributions."""
    rng = np.random.default_rng(seed)
    log_energy = rng.uniform(-1, 1.5, n)
    x, y = rng.normal(0, 0.3, (2, n))
    return Table(
        {
            "true_energy": 10**log_energy,
            "log_true_energy": log_energy,
            "cam_coord_offset_x": x,
            "cam_coord_offset_y": y,
            "fov_lon": x * 3,
            "fov_lat": y * 3,
            "telescope_pointing_altitude": np.full(n, 70.0),
            "true_shower_primary_id": np.full(n, PARTICLE_IDS[particle]),
        }
    )


@dataclass
class FakeBundle:
    """What augment uses of a bundle."""

    particle: str = "gamma"
    channels: tuple[str, ...] = ("image", "peak_time")
    path: Path = Path("runs/fake/bundle")
    camera: Camera = field(default_factory=toy_camera)
    cleaning: CleaningSettings = CLEANING

    def __post_init__(self):
        self.meta = SimpleNamespace(
            particle=self.particle, channels=list(self.channels), bundle_id="fake"
        )
        self.label_table = label_table(500, self.particle)
        self.labels = LabelSet.fit(("energy", "cameradirection"), self.label_table)


def draw_labels(bundle: FakeBundle):
    """A `DrawLabels` that picks training labels."""

    def draw(n, rng):
        return bundle.label_table[rng.integers(len(bundle.label_table), size=n)]

    return draw


@dataclass
class FakeSampler:
    """What augment uses of a sampler."""

    images: Callable
    candidates: int = 1
    refiner_id: str | None = None


def generate_marked(n_pixels: int, n_channels: int):
    """Images that are all 20 p.e., but for the image's number in the marker pixel."""

    def generate(numbers, encoded):
        assert len(numbers) == len(encoded) == CHUNK_SIZE
        pixels = np.full((CHUNK_SIZE, n_pixels, n_channels), 20.0, dtype=np.float32)
        pixels[:, MARKER_PIXEL, 0] = numbers % (1000 * CHUNK_SIZE)
        return pixels

    return generate


def fake_stream(
    share: float = 1.0,
    number: int = 0,
    *,
    is_signal: bool = True,
    seed: int = 5,
    tasks=("energy",),
    criteria=(),
    generate=None,
    channels=("image", "peak_time"),
) -> RegionStream:
    """One region of a fake bundle."""
    bundle = FakeBundle("gamma" if is_signal else "proton")
    n_pixels = bundle.camera.n_pixels
    return RegionStream(
        region=MixedRegion(Region(particle=bundle.particle), bundle, is_signal, share),
        number=number,
        seed=seed,
        sampler=FakeSampler(generate or generate_marked(n_pixels, len(bundle.channels))),
        labels=DrawnLabels(draw_labels(bundle)),
        selection=ImageSelection(
            criteria, ["hillas_intensity", "hillas_width"], bundle.camera, bundle.cleaning
        ),
        form=ReaderFormat(tuple(channels), tuple(tasks)),
    )


class ReplayBundle:
    """A generator that gives back the images of a DL1 file, one per label row.

    A mixed batch must then hold exactly what the reader delivers for the same events.
    """

    def __init__(self, file: Path, particle: str, channels=("image", "peak_time")):
        from ctlearn_gan_aug.data.events import read_events
        from ctlearn_gan_aug.dl1.cleaning import infer_cleaning

        events = read_events([file], channels=channels)
        self.path = Path(f"replayed/{particle}")
        self.meta = SimpleNamespace(
            particle=particle, channels=list(channels), bundle_id=f"replay-{particle}"
        )
        self.camera = events.camera
        self.label_table = events.labels
        self.labels = LabelSet.fit(("energy", "cameradirection"), events.labels)
        self.cleaning = infer_cleaning(events.pixels[..., 0], events.masks, events.camera.geometry)
        self._order = np.argsort(self.labels.encode(events.labels)[:, 0])
        self._sorted = self.labels.encode(events.labels)[self._order, 0]
        self._pixels = events.pixels

    def generate(self, numbers, encoded):
        """The images of the events with the encoded energies."""
        row = self._order[np.searchsorted(self._sorted, encoded[:, 0])]
        return self._pixels[row]


def replay_labels(bundle, region, n, rng, extrapolate=False):
    """Stands in for `sample_labels`: events of the file, as they are."""
    return bundle.label_table[rng.integers(len(bundle.label_table), size=n)]


def use_replay(monkeypatch, bundles: dict) -> None:
    """Let a ``gan_augment`` block load replaying bundles by particle, whatever paths it names."""
    from ctlearn_gan_aug.augment import build

    by_path = {Path(name): bundle for name, bundle in bundles.items()}
    monkeypatch.setattr(build, "load_bundle", by_path.__getitem__)
    monkeypatch.setattr(build, "sample_labels", replay_labels)
    monkeypatch.setattr(build, "sampler_of", lambda bundle, *_: FakeSampler(bundle.generate))


class FakeLoader:
    """Behaves as DLDataLoader: events are constant images of their own index."""

    def __init__(self, n_events: int, tasks, batch_size: int, side: int, n_channels: int = 2):
        self.indices = list(range(n_events))
        self.tasks = list(tasks)
        self.batch_size = batch_size
        self.input_shape = (side, side, n_channels)
        self.epochs_ended = 0

    def __len__(self):
        return len(self.indices) // self.batch_size

    def on_epoch_end(self):
        self.epochs_ended += 1
        np.random.default_rng(self.epochs_ended).shuffle(self.indices)

    def __getitem__(self, step):
        index = np.array(self.indices[step * self.batch_size : (step + 1) * self.batch_size])
        images = np.ones((len(index), *self.input_shape), np.float32)
        features = images * -(1.0 + index[:, None, None, None])
        pair = np.stack([index, index], axis=1).astype(float)
        one_hot = np.eye(2)[index % 2]
        values = {
            "type": one_hot,
            "energy": index.astype(float),
            "cameradirection": pair,
            "skydirection": pair,
        }
        if self.tasks == ["type"]:
            return features, one_hot
        return features, {task: values[task] for task in self.tasks}


def make_untrained_bundle(file: Path, target: Path, with_critic: bool = False) -> Path:
    """A complete bundle on disk whose generator has random weights."""
    from dataclasses import asdict

    from ctlearn_gan_aug.bundle import (
        FORMAT_VERSION,
        BundleMeta,
        new_critic,
        new_generator,
        save_bundle,
    )
    from ctlearn_gan_aug.config.networks import CriticConfig, GeneratorConfig
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.intensity import IntensityTransform

    events = read_events([file])
    labels = LabelSet.fit(("energy", "cameradirection"), events.labels)
    intensity = IntensityTransform.fit(events.pixels, events.masks, events.channels)
    config = GeneratorConfig(latent=8, channels=[8, 8, 8], embedding=8)
    critic_config = CriticConfig(channels=[4, 4, 8], label_head=1.0)
    meta = BundleMeta(
        format_version=FORMAT_VERSION,
        bundle_id="untrained",
        particle="gamma",
        camera=events.camera.name,
        tel_id=events.camera.tel_id,
        focal_length_choice=events.focal_length_choice,
        channels=list(events.channels),
        labels=labels.to_dict(),
        intensity=intensity.to_dict(),
        generator=config,
        critic=critic_config if with_critic else None,
        cleaning=asdict(CLEANING),
    )
    generator = new_generator(config, events.camera, labels, intensity)
    critic = None
    if with_critic:
        critic = new_critic(critic_config, events.camera, labels, len(events.channels))
    save_bundle(target, meta, generator, events.labels, file, critic)
    return target


def make_toy_files(folder: Path, n_events: int) -> Path:
    """Folders gamma/ and proton/ with one toy file each."""
    from ctlearn_gan_aug.data.toy.simulate import simulate

    for particle in ("gamma", "proton"):
        (folder / particle).mkdir()
        simulate(particle, n_events, 1, folder / particle / f"{particle}.dl1.h5")
    return folder


def write_config(folder: Path, block=None, **training) -> str:
    """Write a CTLearn configuration with an optional gan_augment block."""
    config = {"TrainCTLearnModel": {**TRAINING, **training}}
    if block is not None:
        config["gan_augment"] = block
    path = folder / "ctlearn.yaml"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def augmented_tool():
    """A new training tool; ctapipe tools run once."""
    from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel

    return TrainAugmentedCTLearnModel()
