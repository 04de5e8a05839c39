"""A study: its configuration with all that it names."""

from functools import cached_property
from pathlib import Path

from ..bundle import load_bundle
from ..config.augment import GanAugmentConfig
from ..config.base import load_yaml, parse
from ..config.study import StudyConfig, adds_images
from ..config.train import TrainConfig
from . import recipes
from .plan import GeneratorRun, Run, plan
from .subsets import Pool, pools


class Study:
    """A study that was read from a file.

    Parameters
    ----------
    path : Path
        Its configuration.
    output : Path, optional
        Its folder, in place of that in the configuration.

    Attributes
    ----------
    config : StudyConfig
        The configuration.
    root : Path
        Folder of the study.
    runs : list of Run
        All trainings, each after those it needs.
    ctlearn : dict
        CTLearn's configuration.

    Raises
    ------
    UserError
        If a configuration is wrong, or lacks what it names.
    """

    def __init__(self, path: Path, output: Path | None = None):
        content = load_yaml(path)
        if output is not None:
            content["output"] = str(output)
        self.path = path
        self.config = parse(StudyConfig, content, path)
        self.root = self.config.output.absolute()
        self.runs = plan(self.config)
        self.ctlearn = recipes.read_ctlearn(self.config.ctlearn)
        self._check_block()

    def check(self) -> None:
        """Look for what would else be missed in the middle of the study.

        Raises
        ------
        UserError
            If files are missing, hold fewer events than the sizes, or test events are among those
            for training.
        """
        for role, pool in self.pools.items():
            pool.check_apart(Pool(getattr(self.config.files, f"test_{role}"), role))
            for run in self.runs:
                pool.choose(run.events)

    @cached_property
    def pools(self) -> dict[str, Pool]:
        """Training files by class."""
        return pools(self.config)

    @property
    def store(self) -> Path:
        """Folder of pixel stores, which all runs share."""
        return self.root / "store"

    @cached_property
    def particles(self) -> dict[str, str]:
        """What generators make, by class."""
        return {role: self._particle(role) for role in self.config.classes}

    def generator_config(self, run: GeneratorRun, files: Path, output: Path) -> TrainConfig:
        """The training of a generator on some files."""
        source = getattr(self.config.generators, run.role)
        return recipes.generator_config(source, files, output, self.store, run.events.draw)

    def settings(self, run: Run) -> dict:
        """All that decides what comes out of a run, as plain values."""
        config = self.config.model_dump(mode="json")
        settings = {"files": config["files"], "thin": config["thin"], "draw": run.events.draw}
        if isinstance(run, GeneratorRun):
            training = self.generator_config(run, Path("files"), Path("output"))
            places = {"data": {"files", "store"}}
            return settings | {"generator": training.model_dump(mode="json", exclude=places)}
        settings |= {"tasks": config["tasks"], "ctlearn": self.ctlearn}
        settings |= {"length": {name: config["ctlearn"][name] for name in ("steps", "epochs")}}
        if adds_images(run.arm):
            settings |= {"augment": config["augment"], "generators": config["generators"]}
        return settings

    def _particle(self, role: str) -> str:
        source = getattr(self.config.generators, role)
        if source.bundle is not None:
            return load_bundle(recipes.bundle_path(source, self.runs[0].events)).meta.particle
        return recipes.generator_config(
            source, Path("files"), Path("output"), self.store, 0
        ).particle

    def _check_block(self) -> None:
        """Let the block of every arm be one, with names of bundles that are not there yet."""
        for arm in filter(adds_images, self.config.arms):
            names = dict.fromkeys(self.particles.values(), "bundle")
            content = recipes.shared_keys(self.config.augment) | {"generators": names}
            parse(GanAugmentConfig, content, f"{self.path}: augment of the arm {arm}")
