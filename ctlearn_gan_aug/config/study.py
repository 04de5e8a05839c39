"""The configuration of a study: CTLearn trained with and without generated images."""

import string
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, create_model, model_validator

from .augment import GanAugmentConfig
from .auxiliary import Task
from .base import Section
from .values import EnergyRange, Flag, Location, Part, Positive, Seed, Text

Arm = Literal["simulation", "oversampled", "symmetries", "generated", "symmetries + generated"]
SIMULATION, OVERSAMPLED, SYMMETRIES, GENERATED, BOTH = Arm.__args__
#: Keys of the ``gan_augment:`` block that are different in every arm or run.
_OF_THE_ARMS = ("generators", "symmetries", "seed")


def _different(values: list) -> list:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{'null' if value is None else value} is given twice.")
    return values


def _template(text: str) -> str:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        names = {text}
    if not names <= {"size", "seed"}:
        raise ValueError("in braces only {size} and {seed} are known.")
    return text


#: Numbers of training events per class; null are all.
Sizes = Annotated[list[Positive | None], AfterValidator(_different)]
BundleName = Annotated[Text, AfterValidator(_template)]

AugmentKeys = create_model(
    "AugmentKeys",
    __base__=Section,
    __doc__="The keys of the ``gan_augment:`` block that all arms with added images share.",
    **{
        name: (field.annotation, field)
        for name, field in GanAugmentConfig.model_fields.items()
        if name not in _OF_THE_ARMS
    },
)


class StudyFiles(Section):
    """DL1 files and folders.

    Attributes
    ----------
    signal, background : list of Path
        Of which the training sets are parts; background for the task ``type`` only.
    test_signal, test_background : list of Path
        What all models are evaluated on.
    """

    signal: list[Location] = Field(min_length=1)
    background: list[Location] = []
    test_signal: list[Location] = Field(min_length=1)
    test_background: list[Location] = []

    @model_validator(mode="after")
    def _background_in_both(self):
        if bool(self.background) != bool(self.test_background):
            raise ValueError("give background and test_background, or neither.")
        return self


class Thinning(Section):
    """A hole in the training set.

    Attributes
    ----------
    energy : tuple of float
        True energies of the signal events that are taken out, TeV.
    keep : float
        Part of them that stays, in [0, 1).
    """

    energy: EnergyRange
    keep: Part


class GeneratorSource(Section):
    """Where the generators of a class come from; one is needed per training set.

    Attributes
    ----------
    config : str or None
        Training configuration: the name of a shipped one, or a YAML file.
    overrides : dict
        What is different in it, e.g. ``{training: {steps: 2500}}``.
    bundle : str or None
        Bundles trained elsewhere, on exactly the events of the training sets; ``{size}`` (a number
        or ``all``) and ``{seed}`` stand for those of the training set.
    """

    config: Text | None = None
    overrides: dict[str, dict[str, JsonValue] | JsonValue] = {}
    bundle: BundleName | None = None

    @model_validator(mode="after")
    def _one_source(self):
        if (self.config is None) == (self.bundle is None):
            raise ValueError("give config, to train generators, or bundle, to use trained ones.")
        if self.bundle is not None and self.overrides:
            raise ValueError("overrides change a config; a bundle is taken as it is.")
        return self


class Generators(Section):
    """The generators of both classes.

    Attributes
    ----------
    signal, background : GeneratorSource
        The latter is only used if there are background files.
    """

    signal: GeneratorSource = GeneratorSource(config="gamma")
    background: GeneratorSource = GeneratorSource(config="proton")


class ModelTraining(Section):
    """How CTLearn models are trained.

    Attributes
    ----------
    config : str
        CTLearn's configuration: the name of a shipped one, or a YAML file. Epochs, seed and tasks
        in it do not count.
    steps : int or None
        Optimizer steps of every model, whatever its arm and training set.
    epochs : int or None
        In place of steps: epochs of the arm ``simulation``, whose number of steps the other arms
        of that size take, too.
    """

    config: Text = "study_ctlearn"
    steps: Positive | None = None
    epochs: Positive | None = None

    @model_validator(mode="after")
    def _one_length(self):
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give steps or epochs, one of them.")
        return self


class StudyConfig(Section):
    """Everything ``ctlearn-gan study`` needs.

    Attributes
    ----------
    files : StudyFiles
        Training and test files.
    tasks : list of str
        CTLearn's tasks, of one model: regressions together, or ``type`` alone.
    sizes : list of int or None
        Numbers of training events per class, for all arms; the smaller sets are parts of the
        larger ones. None are all events.
    curve : list of int or None
        More sizes for the arm ``simulation`` alone: its learning curve.
    thin : Thinning or None
        A hole in all training sets.
    seeds : list of int
        One training of every model for each.
    redraw : bool
        Whether every seed draws training sets of its own, with generators of their own; else all
        take those of the first seed.
    arms : list of str
        What the training sets are augmented with.
    generators : Generators
        Where generators come from.
    ctlearn : ModelTraining
        How CTLearn models are trained.
    augment : AugmentKeys or None
        The keys that the arms' ``gan_augment:`` blocks share; needed where images are added.
    output : Path
        Folder of the study.
    """

    files: StudyFiles
    tasks: Annotated[list[Task], Field(min_length=1), AfterValidator(_different)]
    sizes: Annotated[Sizes, Field(min_length=1)] = [None]
    curve: Sizes = []
    thin: Thinning | None = None
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_different)] = [1, 2, 3]
    redraw: Flag = True
    arms: Annotated[list[Arm], Field(min_length=1), AfterValidator(_different)] = list(Arm.__args__)
    generators: Generators = Generators()
    ctlearn: ModelTraining
    augment: AugmentKeys | None = None
    output: Location

    @model_validator(mode="after")
    def _as_ctlearn_can(self):
        is_type = "type" in self.tasks
        if is_type and len(self.tasks) > 1:
            raise ValueError("tasks: CTLearn learns type only by itself; make two studies.")
        if is_type != bool(self.files.background):
            raise ValueError(
                "tasks: type needs files.background and files.test_background."
                if is_type
                else "files.background: CTLearn learns energies and directions of signal alone; "
                "leave it out."
            )
        return self

    @model_validator(mode="after")
    def _says_what_to_add(self):
        adding = [arm for arm in self.arms if adds_images(arm)]
        if adding and self.augment is None:
            raise ValueError(f"augment is missing: the arm {adding[0]} needs its fraction.")
        again = [size for size in self.curve if size in self.sizes]
        if again:
            raise ValueError(f"curve: {again[0] or 'null'} is among the sizes already.")
        if self.curve and SIMULATION not in self.arms:
            raise ValueError("curve: the arm simulation is not among the arms.")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes there are files of."""
        return ("signal", "background") if self.files.background else ("signal",)


def adds_images(arm: str) -> bool:
    """Whether batches of an arm hold images beside the simulated training set."""
    return arm in (OVERSAMPLED, GENERATED, BOTH)


def needs_generator(arm: str) -> bool:
    """Whether an arm generates images."""
    return arm in (GENERATED, BOTH)
