"""What a set of events lacks for a wanted distribution, cell by cell in energy and offset."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..camera import Camera
from ..config.region import Region
from .regions import energy_limits, in_direction, labels_at, offsets
from .spectra import power_law

#: Cells per decade of energy, and in offset; those in offset have equal solid angles.
_PER_DECADE, _N_OFFSETS = 5, 5
#: Flat in log10 E.
_FLAT = -1.0


@dataclass(frozen=True)
class Cells:
    """Cells of a region in energy and offset.

    Attributes
    ----------
    region : Region
        Where.
    log_energy : ndarray (n + 1,)
        Edges, log10(E / TeV).
    offset : ndarray (m + 1,)
        Edges, deg; one cell if only energies matter.
    """

    region: Region
    log_energy: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, bundle: Bundle, region: Region) -> "Cells":
        """Cells of the region's spectrum; absent limits mean the training domain."""
        low, high = energy_limits(bundle, region)
        n = max(1, round(_PER_DECADE * (high - low)))
        first, last = region.offset or (
            0.0,
            float(offsets(bundle.camera, bundle.label_table).max()),
        )
        m = 1 if region.spectrum.over == "energy" else _N_OFFSETS
        # Solid angle goes with 1 - cos.
        cosines = np.linspace(*np.cos(np.deg2rad([first, last])), m + 1)
        edges = np.rad2deg(np.arccos(cosines))
        edges[[0, -1]] = first, last  # rounded, they would leave out the outermost event
        return cls(region, np.linspace(low, high, n + 1), edges)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of cells in energy and offset."""
        return len(self.log_energy) - 1, len(self.offset) - 1

    def find(self, camera: Camera, events: Table) -> np.ndarray:
        """Flat numbers of the cells (n_events,) that hold events; -1 for events in none."""
        place = _place(self.log_energy, events["log_true_energy"].data)
        inside = (place >= 0) & in_direction(camera, self.region, events)
        if self.shape[1] > 1:  # else directions do not matter, not even beyond the training domain
            column = _place(self.offset, offsets(camera, events))
            inside &= column >= 0
            place = place * self.shape[1] + column
        return np.where(inside, place, -1)

    def counts(self, camera: Camera, events: Table) -> np.ndarray:
        """Numbers of events (n, m) of a label table in the cells."""
        found = self.find(camera, events)
        return np.bincount(found[found >= 0], minlength=np.prod(self.shape)).reshape(self.shape)

    def wanted(self) -> np.ndarray:
        """Wanted distribution (n, m) of events over the cells, which adds up to 1."""
        index = _FLAT if self.region.spectrum.index is None else self.region.spectrum.index
        slope = (index + 1.0) * np.log(10.0)
        # Relative to the upper end, so that steep spectra do not overflow.
        edges = self.log_energy - self.log_energy[-1]
        content = np.diff(edges if abs(slope) < 1e-9 else np.exp(slope * edges) / slope)
        content = np.repeat(content[:, None], self.shape[1], axis=1)
        return content / content.sum()

    def labels(self, bundle: Bundle, cells: np.ndarray, rng: np.random.Generator) -> Table:
        """Labels of images in given cells.

        Parameters
        ----------
        bundle : Bundle
            Whose training labels are resampled.
        cells : ndarray of int (k,)
            Flat numbers of cells.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        astropy.table.Table
            Event label table of k rows, in the order of ``cells``.
        """
        row, column = np.divmod(cells, self.shape[1])
        index = _FLAT if self.region.spectrum.index is None else self.region.spectrum.index
        edges = self.log_energy[row], self.log_energy[row + 1]
        energies = power_law(index, *edges, rng.uniform(0.0, 1.0, len(cells)))
        columns = np.unique(column)
        places = [np.flatnonzero(column == j) for j in columns]
        regions = [self._column(j) for j in columns]
        table = labels_at(bundle, regions, [energies[place] for place in places], rng)
        return table[np.argsort(np.concatenate(places))]

    def _column(self, number: int) -> Region:
        if self.shape[1] == 1:
            return self.region
        limits = tuple(self.offset[number : number + 2].tolist())
        return self.region.model_copy(update={"offset": limits})


def _place(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Number of the bin that holds each value; -1 outside of the edges."""
    place = np.searchsorted(edges, values, side="right") - 1
    place = np.where(values == edges[-1], len(edges) - 2, place)
    return np.where(place < len(edges) - 1, place, -1)


def lacking(counts: np.ndarray, wanted: np.ndarray, n: float) -> np.ndarray:
    """How ``n`` more events bring a histogram nearest to a wanted distribution.

    The cells that lack most are filled up to one level, as water fills a basin: ``counts`` and the
    result add up to ``level * wanted`` in every cell that gets any.

    Parameters
    ----------
    counts : ndarray
        Events there are.
    wanted : ndarray of the same shape
        Wanted distribution, positive, up to a factor.
    n : float
        Events to add, positive.

    Returns
    -------
    ndarray of the same shape
        Events to add; their sum is ``n``.
    """
    full = (counts / wanted).ravel()
    order = np.argsort(full)
    there, width = np.cumsum(counts.ravel()[order]), np.cumsum(wanted.ravel()[order])
    levels = (n + there) / width  # if the cells up to this one are filled
    above = np.append(full[order][1:], np.inf)
    level = levels[np.argmax(levels <= above)]
    return np.maximum(level * wanted - counts, 0.0)
