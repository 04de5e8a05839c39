"""The ``gan_augment:`` block a user adds to her CTLearn YAML."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from .base import Section
from .region import Region
from .values import Count, Flag, Fraction, Location, Part, Particle, Positive, Seed, Weight

#: In place of a bundle: the training's own simulated events of the particle, drawn again.
SIMULATION = "simulation"


class Schedule(Section):
    """How the generated part of a batch changes with the epoch; by default it does not.

    Attributes
    ----------
    start_epoch : int
        First epoch, counted from 1, with generated images.
    ramp_epochs : int
        Epochs over which the part rises linearly; the last of them is the first at full part.
    anneal_epochs : int
        Epochs at the end over which it falls linearly; the last epoch is simulated only.
    anneal : float
        The same as a part of all epochs, for trainings of different lengths.
    """

    start_epoch: int = Field(1, ge=1, strict=True)
    ramp_epochs: Count = 0
    anneal_epochs: Count = 0
    anneal: Fraction = 0.0

    @model_validator(mode="after")
    def _one_end(self):
        if self.anneal and self.anneal_epochs:
            raise ValueError("give anneal or anneal_epochs, not both.")
        return self

    @property
    def is_constant(self) -> bool:
        """Whether all epochs have the full part."""
        falls = self.anneal or self.anneal_epochs
        return self.start_epoch == 1 and self.ramp_epochs <= 1 and not falls

    def factor(self, epoch: int, n_epochs: int) -> float:
        """Part of the full fraction in an epoch, both counted from 0, in [0, 1]."""
        rising = min(1.0, (epoch - self.start_epoch + 2) / max(self.ramp_epochs, 1))
        falling, fall = 1.0, self.anneal * n_epochs or self.anneal_epochs
        if fall:
            falling = min(1.0, (n_epochs - 1 - epoch) / fall)
        return max(0.0, min(rising, falling))


class ReservoirConfig(Section):
    """Where and how many generated images are kept for ``mode: reservoir``.

    Attributes
    ----------
    images : int
        Images in the reservoir, of all regions together.
    folder : Path, or None
        Folder of reservoirs; None means the folder of pixel stores.
    refresh : int
        Images that are made anew for every epoch, while the one before is trained.
    """

    images: Positive = 50_000
    folder: Location | None = None
    refresh: Count = 0


class RejectConfig(Section):
    """Choice among generated images by the critic that the bundle holds.

    Attributes
    ----------
    candidates : int
        Images of equal labels that one is chosen from; 1 takes every image.
    """

    candidates: int = Field(1, ge=1, le=64, strict=True)


class GanAugmentConfig(Section):
    """What is mixed into the training batches of CTLearn.

    Attributes
    ----------
    generators : dict of str to Path
        Generator bundles by particle, e.g. ``{gamma: runs/gamma/bundle}``; several of one particle
        as ``gamma_low`` and ``gamma_high``. Relative paths count from the working directory, as
        CTLearn's own do. ``simulation`` in place of a bundle draws the training's own simulated
        events again.
    fraction : float, or None
        Part of every training batch that is generated, in [0, 1). It may be left out where every
        region has its own.
    seed : int
        Seed of labels, images and positions inside the batches.
    regions : tuple of Region, or None
        Where to generate; None means the whole training domain of every generator, with the
        label distribution of its training events.
    extrapolate : bool
        Allow regions outside a generator's training domain.
    schedule : Schedule
        How the fraction changes with the epoch.
    sample_weight : float, or None
        Weight of generated images in the loss, where simulated ones have 1; None gives no weights
        to Keras.
    symmetries : bool
        Turn and mirror simulated images at random, their direction labels with them, by the
        camera's exact symmetries. It needs no generator.
    reject : RejectConfig
        Keep the more credible of several images.
    mode : str
        ``online`` generates beside the training; ``reservoir`` before it, once, into files that are
        read as fast as simulated images.
    reservoir : ReservoirConfig
        For ``mode: reservoir``.
    refine : Path, dict of str to Path, or None
        Refiner that generated images go through, and simulated ones that are drawn again: one
        bundle of ``ctlearn-gan refine``, or one by the name of a generator.
    """

    generators: dict[Particle, Location] = Field({}, validate_default=True)
    fraction: Part | None = None
    seed: Seed = 0
    regions: tuple[Region, ...] | None = Field(None, min_length=1)
    extrapolate: Flag = False
    schedule: Schedule = Schedule()
    sample_weight: Weight | None = Field(None, gt=0)
    symmetries: Flag = False
    reject: RejectConfig = RejectConfig()
    mode: Literal["online", "reservoir"] = "online"
    reservoir: ReservoirConfig = ReservoirConfig()
    refine: Location | dict[Particle, Location] | None = None

    @model_validator(mode="after")
    def _has_something_to_do(self):
        if not self.generators and not self.symmetries:
            raise ValueError(
                "generators is missing or empty: name a bundle by its particle, or set "
                "symmetries: true to do without."
            )
        if self.mode == "online" and self.reservoir != ReservoirConfig():
            raise ValueError("reservoir is for mode: reservoir; set it, or leave reservoir out.")
        for key in ("fraction", "regions", "refine"):
            if not self.generators and getattr(self, key):
                raise ValueError(f"{key} needs generators: name a bundle by its particle.")
        return self

    @model_validator(mode="after")
    def _regions_name_generators(self):
        names = ", ".join(self.generators)
        for number, region in enumerate(self.regions or (), start=1):
            if region.particle is None and len(self.generators) > 1:
                raise ValueError(f"region {number} must name its particle, one of {names}.")
            if region.particle is not None and region.particle not in self.generators:
                raise ValueError(
                    f"region {number} wants particle '{region.particle}', but generators has "
                    f"only {names}."
                )
        return self

    @model_validator(mode="after")
    def _refines_its_generators(self):
        for name in self.refine if isinstance(self.refine, dict) else ():
            if name not in self.generators:
                raise ValueError(
                    f"refine names '{name}', but generators has only {', '.join(self.generators)}."
                )
        return self

    @model_validator(mode="after")
    def _fractions_add_up(self):
        own = [region.fraction for region in self.regions or ()]
        given = sum(part for part in own if part is not None)
        if self.generators and self.fraction is None and (None in own or not own):
            raise ValueError("fraction is missing: the part of every batch that is generated.")
        if given >= 1:
            raise ValueError(f"the regions' fractions add up to {given:g}, which is not below 1.")
        if self.fraction is not None and given:
            _check_sum(given, self.fraction, all_given=None not in own)
        return self

    @property
    def total_fraction(self) -> float:
        """Part of every batch that is generated."""
        if self.fraction is not None:
            return self.fraction
        return sum(region.fraction for region in self.regions or ())

    @property
    def needs_store(self) -> bool:
        """Whether single simulated images must be at hand."""
        return self.symmetries or SIMULATION in map(str, self.generators.values())

    @property
    def refiners(self) -> dict[str, Path]:
        """Refiner by the name of the generator, of those that have one."""
        if self.refine is None or isinstance(self.refine, dict):
            return dict(self.refine or {})
        return dict.fromkeys(self.generators, self.refine)

    def complete_regions(self) -> list[Region]:
        """Regions with their particle filled in; the default ones when none are given."""
        if self.regions is None:
            return [Region(particle=particle) for particle in self.generators]
        only = next(iter(self.generators))
        return [
            region.model_copy(update={"particle": region.particle or only})
            for region in self.regions
        ]


def _check_sum(given: float, fraction: float, all_given: bool) -> None:
    """Refuse fractions of regions that do not agree with the whole one."""
    adds_up = f"the regions' fractions add up to {given:g}, fraction is {fraction:g}"
    if given > fraction * (1 + 1e-9):
        raise ValueError(f"{adds_up}; raise it, or leave it out.")
    rest_is_nothing = given >= fraction * (1 - 1e-9)
    if all_given and not rest_is_nothing:
        raise ValueError(f"{adds_up}; raise theirs, or leave it out.")
    if rest_is_nothing and not all_given:
        raise ValueError(f"{adds_up}: nothing is left for regions without one; raise it.")
