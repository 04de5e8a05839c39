"""A run from configuration to refiner bundle."""

import logging
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..config.refine import RefineConfig
from ..config.train import WarmupConfig
from ..data.events import Events
from ..data.pipeline import Symmetries, training_batches
from ..errors import UserError
from ..models.patches import build_patch_critic
from ..models.regressor import build_regressor
from ..refiner import new_translator, save_refiner
from ..training.checkpoint import load_checkpoint, read_progress, save_checkpoint
from ..training.folder import CHECKPOINT
from ..training.job import run_in_folder
from ..training.monitor import Monitor
from ..training.normalization import fused
from ..training.samples import draw_samples
from ..training.schedule import Schedule
from .auxiliary import REGRESSOR, Regressor
from .describe import describe
from .domains import Domains
from .loop import RefineLoop
from .measure import Distance
from .networks import Networks
from .step import RefineStep

log = logging.getLogger(__name__)

#: The critics take part from the first step on.
_NO_WARMUP = WarmupConfig(fraction=0, final_weight=0)
#: Images that are refined at once.
_REFINED = 256


def refine(config: RefineConfig, *, resume: bool = False, overwrite: bool = False) -> Path:
    """Train a refiner.

    Parameters
    ----------
    config : RefineConfig
        What to do.
    resume : bool
        Go on from the checkpoint in ``config.output``; without one yet, start there.
    overwrite : bool
        Replace an earlier run in ``config.output``.

    Returns
    -------
    Path
        The bundle, ``config.output / "bundle"``.

    Raises
    ------
    UserError
        If input or output do not allow the run, another run is writing to the same folder, the disk
        is full, or the run was interrupted.
    """
    started = time.monotonic()

    def execute(config: RefineConfig, domains: Domains, has_checkpoint: bool) -> Path:
        return RefineRun(config, domains, started).execute(has_checkpoint)

    return run_in_folder(config, resume, overwrite, Domains.read, execute)


