"""The runs of a study: which trainings there are, in which order and in which folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.study import SIMULATION, StudyConfig, needs_generator


@dataclass(frozen=True)
class TrainingSet:
    """Events that a generator and the models of all arms are trained on.

    Attributes
    ----------
    size : int or None
        Number of events per class; None are all.
    draw : int
        Seed of the choice of events.
    """

    size: int | None
    draw: int

    @property
    def name(self) -> str:
        """Folder name."""
        return f"{size_name(self.size)}/seed{self.draw}"


@dataclass(frozen=True)
class GeneratorRun:
    """The training of a generator.

    Attributes
    ----------
    role : str
        Class of its events, ``signal`` or ``background``.
    events : TrainingSet
        What it is trained on.
    """

    role: str
    events: TrainingSet

    @property
    def name(self) -> str:
        """Name, and its folder in that of the study."""
        return f"generators/{self.events.name}/{self.role}"

    @property
    def kind(self) -> str:
        """Runs of a kind take about as long as each other."""
        return f"generator {size_name(self.events.size)}"

    @property
    def needs(self) -> tuple["GeneratorRun", ...]:
        """Runs that must be complete before."""
        return ()


@dataclass(frozen=True)
class ModelRun:
    """The training of a CTLearn model, and its evaluation.

    Attributes
    ----------
    arm : str
        What its training set is augmented with.
    events : TrainingSet
        Its simulated events.
    seed : int
        Of its initial weights, order of events and augmentation.
    needs : tuple of GeneratorRun
        Runs that must be complete before.
    """

    arm: str
    events: TrainingSet
    seed: int
    needs: tuple[GeneratorRun, ...] = ()

    @property
    def name(self) -> str:
        """Name, and its folder in that of the study."""
        arm = self.arm.replace(" ", "")
        return f"models/{size_name(self.events.size)}/seed{self.seed}/{arm}"

    @property
    def kind(self) -> str:
        """Runs of a kind take about as long as each other."""
        return f"{self.arm} {size_name(self.events.size)}"


Run = GeneratorRun | ModelRun


def plan(config: StudyConfig) -> list[Run]:
    """All runs of a study, each after those it needs, the first seed first."""
    runs: dict[Run, None] = {}
    for seed in config.seeds:
        for size in (*config.sizes, *config.curve):
            arms = config.arms if size in config.sizes else [SIMULATION]
            events = TrainingSet(size, seed if config.redraw else config.seeds[0])
            for arm in arms:
                needs = generator_runs(config, events) if needs_generator(arm) else ()
                runs |= dict.fromkeys((*needs, ModelRun(arm, events, seed, needs)))
    return list(runs)


def generator_runs(config: StudyConfig, events: TrainingSet) -> tuple[GeneratorRun, ...]:
    """Trainings of the generators of a training set; given bundles need none."""
    return tuple(
        GeneratorRun(role, events)
        for role in config.classes
        if getattr(config.generators, role).bundle is None
    )


def is_done(root: Path, run: Run) -> bool:
    """Whether a run is complete: its folder takes its name then."""
    return (root / run.name).is_dir()


def pending(root: Path, runs: Sequence[Run]) -> list[Run]:
    """Runs that are not complete."""
    return [run for run in runs if not is_done(root, run)]


def state(root: Path, runs: Sequence[Run], run: Run) -> str:
    """In words, whether a run is complete, can be started, or waits for others."""
    if is_done(root, run):
        return "done"
    missing = [str(runs.index(other)) for other in pending(root, run.needs)]
    return f"waits for {', '.join(missing)}" if missing else "ready"


def size_name(size: int | None) -> str:
    """``all``, or the number of events."""
    return "all" if size is None else str(size)
