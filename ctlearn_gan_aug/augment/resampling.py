"""The training's own simulated events in place of a generator: oversampling, for comparison."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.table import Table

from ..camera import Camera
from ..config.region import Region
from ..data.feed import StoreFeed
from ..dl1.primaries import PRIMARY_IDS
from ..dl1.selection import ImageSelection
from ..errors import UserError
from ..refiner import Refiner
from ..sampling.fill import Cells, lacking
from ..sampling.refine import ImageRefiner
from ..sampling.regions import energy_limits, in_direction
from .label_chunks import CHUNK_SIZE
from .plan import MixedRegion
from .stream import Images, Tally, check_acceptance, first_numbers


@dataclass(frozen=True)
class SimulatedEvents:
    """A particle's training events, where a bundle of generated ones could stand.

    Attributes
    ----------
    particle : str
        Its name.
    camera : Camera
        That of the files.
    label_table : Table
        Labels of the events.
    index : ndarray of int (n,)
        The reader's indices of the events.
    """

    particle: str
    camera: Camera
    label_table: Table
    index: np.ndarray
    path: Path = Path("the training's own simulated events")

    @classmethod
    def of(cls, particle: str, camera: Camera, loader) -> "SimulatedEvents":
        """Events of a training loader; ``gamma_low`` are gammas, too.

        Raises
        ------
        UserError
            If the particle has no number, or no event.
        """
        names = [name for name in PRIMARY_IDS if particle.startswith(name)]
        if not names:
            raise UserError(
                f"gan_augment.generators.{particle}: which simulated events these are is known of "
                f"{', '.join(PRIMARY_IDS)} only; begin its name with one of these."
            )
        table = loader.DLDataReader.example_identifiers
        index = np.sort(np.asarray(loader.indices, dtype=np.int64))
        ids = np.asarray(table["true_shower_primary_id"])[index]
        index = index[ids == PRIMARY_IDS[names[0]]]
        return cls(names[0], camera, table[index], index)

    @property
    def meta(self) -> SimpleNamespace:
        """What a bundle says of itself."""
        return SimpleNamespace(particle=self.particle, bundle_id="simulation")


@dataclass(frozen=True)
class RefinedDraws:
    """Simulated events after a refiner, those that still pass the reader's cuts.

    Attributes
    ----------
    refine : ImageRefiner
        Refines their images.
    selection : ImageSelection
        The cuts.
    """

    refine: ImageRefiner
    selection: ImageSelection

    @classmethod
    def of(cls, refiner: Refiner, reader, camera: Camera, seed: int) -> "RefinedDraws":
        """For the images of a reader.

        Raises
        ------
        UserError
            If the refiner is not for its camera and channels, or cuts are on more than parameters.
        """
        refiner.check_suits(SimulatedEvents.path, camera, reader.channels)
        criteria, columns = reader.quality_query.quality_criteria, reader.dl1b_parameter_colnames
        selection = ImageSelection(criteria, columns, camera, refiner.cleaning)
        selection.check(())
        return cls(ImageRefiner(refiner, seed, CHUNK_SIZE), selection)

    @property
    def refiner_id(self) -> str:
        """Name of the refiner."""
        return self.refine.refiner.meta.refiner_id

    def __call__(self, images: Images, numbers: np.ndarray) -> Images:
        """Refined images of these numbers (n,) that pass."""
        refined = Images(self.refine(images.pixels, numbers), images.labels)
        return refined.take(self.selection.of_pixels(refined.pixels))


@dataclass(frozen=True)
class ResampledStream:
    """Simulated events of one region drawn again, epoch by epoch, as a `RegionStream` would.

    Attributes
    ----------
    region : MixedRegion
        Where; its bundle is a `SimulatedEvents`.
    number : int
        Position of the region in the plan.
    seed : int
        Seed of the block.
    feed : StoreFeed
        Has the images.
    n_wanted : float
        Images of an epoch, for the spectrum ``fill``.
    refined : RefinedDraws, optional
        What images go through.
    """

    region: MixedRegion
    number: int
    seed: int
    feed: StoreFeed
    n_wanted: float
    refined: RefinedDraws | None = None

    @property
    def selection(self) -> str:
        """Cuts, in words."""
        if self.refined:
            return str(self.refined.selection)
        return "that simulated events have passed"

    @property
    def refiner_id(self) -> str | None:
        """Name of the refiner that images go through, if there is one."""
        return self.refined.refiner_id if self.refined else None

    def chunks(self, epoch: int, tally: Tally) -> Iterator[Images]:
        """Yield events without end, counting them in ``tally``.

        Raises
        ------
        UserError
            If the region has none, or hardly any of them passes the cuts when refined.
        """
        events, chances = self._candidates()
        rng = np.random.default_rng([self.seed, self.number, epoch])
        numbers = first_numbers(epoch, self.number)
        while True:
            index = rng.choice(events, CHUNK_SIZE, p=chances)
            turns = rng.integers(self.feed.n_turns, size=CHUNK_SIZE)
            pixels, labels = self.feed.read(self.feed.row(index, turns))
            images = Images(pixels, labels if isinstance(labels, dict) else {"type": labels})
            if self.refined:
                images, numbers = self.refined(images, numbers), numbers + CHUNK_SIZE
            tally.generated += CHUNK_SIZE
            tally.accepted += len(images)
            check_acceptance(tally, self.region, self.number, self.selection)
            if len(images):
                yield images

    def _candidates(self) -> tuple[np.ndarray, np.ndarray]:
        """The reader's indices of the region's events, and how often each is drawn."""
        simulated, region = self.region.bundle, self.region.region
        table = simulated.label_table
        log_energy = np.asarray(table["log_true_energy"])
        low, high = energy_limits(simulated, region) if len(table) else (0.0, 0.0)
        inside = in_direction(simulated.camera, region, table)
        inside &= (log_energy >= low) & (log_energy <= high)
        if not inside.any():
            raise UserError(
                f"gan_augment: region {self.number + 1} ({region.describe()}) has no simulated "
                "training event to draw again; widen it."
            )
        chances = _chances(simulated, region, table[inside], self.n_wanted)
        return simulated.index[inside], chances / chances.sum()


def _chances(simulated: SimulatedEvents, region: Region, table: Table, n: float) -> np.ndarray:
    """How often each of a region's events is drawn, up to a factor, for its spectrum."""
    if region.spectrum.kind == "empirical":
        return np.ones(len(table))
    cells = Cells.of(simulated, region)
    counts, wanted = cells.counts(simulated.camera, table), cells.wanted()
    if region.spectrum.kind == "fill":
        wanted = lacking(counts, wanted, n)
    per_event = np.divide(wanted, counts, out=np.zeros_like(wanted), where=counts > 0)
    chances = per_event.ravel()[cells.find(simulated.camera, table)]
    if not chances.any():  # what is lacking has no event at all
        return np.ones(len(table))
    return chances
