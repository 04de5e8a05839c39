"""What a critic sees of images at one level."""

from dataclasses import dataclass

from . import layers as L
from .roughness import contrast, jitter, light, shower


@dataclass(frozen=True)
class View:
    """Channels of images, and how far lit pixels stand out; all (B, side, side).

    Attributes
    ----------
    charge : tensor
        Network units.
    times : list of tensor
        Likewise; may be empty.
    bright : tensor
        `light` of the charges.
    shower : list of tensor
        `shower` of the charges.
    rough : list of tensor
        Contrast of the charges and, if there are times, their jitter.
    """

    charge: object
    times: list
    bright: object
    shower: list
    rough: list

    @classmethod
    def of(cls, image) -> "View":
        """Of images (B, side, side, c)."""
        charge, *times = L.channels(image)
        bright = light(charge)
        rough = [contrast(charge, bright), *(jitter(time, bright) for time in times)]
        return cls(charge, times, bright, shower(charge), rough)

    @property
    def channels(self) -> list:
        """Charge and times."""
        return [self.charge, *self.times]

    @property
    def seen(self) -> list:
        """All but the lights."""
        return [*self.channels, *self.rough]
