"""A training run from configuration to bundle."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ..bundle import save_bundle
from ..config.train import TrainConfig
from ..data.events import Events
from ..data.pipeline import Symmetries, training_batches
from ..data.vicinity import Vicinity
from ..errors import UserError
from ..labels import LabelSet
from ..models.maps import LabelMaps
from .calibration import CalibratedCritic
from .checkpoint import load_checkpoint, read_progress, save_checkpoint
from .cotraining import Cotraining
from .describe import describe
from .folder import CHECKPOINT
from .growing import Growing, check_levels
from .health import Health
from .job import run_in_folder
from .loop import Loop
from .monitor import Monitor
from .networks import Networks
from .observed import with_labels
from .reading import fit_intensity, read_observed_events, read_training_events
from .samples import draw_samples
from .schedule import Schedule
from .snapshots import Snapshots
from .step import AdversarialStep
from .warmup import Warmup

log = logging.getLogger(__name__)


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    watch: Callable[[int, "Run"], None] = lambda number, run: None,
) -> Path:
    """Train a generator.

    Parameters
    ----------
    config : TrainConfig
        What to do.
    resume : bool
        Go on from the checkpoint in ``config.output``; without one yet, start there.
    overwrite : bool
        Replace an earlier run in ``config.output``.
    watch : callable
        Is told the number of steps done and the run after each of them, to look at it, such as by
        `Run.generate`. Its exceptions end the run.

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

    def execute(config: TrainConfig, content: tuple, has_checkpoint: bool):
        events, labels, observed = content
        return Run(config, events, labels, started, watch, observed).execute(has_checkpoint)

    return run_in_folder(config, resume, overwrite, _read, execute)


def _read(config: TrainConfig) -> tuple[Events, LabelSet, Events | None]:
    events = read_training_events(config)
    observed = read_observed_events(config, events)
    check_levels(config.progressive, events.camera)
    labels = LabelSet.fit(config.labels, events.labels)
    log.info(
        "%d images of %s; labels: %s", len(events), events.camera.name, ", ".join(labels.names)
    )
    return events, labels, observed