class RefineRun:
    """The parts of one run.

    Parameters
    ----------
    config : RefineConfig
        What to do.
    domains : Domains
        Events of both domains; a part is held out.
    started : float
        `time.monotonic` when the run began, for time budgets.
    """

    def __init__(self, config: RefineConfig, domains: Domains, started: float):
        self.config, self.domains, self.started = config, domains, started
        keras.utils.set_random_seed(config.seed)
        self.source, self.held_source = self._split(domains.source)
        self.target, self.held_target = self._split(domains.target)
        self.camera = camera = domains.source.camera
        self.labels = domains.labels
        self.intensity = domains.fit_intensity()
        n_channels = len(self.intensity.channels)

        def translator():
            return new_translator(config.translator, camera, self.intensity)

        def critic():
            return fused(build_patch_critic(config.critic, camera.grid_side, n_channels))

        self.networks = Networks.create(config.training, translator, critic)
        network = build_regressor(config.auxiliary, camera.grid_side, n_channels, self.labels.size)
        self.passes = domains.selection.of_pixels if domains.selection else None
        self.step = RefineStep(config, self.networks, self.intensity, camera, self.passes)
        self.regressor = Regressor(network, self.step.images)

    @property
    def checkpoint(self) -> Path:
        """Where the full state is kept."""
        return self.config.output / CHECKPOINT

    def execute(self, resume: bool) -> Path:
        """Train to the end (or an interrupt) and write the bundle."""
        self._prepare_labels()
        training, n_events = self.config.training, min(len(self.source), len(self.target))
        setup = time.monotonic() - self.started
        self.schedule = Schedule(training, _NO_WARMUP, n_events, setup=setup)
        monitor = Monitor(self.config.output, self.schedule, training.batch_size)
        first = self._restore() if resume else 0
        monitor.rewind(first)
        distance = self._distance()
        loop = RefineLoop(
            self.config,
            self.step,
            self.schedule,
            monitor,
            batches=self.batches,
            save=self._save,
            restore=self._restore,
            draw=self._draw,
            snapshot=lambda number: self._measure(distance, monitor, number),
        )
        with monitor:
            last = loop.run(first)
        self._save(last)
        if loop.interrupted:
            raise UserError(
                f"{self.config.output}: interrupted at step {last}; go on with --resume."
            )
        self._draw(last)
        values = {"seed": self.config.seed, "steps": last} | monitor.latest
        return self._write_bundle(values | self._measured(distance))

    def batches(self, start: int):
        """Iterator of batches of pixel vectors (B, n_pixels, c) of both domains, in pairs."""
        config = self.config.training
        symmetries = self._symmetries() if config.symmetries else None
        size = min(config.batch_size, len(self.source), len(self.target))
        streams = []
        for number, events in enumerate((self.source, self.target)):
            nothing = np.zeros((len(events), self.labels.size), np.float32)
            # Domains have seeds of their own: else one order would pair their events for good.
            seed = (self.config.seed + number) % 2**32
            batches = training_batches(events.pixels, nothing, size, seed, start, symmetries)
            streams.append(batches.map(lambda pixels, labels: pixels))
        return iter(tf.data.Dataset.zip(tuple(streams)))

    def refined(self, pixels: np.ndarray, number: int = 0) -> np.ndarray:
        """Pixel vectors (n, n_pixels, c) in p.e. and ns by the averaged translator as it is."""
        starts = range(0, len(pixels), _REFINED)
        numbers = number * len(starts) + np.arange(len(starts))
        parts = zip(starts, numbers.tolist(), strict=True)
        return np.concatenate([self.step.refine(pixels[i : i + _REFINED], n) for i, n in parts])

    def _split(self, events: Events) -> tuple[Events, Events]:
        order = np.random.default_rng(self.config.seed).permutation(len(events))
        n_held_out = int(self.config.data.validation_split * len(events))
        return events.select(order[n_held_out:]), events.select(order[:n_held_out])

    def _symmetries(self) -> Symmetries:
        return Symmetries.of(self.camera, self.labels)

    def _prepare_labels(self) -> None:
        config = self.config
        if not config.auxiliary.weight:
            return
        regressor, encoded = self.regressor, self.labels.encode(self.source.labels)
        symmetries = self._symmetries() if config.training.symmetries else None
        path = config.output / REGRESSOR
        regressor.obtain(
            path, config.auxiliary, self.source.pixels, encoded, config.seed, symmetries
        )
        held = self.held_source if len(self.held_source) > 1 else self.source
        held = held.sample(_REFINED)
        found = regressor.correlations(held.pixels, self.labels.encode(held.labels))
        pairs = zip(self.labels.columns, found, strict=True)
        text = ", ".join(f"{name} {value:.2f}" for name, value in pairs)
        log.info("Auxiliary: correlation of found and true labels: %s.", text)
        self.step.find_labels = regressor

    def _distance(self) -> Distance | None:
        held = self.held_source, self.held_target
        if not self.config.training.snapshots or not Distance.suit(*held):
            return None
        return Distance(*held, self.target, self.domains.cleaning, self.passes)

    def _measured(self, distance: Distance | None) -> dict[str, float]:
        if distance is None:
            return {}
        now = distance.of(self.refined(distance.pixels))
        return {"w1": now, "w1_before": distance.before, "w1_null": distance.null}

    def _measure(self, distance: Distance | None, monitor: Monitor, number: int) -> None:
        if distance is not None:
            monitor.note(number, self._measured(distance))

    def _restore(self) -> int:
        """Return to the last checkpoint; returns its step."""
        progress = read_progress(self.checkpoint, told=("rollbacks",))
        load_checkpoint(self.checkpoint, self.networks)
        self.schedule.resume(progress["elapsed"], progress["rollbacks"])
        log.info("Going on from step %d.", progress["step"])
        return progress["step"]

    def _save(self, step: int) -> None:
        progress = {"step": step, "elapsed": self.schedule.elapsed}
        progress["rollbacks"] = self.schedule.rollbacks
        save_checkpoint(self.checkpoint, self.networks, progress)

    def _draw(self, number: int) -> None:
        events = self.held_source if len(self.held_source) >= 4 else self.source
        folder = self.config.output / "samples"
        folder.mkdir(exist_ok=True)
        target = folder / f"step_{number:07d}.png"
        draw_samples(target, events, lambda e: self.refined(e.pixels[:]), made="refined")

    def _write_bundle(self, values: dict) -> Path:
        target = self.config.output / "bundle"
        meta = describe(self.config, self.domains, self.intensity, self.networks.averaged)
        meta = meta.model_copy(update={"training": values})
        source = self.domains.source.sources[0]
        save_refiner(target, meta, self.networks.averaged, source)
        return target
