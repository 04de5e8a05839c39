"""How many images of a batch are generated, epoch by epoch."""

import math
from dataclasses import dataclass, field

from ..config.augment import GanAugmentConfig, Schedule
from ..errors import UserError


@dataclass(frozen=True)
class BatchPlan:
    """Numbers of simulated and generated images in the batches of a training.

    All epochs have the same number of batches, and all batches the same size.

    Attributes
    ----------
    size : int
        Images in a batch.
    fraction : float
        Part of them that is generated, at full strength.
    n_epochs : int
        Epochs of the training.
    schedule : Schedule
        How the part changes with the epoch.
    """

    size: int
    fraction: float
    n_epochs: int = 1
    schedule: Schedule = field(default_factory=Schedule)

    @classmethod
    def of(cls, block: GanAugmentConfig, size: int, n_epochs: int) -> "BatchPlan":
        """The plan of a block for batches of ``size``.

        Raises
        ------
        UserError
            If rounding leaves no generated or no simulated image, or the schedule no epoch.
        """
        plan = cls(size, block.total_fraction, n_epochs, block.schedule)
        if plan.fraction:
            plan._check_rounding()
            plan._check_schedule()
        return plan

    @property
    def n_generated(self) -> int:
        """Generated images in a batch at full strength, halves rounded up."""
        return _rounded(self.fraction * self.size)

    @property
    def n_simulated(self) -> int:
        """Simulated images in a batch at full strength."""
        return self.size - self.n_generated

    def generated_in(self, epoch: int) -> int:
        """Generated images in every batch of an epoch, counted from 0."""
        return _rounded(self.fraction * self.schedule.factor(epoch, self.n_epochs) * self.size)

    def simulated_in(self, epoch: int) -> int:
        """Simulated images in every batch of an epoch, counted from 0."""
        return self.size - self.generated_in(epoch)

    @property
    def fullest_epoch(self) -> int:
        """The first epoch with the most generated images."""
        return max(range(self.n_epochs), key=self.generated_in)

    def _check_rounding(self) -> None:
        if not 0 < self.n_generated < self.size:
            kind = "generated" if self.n_generated == 0 else "simulated"
            raise UserError(
                f"gan_augment.fraction: {self.fraction:g} of a batch of {self.size} leaves no "
                f"{kind} image; choose between {1 / self.size:.2g} and {1 - 1 / self.size:.2g}, or "
                "a larger batch."
            )

    def _check_schedule(self) -> None:
        if not any(self.generated_in(epoch) for epoch in range(self.n_epochs)):
            raise UserError(
                f"gan_augment.schedule: none of the {self.n_epochs} epochs has generated images; "
                "lower start_epoch, ramp_epochs, anneal or anneal_epochs, or raise n_epochs."
            )


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