@dataclass
class Run:
    """The parts of one training run.

    Attributes
    ----------
    config : TrainConfig
        What to do.
    events : Events
        All selected simulated events.
    labels : LabelSet
        Labels of the generator.
    started : float
        `time.monotonic` when the run began, for time budgets.
    watch : callable
        Is told the number of steps done and this run after each of them.
    observed : Events or None
        What is learnt from in the place of simulated events.
    auxiliary : AuxiliaryLoss or None
        CTLearn models that check generated images or label observed ones.
    training, held_out : Events
        What is learnt from, and the part kept out of it for figures.
    """

    config: TrainConfig
    events: Events
    labels: LabelSet
    started: float
    watch: Callable[[int, "Run"], None] = lambda number, run: None
    observed: Events | None = None

    def __post_init__(self):
        from .auxiliary import build_auxiliary

        config, events = self.config, self.events
        keras.utils.set_random_seed(config.seed)
        self.intensity = fit_intensity(events, self.observed)
        self.maps = LabelMaps(events.camera, self.labels)
        self.growing = Growing(config, events, self.labels, self.intensity)
        parts = config, events, self.labels, self.intensity
        self.auxiliary = build_auxiliary(*parts, config.output / "auxiliary")
        if self.observed is not None:
            events = with_labels(self.observed, events, self.auxiliary, self.intensity)
        order = np.random.default_rng(config.seed).permutation(len(events))
        n_held_out = int(config.data.validation_split * len(events))
        self.held_out = events.select(order[:n_held_out])
        self.training = events.select(order[n_held_out:])

    @property
    def networks(self) -> Networks:
        """Those of the present part of the run."""
        return self.growing.networks

    @property
    def checkpoint(self) -> Path:
        """Where the full state is kept."""
        return self.config.output / CHECKPOINT

    def execute(self, resume: bool) -> Path:
        """Train to the end (or an interrupt) and write the bundle."""
        self.step = step = self.new_step()
        parts = self.config.training, self.config.warmup, len(self.training)
        setup, is_even = time.monotonic() - self.started, self.config.progressive is None
        self.schedule = Schedule(*parts, setup=setup, is_even=is_even)
        monitor = Monitor(self.config.output, self.schedule, self.config.training.batch_size)
        looked_at = self.held_out if Snapshots.suit(self.held_out) else self.training
        self.warmup = Warmup(self.schedule, step, looked_at, self.labels, monitor.note)
        self.health = Health(self.config.loss, self.schedule)
        first = self._restore() if resume else 0
        monitor.rewind(first)
        snapshots = Snapshots.of(self.config, self.held_out, self.labels, step.sample)
        loop = Loop(
            self.config,
            step,
            self.schedule,
            monitor,
            batches=self.batches,
            save=self._save,
            restore=self._restore,
            draw=lambda number: self._draw(step, number),
            look=self._look,
            snapshot=lambda number: self._measure(snapshots, monitor, number),
            grow=lambda number: self._grow(self.schedule.fraction(number), number),
        )
        with self.health, monitor:
            last = loop.run(first)
        self._save(last)
        if loop.interrupted:
            raise UserError(
                f"{self.config.output}: interrupted at step {last}; go on with --resume."
            )
        self._grow(1.0, last)
        best = snapshots.give_best(self.networks.averaged) if snapshots else {}
        best |= self.networks.cotraining.anchors() if self.networks.cotraining else {}
        self._draw(step, last)
        critic = CalibratedCritic.of(step, self.training, self.held_out, self.labels)
        found = {"steps": last, "failures": list(self.health.alarms)} | best | monitor.latest
        return self._write_bundle(found, critic)

    def generate(self, table, number: int = 0) -> np.ndarray:
        """Images (n, n_pixels, n_channels) of the averaged generator as it is, in p.e. and ns.

        Parameters
        ----------
        table : astropy.table.Table (n rows)
            Event label table.
        number : int
            Samples of different numbers have random numbers of their own.
        """
        return self.step.sample(self.labels.encode(table), number)

    def _look(self, number: int, values: dict) -> None:
        self.warmup.after(number)
        self.health.after(number, values)
        self.watch(number, self)

    def _grow(self, done: float, number: int) -> None:
        """Let the networks be those of the part ``done`` of the run."""
        self.growing.follow(done, number)
        self._adopt()

    def _adopt(self) -> None:
        """Let steps be those of the present networks."""
        if self.step.networks is self.networks:
            return
        if self.step.growth.level != self.networks.growth.level:
            self.warmup.forget()
        self.step.adopt(self.networks)
        self.schedule.begin_level(self.networks.level_start)

    def new_step(self) -> AdversarialStep:
        """The updates of this run's networks."""
        auxiliary = self.config.auxiliary
        judge = self.auxiliary if auxiliary and auxiliary.has_weight else None
        parts = self.networks, self.intensity, self.maps, self.events.camera
        step = AdversarialStep(self.config, *parts, judge)
        if auxiliary and auxiliary.cotrain:
            events = self.held_out if len(self.held_out) else self.training
            self.networks.cotraining = Cotraining.of(step, events, self.labels)
        return step

    def _measure(self, snapshots: Snapshots | None, monitor: Monitor, number: int) -> None:
        if snapshots and self.networks.growth.is_over:
            found = snapshots.take(number, self.networks.averaged.get_weights())
            monitor.note(number, found)
            self.health.snapshot(number, found)

    def _restore(self) -> int:
        """Return to the last checkpoint; returns its step."""
        progress = read_progress(self.checkpoint)
        self.growing.restore(progress["growing"])
        load_checkpoint(self.checkpoint, self.networks)
        self._adopt()
        self.schedule.resume(progress["elapsed"], progress["rollbacks"])
        self.warmup.restore(progress["warmup"])
        self.health.restore(progress.get("health"))
        log.info("Going on from step %d.", progress["step"])
        return progress["step"]

    def _save(self, step: int) -> None:
        states = {"warmup": self.warmup, "health": self.health, "growing": self.growing}
        progress = {"step": step, "elapsed": self.schedule.elapsed}
        progress |= {"rollbacks": self.schedule.rollbacks}
        progress |= {name: part.state for name, part in states.items()}
        save_checkpoint(self.checkpoint, self.networks, progress)

    def batches(self, start: int):
        """Iterator of the training batches from number ``start`` on."""
        config = self.config.training
        symmetries = None
        if config.symmetries is True:  # adaptive ones are turned on their way to the critic
            symmetries = Symmetries.of(self.events.camera, self.labels)
        encoded, vicinity = self.labels.encode(self.training.labels), None
        if self.config.vicinity is not None:
            vicinity = Vicinity.of(self.config.vicinity, self.labels, encoded)
        size, seed = min(config.batch_size, len(self.training)), self.config.seed
        options = size, seed, start, symmetries
        return iter(training_batches(self.training.pixels, encoded, *options, vicinity))

    def _draw(self, step: AdversarialStep, number: int) -> None:
        events = self.held_out if len(self.held_out) >= 4 else self.training
        folder = self.config.output / "samples"
        folder.mkdir(exist_ok=True)
        target = folder / f"step_{number:07d}.png"
        draw_samples(target, events, lambda e: step.sample(self.labels.encode(e.labels)))

    def _write_bundle(self, values: dict, critic: CalibratedCritic) -> Path:
        target, training = self.config.output / "bundle", {"seed": self.config.seed} | values
        parts = self.labels, self.intensity, self.networks.averaged
        meta = describe(self.config, self.events, *parts, self.observed)
        found = {"critic": self.config.critic, "critic_slope": critic.slope, "training": training}
        save_bundle(
            target,
            meta.model_copy(update=found),
            self.networks.averaged,
            self.training.labels,
            self.events.sources[0],
            critic.model,
        )
        return target
