"""Turned images and labels against positions and frames turned by hand."""

import numpy as np
import pytest

from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.data.toy.pixels import GRIDS, USUAL
from ctlearn_gan_aug.data.toy.telescope import toy_subarray
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.symmetry import Pointing, Turns

#: Rotations and mirror images that leave the outline of each camera as it is.
CAMERAS = {"toy": 12, "hex271": 12, "square2048": 8}


@pytest.fixture(scope="module", params=CAMERAS)
def camera(request):
    grid = {"toy": USUAL, **GRIDS}[request.param]
    return Camera.from_subarray(toy_subarray(grid), 1)


def test_every_symmetry_of_the_camera_is_there(camera, request):
    assert len(Turns.of(camera)) == CAMERAS[request.node.callspec.params["camera"]]


def _spots(camera, n: int):
    """Positions (n, 2) in m inside the camera, of pixels that are lit one each."""
    rng = np.random.default_rng(0)
    pixel = rng.integers(0, camera.n_pixels, n)
    pixels = np.zeros((n, camera.n_pixels, 2), np.float32)
    pixels[np.arange(n), pixel] = rng.uniform(1, 9, (n, 2))
    return camera.pixel_xy[pixel], pixels


def test_image_and_camera_direction_turn_as_positions_do(camera):
    """A source that shines into one pixel is, once turned, where that pixel is."""
    turns = Turns.of(camera)
    which = np.arange(3 * len(turns)) % len(turns)
    spots, pixels = _spots(camera, len(which))
    labels = {"cameradirection": spots.astype(np.float32), "impact": spots}
    turned, labels = turns.turn(pixels, labels, which)
    angle = np.deg2rad(360 / (len(turns) // 2))
    for i, k in enumerate(which):
        # All rotations by a full circle's part, then the same after a flip of y.
        step, flip = k % (len(turns) // 2), 1 if k < len(turns) // 2 else -1
        position = complex(spots[i, 0], flip * spots[i, 1]) * np.exp(1j * angle * step)
        expected = np.array([position.real, position.imag])
        lit = np.abs(turned[i, :, 0]).argmax()
        distance = np.hypot(*(camera.pixel_xy - expected).T)
        assert lit == distance.argmin()
        np.testing.assert_array_equal(turned[i, lit], pixels[i].max(axis=0))
        np.testing.assert_allclose(labels["cameradirection"][i], expected, atol=1e-6)
        np.testing.assert_allclose(labels["impact"][i], expected, atol=1e-12)
    assert labels["cameradirection"].dtype == np.float32


def _nominal(camera, spots, pointing: Pointing) -> np.ndarray:
    """Offsets from the array pointing of camera positions, by ctapipe's frames."""
    import astropy.units as u
    from astropy.coordinates import AltAz, SkyCoord
    from ctapipe.coordinates import CameraFrame, NominalFrame

    def direction(altaz):
        return SkyCoord(alt=altaz[:, 0] * u.deg, az=altaz[:, 1] * u.deg, frame=AltAz())

    frame = CameraFrame(
        focal_length=camera.focal_length * u.m,
        rotation=camera.geometry.pix_rotation,
        telescope_pointing=direction(pointing.telescope),
    )
    sky = SkyCoord(*(spots.T * u.m), frame=frame).transform_to(AltAz())
    nominal = sky.transform_to(NominalFrame(origin=direction(pointing.array)))
    return np.stack([nominal.fov_lon.deg, nominal.fov_lat.deg], axis=1)


@pytest.mark.parametrize("divergence", [0.0, 2.0], ids=["parallel", "divergent"])
def test_sky_direction_turns_as_ctapipe_sees_it(camera, divergence):
    turns = Turns.of(camera)
    which = np.arange(2 * len(turns)) % len(turns)
    spots, pixels = _spots(camera, len(which))
    array = np.stack([np.linspace(50, 85, len(which)), np.linspace(0, 359, len(which))], axis=1)
    pointing = Pointing(array + divergence * np.array([1.0, -3.0]), array)
    labels = {"skydirection": _nominal(camera, spots, pointing)}
    turned, labels = turns.turn(pixels, labels, which, pointing if divergence else None)
    expected = np.einsum("nij,nj->ni", turns.in_camera[which], spots)
    lit = np.abs(turned[..., 0]).argmax(axis=1)
    np.testing.assert_allclose(camera.pixel_xy[lit], expected, atol=5e-3)
    np.testing.assert_allclose(
        labels["skydirection"], _nominal(camera, expected, pointing), atol=1e-8
    )


def test_sky_labels_of_files_turn_about_their_own_pointing(toy_gamma):
    from ctlearn_gan_aug import directions
    from ctlearn_gan_aug.data.events import read_events

    events = read_events([toy_gamma])
    table, turns = events.labels, Turns.of(events.camera)
    labels = {
        "skydirection": np.stack([table["fov_lon"], table["fov_lat"]], axis=1),
        "cameradirection": np.stack(
            [table["cam_coord_offset_x"], table["cam_coord_offset_y"]], axis=1
        ),
    }
    which = np.arange(len(table)) % len(turns)
    turned = turns.turn_labels(labels, which, Pointing.of(table))
    table["cam_coord_offset_x"], table["cam_coord_offset_y"] = turned["cameradirection"].T
    directions.set_sky(table, events.camera.subarray, events.camera.tel_id)
    np.testing.assert_allclose(turned["skydirection"].T[0], table["fov_lon"], atol=1e-6)
    np.testing.assert_allclose(turned["skydirection"].T[1], table["fov_lat"], atol=1e-6)


def test_type_and_energy_stay(camera):
    turns = Turns.of(camera)
    which = np.array([1, 2, 0])
    labels = {"type": np.eye(2)[[0, 1, 1]], "energy": np.array([0.1, 0.2, 0.3])}
    turned = turns.turn_labels(labels, which)
    assert list(turned) == list(labels)
    for name, values in labels.items():
        np.testing.assert_array_equal(turned[name], values)
    np.testing.assert_array_equal(turns.turn_labels(labels["type"], which), labels["type"])


def test_label_of_unknown_kind_is_refused(camera):
    with pytest.raises(UserError, match="'colour': not known how it turns"):
        Turns.of(camera).turn_labels({"colour": np.zeros(1)}, np.array([1]))
