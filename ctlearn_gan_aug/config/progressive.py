"""The ``progressive`` section of a training: from coarse images to the camera's own."""

from typing import Annotated

from pydantic import Field, model_validator

from .base import Section
from .networks import CriticConfig, GeneratorConfig
from .values import Number, Part

#: Part of a run that one level takes.
Share = Annotated[Number, Field(gt=0, lt=1)]
_TOLERANCE = 1e-6


class ProgressiveConfig(Section):
    """Networks that grow from level to level (Karras et al., arXiv 1710.10196).

    The last level is the camera's own grid, every level before it has half the cells per side.

    Attributes
    ----------
    shares : list of float
        Part of the run that each level takes, from the coarsest to the camera's own.
    fade : float
        Part of a level in which its new layers fade in; 0 sets them at once upon the weights that
        are carried over.
    """

    shares: list[Share] = Field(min_length=2, max_length=8)
    fade: Part = 0.5

    @model_validator(mode="after")
    def _adds_up(self):
        total = sum(self.shares)
        if abs(total - 1.0) > _TOLERANCE:
            raise ValueError(
                f"shares add up to {total:g}; as parts of the run, from the coarsest level to the "
                "camera's own, they must add up to 1."
            )
        return self

    def check(self, generator: GeneratorConfig, critic: CriticConfig, training) -> None:
        """See whether networks can grow so, and in so many steps.

        Raises
        ------
        ValueError
            If they cannot; names the key.
        """
        levels = len(self.shares)
        for name, network in (("generator", generator), ("critic", critic)):
            if levels > network.levels:
                raise ValueError(
                    f"progressive.shares: {levels} levels are too many for a "
                    f"{network.architecture} {name} of {len(network.channels)} channels, which has "
                    f"{network.levels}; give fewer shares."
                )
        if training.symmetries == "adaptive":
            raise ValueError(
                "training.symmetries: adaptive turns images pixel by pixel, and coarser levels of "
                "progressive have no pixels; set it to true or false."
            )
        shortest = min(self.shares[0], (1.0 - self.fade) * min(self.shares[1:]))
        if training.steps is not None and training.steps * shortest < 1.0:
            raise ValueError(
                f"progressive: {training.steps} training.steps leave a level no step of its own; "
                f"give at least {int(1.0 / shortest) + 1}."
            )
