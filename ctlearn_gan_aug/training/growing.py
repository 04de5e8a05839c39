"""Networks that grow with a run: its stages, and the weights that pass from one to the next."""

import logging
from dataclasses import dataclass, replace

import keras

from ..bundle import new_critic, new_generator
from ..camera import Camera
from ..config.progressive import ProgressiveConfig
from ..config.train import TrainConfig
from ..data.events import Events
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LabelSet
from ..models.growth import PLAIN, Growth
from .adaptive import AdaptiveSymmetries
from .networks import Networks, computing_in
from .normalization import fused

log = logging.getLogger(__name__)

#: Least cells per side of the coarsest level.
_SMALLEST_SIDE = 4
#: Sums of shares are no exact numbers of steps.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Stage:
    """A part of a run with networks of its own.

    Attributes
    ----------
    level : int
        Level of the images, 0 is the camera's own grid (see `Growth`).
    fading : bool
        Whether the layers of this level fade in.
    start, end : float
        Parts of the run at which it starts and ends.
    """

    level: int = 0
    fading: bool = False
    start: float = 0.0
    end: float = 1.0

    def blend(self, done: float) -> float:
        """By how much its newest layers count when the part ``done`` of the run is over."""
        return min(1.0, max(0.0, (done - self.start) / (self.end - self.start)))


def stages_of(config: ProgressiveConfig | None) -> list[Stage]:
    """The stages of a run, one without growth."""
    if config is None:
        return [Stage()]
    stages, start = [], 0.0
    for number, share in enumerate(config.shares):
        level = len(config.shares) - 1 - number
        faded = start + (config.fade * share if number else 0.0)
        if faded > start:
            stages.append(Stage(level, True, start, faded))
        stages.append(Stage(level, False, faded, start + share))
        start += share
    return stages


def check_levels(config: ProgressiveConfig | None, camera: Camera) -> None:
    """See whether a camera's grid can be halved so often.

    Raises
    ------
    UserError
        If too few cells are left.
    """
    levels = len(config.shares) if config else 1
    coarsest = -(-camera.grid_side // 2 ** (levels - 1))
    if config and coarsest < _SMALLEST_SIDE:
        raise UserError(
            f"progressive.shares: {levels} levels leave {coarsest} x {coarsest} cells of camera "
            f"{camera.name} to the coarsest, which needs {_SMALLEST_SIDE} x {_SMALLEST_SIDE}; give "
            "fewer shares."
        )


class Growing:
    """The networks of a run, and how they grow.

    Parameters
    ----------
    config : TrainConfig
        Architectures and levels.
    events : Events
        Give the camera and the channels.
    labels, intensity : LabelSet, IntensityTransform
        Of the run.

    Attributes
    ----------
    networks : Networks
        Those of the present stage.
    """

    def __init__(
        self, config: TrainConfig, events: Events, labels: LabelSet, intensity: IntensityTransform
    ):
        self.config, self.labels, self.intensity = config, labels, intensity
        self.camera, self.n_channels = events.camera, len(events.channels)
        self._stages = stages_of(config.progressive)
        self._number = 0
        self.networks = self._new_networks()

    @property
    def stage(self) -> Stage:
        """The present one."""
        return self._stages[self._number]

    @property
    def state(self) -> dict:
        """What a resumed run has to know beside the variables."""
        return {"stage": self._number, "level_start": self.networks.level_start}

    def restore(self, state: dict) -> None:
        """Networks of an earlier `state`, whose variables are then to be loaded."""
        if state["stage"] >= len(self._stages):
            raise UserError(
                f"{self.config.output}: its checkpoint is of a level that progressive.shares does "
                "not have; resume with the configuration of that run."
            )
        if state != self.state:
            self._number = state["stage"]
            kept = {"level_start": state["level_start"], "cotraining": self.networks.cotraining}
            self.networks = replace(self._renewed(), **kept)

    def follow(self, done: float, step: int) -> None:
        """Grow, or fade in what has grown, when the part ``done`` of the run is over.

        ``step`` is the number of steps done.
        """
        if self.config.progressive is None:
            return
        before = self.stage
        starts = [stage.start <= done + _TOLERANCE for stage in self._stages]
        number = max(self._number, sum(starts) - 1)
        if number > self._number:
            self._number = number
            self._grow(before, step)
        if self.stage.fading:
            self.networks.set_blend(self.stage.blend(done))

    def _grow(self, before: Stage, step: int) -> None:
        """Networks of the present stage, with what those before have learnt."""
        earlier, stage = self.networks, self.stage
        is_finer = stage.level < before.level
        later = replace(
            self._renewed(),
            level_start=step if is_finer else earlier.level_start,
            cotraining=earlier.cotraining,
        )
        later.take_over(earlier)
        self.networks = later
        if is_finer:
            side = later.critic.inputs[0].shape[1]
            log.info("Step %d: images of %d x %d cells from now on.", step, side, side)

    def _renewed(self) -> Networks:
        """The same networks whenever they are made, so that a resumed run has them too."""
        with computing_in(self.config.training.precision):
            keras.utils.set_random_seed(self.config.seed)
            return self._new_networks()

    def _new_networks(self) -> Networks:
        config = self.config
        growth = self._growth()
        sizes = self.camera, self.labels, self.n_channels
        critic = new_critic(config.critic, *sizes, config.generator.codes, growth)
        adaptive = AdaptiveSymmetries.of(config, self.camera, self.labels)

        def generator():
            return new_generator(config.generator, self.camera, self.labels, self.intensity, growth)

        return Networks.create(config.training, generator, fused(critic), adaptive, growth)

    def _growth(self) -> Growth:
        if self.config.progressive is None:
            return PLAIN
        stage = self.stage
        return Growth(stage.level, stage.fading, self.camera.mask, self.intensity.gate)
