"""Exact transforms between camera, sky and ground, as dl1-data-handler defines its labels."""

import numpy as np

_DEG = np.pi / 180.0


def offset_angle(x, y, focal_length) -> np.ndarray:
    """Angle (deg) between the telescope axis and a camera position; all arguments in m."""
    return np.rad2deg(np.arctan(np.hypot(x, y) / focal_length))


def _altaz_frame(subarray, tel_id: int | None):
    """AltAz frame of a telescope, or of the array for None, at dl1-data-handler's epoch."""
    from astropy.coordinates import AltAz
    from dl1_data_handler.reader import LST_EPOCH

    if tel_id is None:
        return AltAz(location=subarray.reference_location, obstime=LST_EPOCH)
    ground = subarray.tel_coords[subarray.tel_ids_to_indices(tel_id)]
    return AltAz(location=ground.to_earth_location(), obstime=LST_EPOCH)


def _camera_frame(subarray, tel_id: int, altitude, azimuth, altaz):
    """Derotated camera frame of a telescope that points at altitude, azimuth (deg)."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from ctapipe.coordinates import CameraFrame

    geometry = subarray.tel[tel_id].camera.geometry
    return CameraFrame(
        focal_length=geometry.frame.focal_length,
        rotation=geometry.pix_rotation,
        telescope_pointing=SkyCoord(az=azimuth * u.deg, alt=altitude * u.deg, frame=altaz),
    )


def altaz_from_camera(subarray, tel_id: int, x, y, altitude, azimuth):
    """Sky direction of a camera position.

    Parameters
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        Subarray with the camera geometry as in the file (not derotated).
    tel_id : int
        Telescope.
    x, y : ndarray (n,)
        ``cam_coord_offset_x/y``, m.
    altitude, azimuth : ndarray (n,)
        Telescope pointing, deg.

    Returns
    -------
    alt, az : ndarray (n,)
        deg; az in [0, 360).
    """
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    altaz = _altaz_frame(subarray, tel_id)
    frame = _camera_frame(subarray, tel_id, altitude, azimuth, altaz)
    # SkyCoord needs arrays of at least one element for broadcasting against the pointing.
    source = SkyCoord(np.asarray(x) * u.m, np.asarray(y) * u.m, frame=frame).transform_to(altaz)
    return source.alt.deg, source.az.wrap_at("360d").deg


def nominal_from_altaz(subarray, alt, az, altitude, azimuth):
    """Offsets (fov_lon, fov_lat) in deg of a direction from the array pointing, all in deg."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from ctapipe.coordinates import NominalFrame

    altaz = _altaz_frame(subarray, None)
    origin = SkyCoord(az=azimuth * u.deg, alt=altitude * u.deg, frame=altaz)
    frame = NominalFrame(origin=origin, location=altaz.location, obstime=altaz.obstime)
    sky = SkyCoord(az=az * u.deg, alt=alt * u.deg, frame=altaz).transform_to(frame)
    return sky.fov_lon.to_value("deg"), sky.fov_lat.to_value("deg")


