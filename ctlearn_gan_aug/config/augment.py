"""The ``gan_augment:`` block a user adds to her CTLearn YAML."""

from pydantic import Field, model_validator

from .base import Section
from .region import Region
from .values import Flag, Location, Part, Particle, Seed


class GanAugmentConfig(Section):
    """What is mixed into the training batches of CTLearn.

    Attributes
    ----------
    generators : dict of str to Path
        Generator bundles by particle, e.g. ``{gamma: runs/gamma/bundle}``; several of one particle
        as ``gamma_low`` and ``gamma_high``. Relative paths count from the working directory, as
        CTLearn's own do.
    fraction : float
        Part of every training batch that is generated, in [0, 1).
    seed : int
        Seed of labels, images and positions inside the batches.
    regions : tuple of Region, or None
        Where to generate; None means the whole training domain of every generator, with the
        label distribution of its training events.
    extrapolate : bool
        Allow regions outside a generator's training domain.
    """

    generators: dict[Particle, Location] = Field(min_length=1)
    fraction: Part
    seed: Seed = 0
    regions: tuple[Region, ...] | None = Field(None, min_length=1)
    extrapolate: Flag = False

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

    def complete_regions(self) -> list[Region]:
        """Regions with their particle filled in; the default ones when none are given."""
        if self.regions is None:
            return [Region(particle=particle) for particle in self.generators]
        only = next(iter(self.generators))
        return [
            region.model_copy(update={"particle": region.particle or only})
            for region in self.regions
        ]
