"""Labels for a region: energies by spectrum, the rest from training events of like energy."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..camera import Camera
from ..config.region import Region
from ..directions import offset_angle, set_sky
from ..errors import UserError
from .spectra import draw_log_energy
from .variety import vary

#: Below this number of training events the directions of a region are drawn uniformly.
_MIN_POOL = 30
#: Taken from another event than direction and core, which hardly know of it at equal energy.
_DEVELOPMENT = ("true_h_first_int", "true_x_max")
_BOXES = ("fov_lon", "fov_lat", "cam_coord_offset_x", "cam_coord_offset_y")


def sample_labels(
    bundle: Bundle,
    region: Region,
    n: int,
    rng: np.random.Generator,
    extrapolate: bool = False,
) -> Table:
    """Draw the labels of ``n`` images in a region.

    Everything but the energy is taken from training events of about the same energy inside the
    region: direction, core and pointing from one, first interaction and X_max from another. They
    are turned about the telescope axis and moved a little (`variety.vary`), so that few training
    events give many different ones.

    Parameters
    ----------
    bundle : Bundle
        Its training label distribution is resampled.
    region : Region
        Where; absent limits mean the training domain.
    n : int
        Number of images.
    rng : numpy.random.Generator
        Source of randomness.
    extrapolate : bool
        Allow regions that leave the training domain.

    Returns
    -------
    astropy.table.Table
        Event label table with ``n`` rows; ``event_id`` counts from 1, ``obs_id`` is 0.

    Raises
    ------
    UserError
        If the region leaves the training domain and ``extrapolate`` is false, or is empty.
    """
    if not extrapolate:
        check_domain(bundle, region)
    limits = energy_limits(bundle, region)
    pool = _direction_pool(bundle, region, rng)
    inside = np.sort(pool["log_true_energy"].data)
    inside = inside[(inside >= limits[0]) & (inside <= limits[1])]
    log_energy = draw_log_energy(region.spectrum, limits, inside, n, rng)
    return _completed(bundle, [(region, pool, log_energy)], rng)


def labels_at(
    bundle: Bundle,
    regions: Sequence[Region],
    log_energies: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> Table:
    """Draw the labels of images of given energies, each in the directions of its region.

    Parameters
    ----------
    bundle : Bundle
        Its training label distribution is resampled.
    regions : sequence of Region
        Where; their energies and spectra do not matter.
    log_energies : sequence of ndarray
        log10(E / TeV) of every region's images.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    astropy.table.Table
        As `sample_labels`, region after region.

    Raises
    ------
    UserError
        If a region is empty.
    """
    pools = [_direction_pool(bundle, region, rng) for region in regions]
    return _completed(bundle, list(zip(regions, pools, log_energies, strict=True)), rng)


def _completed(bundle: Bundle, parts: list, rng) -> Table:
    """Events of given energies out of a pool for each region, as new events of the telescope."""
    from astropy.table import vstack

    chosen = []
    for _, pool, log_energy in parts:
        pool.sort("log_true_energy")
        energies = pool["log_true_energy"].data
        rows = pool[_like_energy(energies, log_energy, rng)]
        others = _like_energy(energies, log_energy, rng)
        for name in (name for name in _DEVELOPMENT if name in pool.colnames):
            rows[name] = pool[name][others]
        rows["log_true_energy"], rows["true_energy"] = log_energy, 10.0**log_energy
        chosen.append(rows)
    table = vstack(chosen, metadata_conflicts="silent") if len(chosen) > 1 else chosen[0]
    _move_to_telescope(table, bundle)
    regions, sizes = [region for region, *_ in parts], [len(rows) for rows in chosen]
    vary(table, bundle, lambda moved: _inside(moved, bundle, regions, sizes), rng)
    table["obs_id"], table["event_id"] = 0, np.arange(1, len(table) + 1)
    return table


def _inside(
    table: Table, bundle: Bundle, regions: Sequence[Region], sizes: Sequence[int]
) -> np.ndarray:
    """Which rows (n,) are in their region and in the training domain; ``sizes`` rows of each."""
    ends = np.cumsum(sizes)
    inside = [
        in_direction(bundle.camera, region, table[end - size : end])
        for region, size, end in zip(regions, sizes, ends, strict=True)
    ]
    limit = offsets(bundle.camera, bundle.label_table).max()
    return np.concatenate(inside) & (offsets(bundle.camera, table) <= limit)


def check_domain(bundle: Bundle, region: Region) -> None:
    """Refuse a region that leaves the energies or directions of the training events."""
    table = bundle.label_table
    units = {"energy": "TeV", "offset": "deg", "fov_lon": "deg", "fov_lat": "deg"}
    values = {name: table[name].data for name in _BOXES}
    values["energy"], values["offset"] = table["true_energy"].data, offsets(bundle.camera, table)
    for name, column in values.items():
        limits = getattr(region, name)
        # Offsets are bounded from above only: near the centre the solid angle vanishes.
        low = 0.0 if name == "offset" else column.min()
        slack = 0.02 * (column.max() - low) + 1e-9
        outside = limits and (limits[0] < low - slack or limits[1] > column.max() + slack)
        if outside:
            raise UserError(
                f"Region ({region.describe()}): {name} leaves the training domain of "
                f"{bundle.path}, {low:.3g} to {column.max():.3g} {units.get(name, 'm')}; "
                "narrow it or allow extrapolation (extrapolate: true, --extrapolate)."
            )


def offsets(camera: Camera, table: Table) -> np.ndarray:
    """Angles (deg) between the shower directions of a label table and the telescope axis."""
    xy = (table[f"cam_coord_offset_{axis}"].data for axis in "xy")
    return offset_angle(*xy, camera.focal_length)


def energy_limits(bundle: Bundle, region: Region) -> tuple[float, float]:
    """Lowest and highest log10(E / TeV) of a region; absent limits mean the training domain."""
    if region.energy is not None:
        return tuple(np.log10(region.energy))
    energies = bundle.label_table["log_true_energy"].data
    return float(energies.min()), float(energies.max())


def in_direction(camera: Camera, region: Region, table: Table) -> np.ndarray:
    """Which rows (n,) of a label table have a direction in the region."""
    keep = np.ones(len(table), bool)
    if region.offset is not None:
        offset = offsets(camera, table)
        keep &= (offset >= region.offset[0]) & (offset <= region.offset[1])
    for name in _BOXES:
        limits = getattr(region, name)
        if limits is not None:
            keep &= (table[name].data >= limits[0]) & (table[name].data <= limits[1])
    return keep


def _direction_pool(bundle: Bundle, region: Region, rng: np.random.Generator) -> Table:
    """Training events in the region's directions, or, if too few, with directions drawn there."""
    table = bundle.label_table
    pool = table[in_direction(bundle.camera, region, table)]
    if len(pool) >= min(_MIN_POOL, len(table)):
        return pool
    found, n_found = [], 0
    for _ in range(50):
        trial = table[rng.integers(0, len(table), 2000)]
        _draw_uniform_directions(trial, bundle, region, rng)
        found.append(trial[in_direction(bundle.camera, region, trial)])
        n_found += len(found[-1])
        if n_found >= _MIN_POOL:
            break
    if n_found == 0:
        raise UserError(
            f"Region ({region.describe()}): no direction satisfies all its limits at once; "
            "widen them."
        )
    from astropy.table import vstack

    return vstack(found, metadata_conflicts="silent")