def camera_from_altaz(subarray, tel_id: int, alt, az, altitude, azimuth):
    """Camera position (x, y) in m of a sky direction; inverse of `altaz_from_camera`."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    altaz = _altaz_frame(subarray, tel_id)
    frame = _camera_frame(subarray, tel_id, altitude, azimuth, altaz)
    spot = SkyCoord(az=az * u.deg, alt=alt * u.deg, frame=altaz).transform_to(frame)
    return spot.x.to_value("m"), spot.y.to_value("m")


def change_origin(offsets, old, new) -> np.ndarray:
    """The same directions as offsets from another pointing.

    Parameters
    ----------
    offsets : ndarray (n, 2)
        ``fov_lon, fov_lat`` from the pointing ``old``, deg.
    old, new : ndarray (n, 2) or (2,)
        Altitude and azimuth, deg.

    Returns
    -------
    ndarray (n, 2)
        ``fov_lon, fov_lat`` from the pointing ``new``, deg.
    """
    lon, lat = np.asarray(offsets, dtype=float).T * _DEG
    (altitude, azimuth), (new_altitude, new_azimuth) = (
        np.asarray(pointing, dtype=float).T * _DEG for pointing in (old, new)
    )
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    x, z = _rotated(x, z, altitude)
    x, y = _rotated(x, y, azimuth - new_azimuth)
    x, z = _rotated(x, z, -new_altitude)
    return np.stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))], axis=1) / _DEG


def _rotated(x, y, angle):
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def set_sky(table, subarray, tel_id: int) -> None:
    """Fill true_alt/az and fov_lon/lat of a label table from its camera offsets and pointings."""
    table["true_alt"], table["true_az"] = altaz_from_camera(
        subarray,
        tel_id,
        table["cam_coord_offset_x"].data,
        table["cam_coord_offset_y"].data,
        table["telescope_pointing_altitude"].data,
        table["telescope_pointing_azimuth"].data,
    )
    table["fov_lon"], table["fov_lat"] = nominal_from_altaz(
        subarray,
        table["true_alt"].data,
        table["true_az"].data,
        table["pointing_altitude"].data,
        table["pointing_azimuth"].data,
    )


def _unit_vectors(alt, az):
    """Unit vectors (n, 3) in the ground frame: x north, y west, z up."""
    alt, az = np.asarray(alt) * _DEG, np.asarray(az) * _DEG
    return np.stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)], axis=-1)


def set_impact(table, subarray) -> None:
    """Add ``impact_x/y`` (m): the core seen from each row's telescope, along its camera's axes.

    In this frame a rotation or reflection of the camera acts on the core as it acts on the
    direction, so both labels follow a transformed image exactly.

    Parameters
    ----------
    table : astropy.table.Table
        ``tel_id``, ``true_core_x/y`` (m) and ``telescope_pointing_altitude/azimuth`` (deg).
    subarray : ctapipe.instrument.SubarrayDescription
        With camera geometries as in the file.
    """
    _fill(table, ("impact_x", "impact_y"), _impact, subarray)


def set_core(table, subarray) -> None:
    """Fill ``true_core_x/y`` of a table from ``impact_x/y``; inverse of `set_impact`."""
    _fill(table, ("true_core_x", "true_core_y"), _core, subarray)


def _fill(table, names, values, subarray) -> None:
    """Set two columns to the ``values`` (n, 2) of each telescope's rows."""
    for name in names:
        table[name] = np.zeros(len(table))
    for tel_id in np.unique(table["tel_id"]):
        (here,) = np.nonzero(np.asarray(table["tel_id"] == tel_id))
        for name, column in zip(names, values(table[here], subarray, int(tel_id)).T, strict=True):
            table[name][here] = column


def _impact(table, subarray, tel_id: int) -> np.ndarray:
    position = subarray.positions[tel_id].to_value("m")
    core = np.stack([table["true_core_x"].data, table["true_core_y"].data], axis=1) - position[:2]
    # Height does not matter: the core lies on the shower axis, here taken in the ground plane
    # of the array, relative to the telescope.
    core = np.concatenate([core, np.full((len(core), 1), -position[2])], axis=1)
    return np.einsum("nij,nj->ni", _camera_axes(table, subarray, tel_id), core)


def _core(table, subarray, tel_id: int) -> np.ndarray:
    position = subarray.positions[tel_id].to_value("m")
    axes = _camera_axes(table, subarray, tel_id)
    impact = np.stack([table["impact_x"].data, table["impact_y"].data], axis=1)
    level = impact + position[2] * axes[:, :, 2]
    return np.linalg.solve(axes[:, :, :2], level[:, :, None])[:, :, 0] + position[:2]


def _camera_axes(table, subarray, tel_id: int) -> np.ndarray:
    """Unit vectors (n, 2, 3) of a camera's axes in the ground frame."""
    altitude = table["telescope_pointing_altitude"].data
    azimuth = table["telescope_pointing_azimuth"].data
    step = 1e-3 * subarray.tel[tel_id].camera.geometry.frame.focal_length.to_value("m")
    centre, *ends = (
        _unit_vectors(
            *altaz_from_camera(
                subarray, tel_id, 0 * altitude + x, 0 * altitude + y, altitude, azimuth
            )
        )
        for x, y in ((0.0, 0.0), (step, 0.0), (0.0, step))
    )
    axes = np.stack([end - centre for end in ends], axis=1)
    return axes / np.linalg.norm(axes, axis=2, keepdims=True)
