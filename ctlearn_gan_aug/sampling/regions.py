"""Labels for a region: energies by spectrum, the rest from training events of like energy."""

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..config.region import Region
from ..directions import offset_angle, set_impact, set_sky
from ..errors import UserError
from .spectra import draw_log_energy

#: Below this number of training events the directions of a region are drawn uniformly.
_MIN_POOL = 30
#: Directions are smeared by this fraction of their training spread.
_DIRECTION_SMEARING = 0.02
_BOXES = ("fov_lon", "fov_lat", "cam_coord_offset_x", "cam_coord_offset_y")


def sample_labels(
    bundle: Bundle,
    region: Region,
    n: int,
    rng: np.random.Generator,
    extrapolate: bool = False,
) -> Table:
    """Draw the labels of ``n`` images in a region.

    Everything but energy and direction (core, first interaction, X_max, pointing) is taken from
    training events of about the same energy inside the region, so that labels keep the
    correlations they have in simulation.

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
    limits = _energy_limits(bundle, region)
    pool = _direction_pool(bundle, region, rng)
    pool.sort("log_true_energy")
    inside = pool["log_true_energy"].data
    inside = inside[(inside >= limits[0]) & (inside <= limits[1])]
    log_energy = draw_log_energy(region.spectrum, limits, inside, n, rng)
    table = pool[_like_energy(pool["log_true_energy"].data, log_energy, rng)]
    table["log_true_energy"], table["true_energy"] = log_energy, 10.0**log_energy
    _move_to_telescope(table, bundle)
    _smear_directions(table, bundle, region, rng)
    table["obs_id"], table["event_id"] = 0, np.arange(1, n + 1)
    return table


def check_domain(bundle: Bundle, region: Region) -> None:
    """Refuse a region that leaves the energies or directions of the training events."""
    table = bundle.label_table
    units = {"energy": "TeV", "offset": "deg", "fov_lon": "deg", "fov_lat": "deg"}
    values = {name: table[name].data for name in _BOXES}
    values["energy"], values["offset"] = table["true_energy"].data, _offset(bundle, table)
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


def _offset(bundle: Bundle, table: Table) -> np.ndarray:
    """Angle (deg) between the shower direction and the telescope axis."""
    xy = (table[f"cam_coord_offset_{axis}"].data for axis in "xy")
    return offset_angle(*xy, bundle.camera.focal_length)


def _energy_limits(bundle: Bundle, region: Region) -> tuple[float, float]:
    if region.energy is not None:
        return tuple(np.log10(region.energy))
    energies = bundle.label_table["log_true_energy"].data
    return float(energies.min()), float(energies.max())


def _in_direction(bundle: Bundle, region: Region, table: Table) -> np.ndarray:
    """Boolean rows whose direction lies in the region."""
    keep = np.ones(len(table), bool)
    if region.offset is not None:
        offset = _offset(bundle, table)
        keep &= (offset >= region.offset[0]) & (offset <= region.offset[1])
    for name in _BOXES:
        limits = getattr(region, name)
        if limits is not None:
            keep &= (table[name].data >= limits[0]) & (table[name].data <= limits[1])
    return keep


def _direction_pool(bundle: Bundle, region: Region, rng: np.random.Generator) -> Table:
    """Training events in the region's directions, or, if too few, with directions drawn there."""
    table = bundle.label_table
    pool = table[_in_direction(bundle, region, table)]
    if len(pool) >= min(_MIN_POOL, len(table)):
        return pool
    found, n_found = [], 0
    for _ in range(50):
        trial = table[rng.integers(0, len(table), 2000)]
        _draw_uniform_directions(trial, bundle, region, rng)
        found.append(trial[_in_direction(bundle, region, trial)])
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
    training = _offset(bundle, bundle.label_table).max()
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


def _smear_directions(table: Table, bundle: Bundle, region: Region, rng) -> None:
    """Move directions a little, where that stays inside the region and the training domain."""
    moved = table.copy()
    for name in ("cam_coord_offset_x", "cam_coord_offset_y"):
        spread = _DIRECTION_SMEARING * bundle.label_table[name].std()
        moved[name] = moved[name].data + rng.normal(0.0, 1.0, len(table)) * spread
    set_sky(moved, bundle.subarray, bundle.tel_id)
    limit = _offset(bundle, bundle.label_table).max()
    good = _in_direction(bundle, region, moved) & (_offset(bundle, moved) <= limit)
    for name in (*_BOXES, "true_alt", "true_az"):
        table[name] = np.where(good, moved[name], table[name])
    set_impact(table, bundle.subarray)
