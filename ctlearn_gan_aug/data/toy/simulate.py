"""The toy simulation as a DL1 file."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...dl1.cleaning import CleaningSettings
from ...dl1.header import ProductInfo
from ...dl1.runs import Run
from ...dl1.skeleton import skeleton_from_subarray
from ...dl1.writer import DL1Writer
from ...errors import UserError
from ...files import atomic_file
from . import showers
from . import telescope as tel
from .conditions import USUAL, Conditions
from .events import ToyEvents, event_batches
from .pixels import GRIDS, PixelGrid

CLEANING = CleaningSettings(picture=7.0, boundary=4.0, keep_isolated=False, min_neighbors=1)
MAX_SEED = 10**9 - 1  # obs_ids made from it fit into 32 bits
_CHUNK = 250  # events written, and reported as progress, at once
_DESCRIPTION = (
    "Toy simulation of ctlearn_gan_aug: invented showers in an invented telescope, for "
    "demonstration and tests; not a physics simulation"
)


@dataclass(frozen=True)
class SimulatedFile:
    """What was simulated.

    Attributes
    ----------
    path : Path
        The DL1 file.
    obs_id : int
        Its run.
    n_events : int
        Triggered events, all written.
    n_thrown : int
        Showers thrown for them.
    """

    path: Path
    obs_id: int
    n_events: int
    n_thrown: int


def simulate(
    particle: str,
    n_events: int,
    seed: int,
    target: str | Path,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
    camera: str = "toy",
    conditions: Conditions = USUAL,
) -> SimulatedFile:
    """Simulate toy events into a DL1 file.

    A particle and a seed always give the same events; more of them begin with the same ones.

    Parameters
    ----------
    particle : str
        ``"gamma"`` or ``"proton"``.
    n_events : int
        Number of triggered events to write.
    seed : int
        From 0 to `MAX_SEED`.
    target : path
        File to write.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called with the number of events just written.
    camera : str
        One of `pixels.GRIDS`.
    conditions : Conditions
        Night sky, optics and trigger. Images are cleaned with the same cuts under all of them.

    Raises
    ------
    UserError
        If an argument is out of range, or ``target`` exists or cannot be written.
    """
    obs_id = run_number(particle, seed)
    if camera not in GRIDS:
        raise UserError(f"Unknown camera '{camera}'; choose one of: {', '.join(GRIDS)}.")
    grid = GRIDS[camera]
    if n_events < 1:
        raise UserError(f"n_events is {n_events}; at least 1 event must be asked for.")
    # The skeleton is made in a folder of its own, so that nothing of it can stay behind.
    temporary = tempfile.TemporaryDirectory(prefix="ctlearn-gan-")
    with atomic_file(target, overwrite) as part, temporary as folder:
        skeleton = Path(folder) / "skeleton.h5"
        skeleton_from_subarray(tel.toy_subarray(grid), skeleton)
        product = _product(particle, seed, camera, conditions)
        with DL1Writer(part, skeleton, cleaning=_cleaning(grid), product=product) as writer:
            writer.add_run(_run(obs_id, n_thrown=0))
            batches = event_batches(particle, seed, grid, conditions)
            n_thrown = _write_events(writer, batches, particle, obs_id, n_events, progress)
            writer.add_run(_run(obs_id, n_thrown))
    return SimulatedFile(Path(target), obs_id, n_events, n_thrown)


def run_number(particle: str, seed: int) -> int:
    """The obs_id of a particle and a seed, different for each pair so that files merge."""
    particles = list(showers.PRIMARY_IDS)
    if particle not in particles:
        raise UserError(f"Unknown particle '{particle}'; choose one of: {', '.join(particles)}.")
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"The seed is {seed}; it must be between 0 and {MAX_SEED}.")
    return 1 + len(particles) * seed + particles.index(particle)


def label_table(events: ToyEvents, particle: str, obs_id: int):
    """Truth of toy events as `DL1Writer.append` takes it, an `astropy.table.Table`."""
    from astropy.table import Table

    n = len(events)
    return Table(
        {
            "obs_id": np.full(n, obs_id),
            "event_id": events.thrown_index + 1,
            "tel_id": np.full(n, tel.TEL_ID),
            "true_energy": events.energy,
            "true_alt": events.alt,
            "true_az": events.az,
            "true_core_x": events.core_x,
            "true_core_y": events.core_y,
            "true_h_first_int": events.first_interaction,
            "true_x_max": events.x_max,
            "true_starting_grammage": np.zeros(n),
            "true_shower_primary_id": np.full(n, showers.PRIMARY_IDS[particle]),
        }
    )


def _cleaning(grid: PixelGrid) -> CleaningSettings:
    """Cuts as far above the night sky of the pixels as the usual camera's."""
    picture, boundary = (
        round(x * grid.night_sky, 1) for x in (CLEANING.picture, CLEANING.boundary)
    )
    return replace(CLEANING, picture=picture, boundary=boundary)


def _write_events(writer, batches, particle, obs_id, n_events, progress) -> int:
    """Write the first ``n_events`` triggered events; returns how many showers were thrown."""
    for batch in batches:
        batch = batch.select(slice(n_events - writer.n_images))
        for start, stop in pairwise([*range(0, len(batch), _CHUNK), len(batch)]):
            chunk = batch.select(slice(start, stop))
            writer.append(
                label_table(chunk, particle, obs_id),
                chunk.charge,
                chunk.peak_time,
                true_images=chunk.photo_electrons,
            )
            if progress is not None:
                progress(len(chunk))
        if writer.n_images == n_events:
            return int(batch.thrown_index[-1]) + 1


def _run(obs_id: int, n_thrown: int) -> Run:
    return Run(
        obs_id=obs_id,
        pointing_alt=tel.POINTING_ALT,
        pointing_az=tel.POINTING_AZ,
        energy_range=showers.ENERGY_RANGE,
        n_showers=n_thrown,
        spectral_index=showers.SPECTRAL_INDEX,
        max_viewcone_radius=showers.VIEWCONE,
        max_scatter_range=showers.MAX_IMPACT,
    )


def _product(particle: str, seed: int, camera: str, conditions: Conditions) -> ProductInfo:
    context = {"SIMULATION": "toy", "PARTICLE": particle, "SEED": seed, "CAMERA": camera}
    context |= {name.replace("_", " ").upper(): value for name, value in vars(conditions).items()}
    return ProductInfo(
        activity="ctlearn-gan simulate",
        description=_DESCRIPTION,
        process_subtype="Toy",
        context=context,
    )
