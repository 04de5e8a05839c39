"""A training run from configuration to bundle."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ..bundle import new_critic, new_generator, save_bundle
from ..config.train import TrainConfig
from ..data.events import Events
from ..data.pipeline import Symmetries, training_batches
from ..data.vicinity import Vicinity
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LabelSet
from ..models.maps import LabelMaps
from .adaptive import AdaptiveSymmetries
from .calibration import CalibratedCritic
from .checkpoint import load_checkpoint, save_checkpoint
from .describe import describe
from .folder import BEST, CHECKPOINT
from .job import run_in_folder
from .loop import Loop
from .monitor import Monitor
from .networks import Networks
from .normalization import fused
from .reading import read_training_events
from .samples import draw_samples
from .schedule import Schedule
from .snapshots import Snapshots
from .step import AdversarialStep
from .warmup import Warmup

log = logging.getLogger(__name__)

#: Images from which the scales of the intensity transform are taken.
_N_FITTED = 10_000


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

    def execute(config: TrainConfig, content: tuple[Events, LabelSet], has_checkpoint: bool):
        return Run(config, *content, started, watch).execute(has_checkpoint)

    return run_in_folder(config, resume, overwrite, _read, execute)


def _read(config: TrainConfig) -> tuple[Events, LabelSet]:
    events = read_training_events(config)
    labels = LabelSet.fit(config.labels, events.labels)
    log.info(
        "%d images of %s; labels: %s", len(events), events.camera.name, ", ".join(labels.names)
    )
    return events, labels


@dataclass
class Run:
    """The parts of one training run.

    Attributes
    ----------
    config : TrainConfig
        What to do.
    events : Events
        All selected events; a part is held out for sample figures.
    labels : LabelSet
        Labels of the generator.
    started : float
        `time.monotonic` when the run began, for time budgets.
    watch : callable
        Is told the number of steps done and this run after each of them.
    """

    config: TrainConfig
    events: Events
    labels: LabelSet
    started: float
    watch: Callable[[int, "Run"], None] = lambda number, run: None

    def __post_init__(self):
        config, events = self.config, self.events
        keras.utils.set_random_seed(config.seed)
        order = np.random.default_rng(config.seed).permutation(len(events))
        n_held_out = int(config.data.validation_split * len(events))
        self.held_out = events.select(order[:n_held_out])
        self.training = events.select(order[n_held_out:])
        sample = events.sample(_N_FITTED)
        self.intensity = IntensityTransform.fit(
            sample.pixels,
            sample.masks,
            sample.channels,
            events.camera.geometry.neighbor_matrix_sparse,
        )
        self.maps = LabelMaps(events.camera, self.labels)
        adaptive = AdaptiveSymmetries.of(config, events.camera, self.labels)
        self.networks = Networks.create(
            config.training, self._new_generator, self._new_critic(), adaptive
        )

    @property
    def checkpoint(self) -> Path:
        """Where the full state is kept."""
        return self.config.output / CHECKPOINT

    def _new_generator(self):
        return new_generator(self.config.generator, self.events.camera, self.labels, self.intensity)

    def _new_critic(self):
        n_channels = len(self.events.channels)
        return fused(new_critic(self.config.critic, self.events.camera, self.labels, n_channels))

    def execute(self, resume: bool) -> Path:
        """Train to the end (or an interrupt) and write the bundle."""
        self.step = step = self.new_step()
        self.schedule = Schedule(
            self.config.training,
            self.config.warmup,
            len(self.training),
            setup=time.monotonic() - self.started,
        )
        monitor = Monitor(self.config.output, self.schedule, self.config.training.batch_size)
        looked_at = self.held_out if Snapshots.suit(self.held_out) else self.training
        self.warmup = Warmup(self.schedule, step, looked_at, self.labels, monitor.note)
        first = self._restore() if resume else 0
        monitor.rewind(first)
        snapshots = self._snapshots(step)
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
        )
        with monitor:
            last = loop.run(first)
        self._save(last)
        if loop.interrupted:
            raise UserError(
                f"{self.config.output}: interrupted at step {last}; go on with --resume."
            )
        best = self._take_best(snapshots)
        self._draw(step, last)
        events = self.training, self.held_out
        critic = CalibratedCritic.of(self.config.critic, step, *events, self.labels)
        return self._write_bundle({"steps": last} | best | monitor.latest, critic)

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

    def _look(self, number: int) -> None:
        self.warmup.after(number)
        self.watch(number, self)

    def new_step(self) -> AdversarialStep:
        """The updates of this run's networks; the auxiliary is trained first if there is none."""
        from .auxiliary import build_auxiliary

        folder = self.config.output / "auxiliary"
        auxiliary = build_auxiliary(self.config, self.events, self.labels, self.intensity, folder)
        parts = self.networks, self.intensity, self.maps, self.events.camera
        return AdversarialStep(self.config, *parts, auxiliary)

    def _snapshots(self, step: AdversarialStep) -> Snapshots | None:
        if not self.config.training.snapshots or not Snapshots.suit(self.held_out):
            return None
        path = self.config.output / BEST
        return Snapshots(path, self.held_out, self.labels, step.sample)

    def _measure(self, snapshots: Snapshots | None, monitor: Monitor, number: int) -> None:
        if snapshots:
            monitor.note(number, snapshots.take(number, self.networks.averaged.get_weights()))

    def _take_best(self, snapshots: Snapshots | None) -> dict:
        """Let the averaged generator be that of the best snapshot; returns what is said of it."""
        if not snapshots or not snapshots.best:
            return {}
        self.networks.averaged.set_weights(snapshots.best_weights())
        return {f"snapshot_{name}": value for name, value in snapshots.best.items()}

    def _restore(self) -> int:
        """Return to the last checkpoint; returns its step."""
        progress = load_checkpoint(self.checkpoint, self.networks)
        self.schedule.resume(progress["elapsed"], progress["rollbacks"])
        self.warmup.restore(progress["warmup"])
        log.info("Going on from step %d.", progress["step"])
        return progress["step"]

    def _save(self, step: int) -> None:
        progress = {"step": step, "elapsed": self.schedule.elapsed}
        progress |= {"rollbacks": self.schedule.rollbacks, "warmup": self.warmup.state}
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
        return iter(
            training_batches(
                self.training.pixels,
                encoded,
                min(config.batch_size, len(self.training)),
                self.config.seed,
                start,
                symmetries,
                vicinity,
            )
        )

    def _draw(self, step: AdversarialStep, number: int) -> None:
        events = self.held_out if len(self.held_out) >= 4 else self.training
        folder = self.config.output / "samples"
        folder.mkdir(exist_ok=True)
        target = folder / f"step_{number:07d}.png"
        draw_samples(target, events, lambda e: step.sample(self.labels.encode(e.labels)))

    def _write_bundle(self, values: dict, critic: CalibratedCritic) -> Path:
        target = self.config.output / "bundle"
        parts = self.labels, self.intensity, self.networks.averaged
        meta = describe(self.config, self.events, *parts)
        found = {
            "training": {"seed": self.config.seed} | values,
            "critic": self.config.critic,
            "critic_slope": critic.slope,
        }
        save_bundle(
            target,
            meta.model_copy(update=found),
            self.networks.averaged,
            self.training.labels,
            self.events.sources[0],
            critic.model,
        )
        return target
