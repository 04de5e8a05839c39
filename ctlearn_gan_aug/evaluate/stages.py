"""How much an evaluation does, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Effort:
    """How long judges are trained.

    Attributes
    ----------
    regression_images, type_images, pixel_images : int
        Images drawn in the training of each judge; 0 leaves it out.
    """

    regression_images: int = 100_000
    type_images: int = 48_000
    pixel_images: int = 48_000

    @property
    def shares(self) -> dict[str, float]:
        """Rough shares of the stages in the running time, for the progress bar."""
        seconds = {
            "reading": 8.0,
            "generating": 8.0,
            "energy and direction": self.regression_images / 1700,
            "particle type": self.type_images / 1700,
            "pixels": self.pixel_images / 1700,
            "image parameters": 12.0,
            "label domain": 8.0,
            "speed": 25.0,
            "drawing": 8.0,
        }
        total = sum(seconds.values())
        return {name: value / total for name, value in seconds.items()}


QUICK = Effort(regression_images=24_000, type_images=12_000, pixel_images=0)


class Stages:
    """Tells a progress callback how far the whole evaluation is.

    Parameters
    ----------
    shares : dict of str to float
        Share of every stage in the running time, see `Effort.shares`.
    report : callable, optional
        Takes the stage and the fraction done of everything.
    """

    def __init__(self, shares: dict[str, float], report: Progress | None):
        self._shares = shares
        self._report = report
        self._stage, self._before = "", 0.0

    def start(self, stage: str) -> None:
        """Enter the next stage."""
        self._before += self._shares.get(self._stage, 0.0)
        self._stage = stage
        self._tell(0.0)

    def images(self, n_total: int) -> Callable[[int], None]:
        """Callback that counts images of the current stage."""
        done = 0

        def count(n_images: int) -> None:
            nonlocal done
            done += n_images
            self._tell(min(done / n_total, 1.0))

        return count

    def _tell(self, fraction: float) -> None:
        if self._report is not None:
            self._report(self._stage, self._before + self._shares[self._stage] * fraction)
