"""Labels drawn in a region, for files of new events."""

import hashlib
from collections.abc import Iterator

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..config.region import Region
from ..dl1.runs import Run
from ..dl1.writer import DL1Writer
from ..errors import UserError
from ..sampling.regions import check_domain, sample_labels
from ..shard import Shard

#: Events whose labels are drawn with one seed; shards see the same blocks, so that together they
#: hold exactly the events of the unsharded export.
_BLOCK = 1024
#: obs_ids begin here, far above those of simulation runs, and fit 32 bits.
_FIRST_OBS_ID, _LAST_OBS_ID = 1_000_000_000, 2**31 - 1
_POINTING = (
    "pointing_altitude",
    "pointing_azimuth",
    "telescope_pointing_altitude",
    "telescope_pointing_azimuth",
)


class RegionLabels:
    """Labels of this job's share of events in a region.

    Parameters
    ----------
    bundle : Bundle
        Whose training labels are resampled.
    region : Region
        Where.
    n_events : int
        Events of all jobs together.
    seed : int
        The same seed gives the same events.
    shard : Shard
        This job.
    extrapolate : bool
        Allow regions that leave the training domain.

    Attributes
    ----------
    n_images : int
        Images of this job.
    first : int
        Number of this job's first event among those of all jobs.
    description : str
        One line for logs and the file's header.

    Raises
    ------
    UserError
        If ``n_events`` is less than the number of jobs, or the region leaves the domain.
    """

    def __init__(
        self,
        bundle: Bundle,
        region: Region,
        n_events: int,
        seed: int,
        shard: Shard,
        extrapolate: bool,
    ):
        if n_events < shard.number:
            raise UserError(f"n_events is {n_events}; give at least one event to each shard.")
        if not extrapolate:
            check_domain(bundle, region)
        self._bundle, self._region, self._seed = bundle, region, seed
        self._n_events, self._extrapolate = n_events, extrapolate
        self._share = shard.range_of(n_events)
        self.first, self.n_images = self._share.start, len(self._share)
        particle = {"particle": bundle.meta.particle}
        self.description = region.model_copy(update=particle).describe()
        self._pointings = np.unique(_pointing_rows(bundle.label_table), axis=0)
        self.obs_ids = self._new_obs_ids(shard)
        self._n_of_run = dict.fromkeys(self.obs_ids, 0)

    def chunks(self) -> Iterator[Table]:
        """Label tables in the order of the events, at most `_BLOCK` rows each."""
        for block in range(self._share.start // _BLOCK, -(-self._share.stop // _BLOCK)):
            begin, end = block * _BLOCK, min((block + 1) * _BLOCK, self._n_events)
            rng = np.random.default_rng([self._seed, block])
            labels = sample_labels(self._bundle, self._region, end - begin, rng, self._extrapolate)
            share = range(max(begin, self._share.start), min(end, self._share.stop))
            labels = labels[share.start - begin : share.stop - begin]
            labels["event_id"] = np.asarray(share) - self.first + 1
            labels["obs_id"] = self._obs_ids_of(labels)
            yield labels

    def describe_runs(self, writer: DL1Writer) -> None:
        """Add a run for each pointing that the training events have."""
        for obs_id, pointing in zip(self.obs_ids, self._pointings, strict=True):
            writer.add_run(self._run(obs_id, pointing))

    def finish_runs(self, writer: DL1Writer) -> None:
        """Write the numbers of events into the runs."""
        self.describe_runs(writer)

    def _run(self, obs_id: int, pointing: np.ndarray) -> Run:
        table, region = self._bundle.label_table, self._region
        energies = region.energy or (table["true_energy"].min(), table["true_energy"].max())
        index = region.spectrum.index
        return Run(
            obs_id=obs_id,
            pointing_alt=pointing[0],
            pointing_az=pointing[1],
            telescope_pointing=(pointing[2], pointing[3]),
            energy_range=energies,
            n_showers=self._n_of_run[obs_id],
            spectral_index=np.nan if index is None else index,
            max_viewcone_radius=region.offset[1] if region.offset else None,
        )

    def _obs_ids_of(self, labels: Table) -> np.ndarray:
        distance = np.abs(_pointing_rows(labels)[:, None] - self._pointings[None]).sum(axis=2)
        obs_ids = np.asarray(self.obs_ids)[distance.argmin(axis=1)]
        for obs_id, n in zip(*np.unique(obs_ids, return_counts=True), strict=True):
            self._n_of_run[int(obs_id)] += int(n)
        return obs_ids

    def _new_obs_ids(self, shard: Shard) -> list[int]:
        """obs_ids that no other job of this export has, and hardly any other export."""
        n_runs = len(self._pointings)
        identity = f"{self._bundle.meta.bundle_id} {self._seed} {self._n_events} {self.description}"
        number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")
        span = _LAST_OBS_ID - _FIRST_OBS_ID - n_runs * shard.number
        first = _FIRST_OBS_ID + number % span + shard.index * n_runs
        return list(range(first, first + n_runs))


def _pointing_rows(labels: Table) -> np.ndarray:
    """Pointings of array and telescope, deg, shape (n, 4); equal but for rounding means equal."""
    return np.stack([np.round(np.asarray(labels[name], float), 6) for name in _POINTING], axis=1)