def _draw_uniform_directions(table: Table, bundle: Bundle, region: Region, rng) -> None:
    """Uniform positions on the smallest disc of the camera plane that holds the region."""
    training = offsets(bundle.camera, bundle.label_table).max()
    low, high = region.offset or (0.0, 2.0 * training)
    focal_length = bundle.camera.focal_length
    inner, outer = (focal_length * np.tan(np.deg2rad(angle)) for angle in (low, high))
    radius = np.sqrt(rng.uniform(inner**2, outer**2, len(table)))
    angle = rng.uniform(0.0, 2 * np.pi, len(table))
    table["cam_coord_offset_x"] = radius * np.cos(angle)
    table["cam_coord_offset_y"] = radius * np.sin(angle)
    set_sky(table, bundle.subarray, bundle.tel_id)


def _move_to_telescope(table: Table, bundle: Bundle) -> None:
    """Let showers fall about the bundle's telescope as they fell about the one that saw them."""
    ground = {
        tel_id: position.to_value("m") for tel_id, position in bundle.subarray.positions.items()
    }
    seen_from = np.array([ground[tel_id][:2] for tel_id in table["tel_id"].tolist()])
    moved = ground[bundle.tel_id][:2] - seen_from
    table["true_core_x"] = table["true_core_x"].data + moved[:, 0]
    table["true_core_y"] = table["true_core_y"].data + moved[:, 1]
    table["tel_id"] = bundle.tel_id


def _like_energy(sorted_energies, wanted, rng) -> np.ndarray:
    """For every wanted energy a random one of the nearest rows of a sorted pool."""
    half = min(max(8, len(sorted_energies) // 100), (len(sorted_energies) - 1) // 2)
    first = np.searchsorted(sorted_energies, wanted) - half
    first = np.clip(first, 0, len(sorted_energies) - 1 - 2 * half)
    return first + rng.integers(0, 2 * half + 1, len(wanted))
