"""Grid, mappers, symmetries and labels of one camera agree with dl1-data-handler."""

import numpy as np
import pytest

from ctlearn_gan_aug import directions
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.intensity import CHARGE_UNIT, TIME_UNIT, IntensityTransform
from ctlearn_gan_aug.labels import LabelSet


@pytest.fixture(scope="module")
def events(toy_gamma):
    return read_events([toy_gamma])


@pytest.mark.parametrize("name", ["lst_muons", "gct_checs_muons"])
def test_real_cameras_survive_the_grid_exactly(shared_data, name):
    events = read_events([shared_data / f"{name}.dl1.h5"])
    camera = events.camera
    grid = camera.to_grid(events.pixels)
    assert grid.shape[1] ** 2 < 1.7 * camera.n_pixels
    np.testing.assert_array_equal(camera.to_pixels(grid), events.pixels)
    assert camera.mask.sum() == camera.n_pixels
    assert np.all(grid[:, camera.mask == 0] == 0)


def test_grid_is_the_readers_own(events):
    """The compact grid is what DLImageReader's mapper of that name delivers."""
    camera = events.camera
    mapped = events.pixels[:3, :, 0] @ camera.mapping(camera.compact_mapper)
    np.testing.assert_array_equal(
        mapped.reshape(3, camera.grid_side, -1), camera.to_grid(events.pixels[:3])[..., 0]
    )


def test_unknown_mapper_is_refused(events):
    with pytest.raises(UserError, match="no such mapper"):
        events.camera.mapping("SquirrelMapper")
    with pytest.raises(UserError, match="does not fit camera"):
        events.camera.mapping("SquareMapper")


def test_symmetries_move_pixels_as_their_matrix_says(events):
    camera = events.camera
    assert len(camera.symmetries) >= 6
    np.testing.assert_array_equal(camera.symmetries[0].source, np.arange(camera.n_pixels))
    for symmetry in camera.symmetries:
        # An image of x positions, transformed, holds at r the x of the place r came from.
        came_from = camera.pixel_xy[symmetry.source]
        np.testing.assert_allclose(came_from @ symmetry.matrix.T, camera.pixel_xy, atol=5e-3)


def test_symmetry_turns_the_labels_with_the_image(events):
    """The image's centre of gravity and the direction label move by the same matrix."""
    camera, labels = events.camera, LabelSet.fit(["energy", "cameradirection"], events.labels)
    charge = np.where(events.masks, events.pixels[..., 0], 0)
    bright = charge.sum(axis=1) > 0
    charge, encoded = charge[bright], labels.encode(events.labels[bright])

    def centre(images):
        return images @ camera.pixel_xy / images.sum(axis=1, keepdims=True)

    for symmetry in camera.symmetries:
        turned = charge[:, symmetry.source]
        np.testing.assert_allclose(centre(turned), centre(charge) @ symmetry.matrix.T, atol=0.01)
        decoded = labels.decode(encoded @ labels.rotation(symmetry.matrix))
        xy = np.stack([decoded["cam_coord_offset_x"], decoded["cam_coord_offset_y"]], axis=1)
        original = labels.decode(encoded)
        before = np.stack([original["cam_coord_offset_x"], original["cam_coord_offset_y"]], axis=1)
        np.testing.assert_allclose(xy, before @ symmetry.matrix.T, atol=1e-5)


def test_directions_invert_the_readers_transform(events):
    camera, table = events.camera, events.labels.copy()
    for name in ("true_alt", "true_az", "fov_lon", "fov_lat"):
        table[name] = 0.0
    directions.set_sky(table, camera.subarray, camera.tel_id)
    for name in ("true_alt", "true_az", "fov_lon", "fov_lat"):
        np.testing.assert_allclose(table[name], events.labels[name], atol=1e-5)
    x, y = directions.camera_from_altaz(
        camera.subarray,
        camera.tel_id,
        table["true_alt"].data,
        table["true_az"].data,
        table["telescope_pointing_altitude"].data,
        table["telescope_pointing_azimuth"].data,
    )
    np.testing.assert_allclose(x, table["cam_coord_offset_x"], atol=1e-6)
    np.testing.assert_allclose(y, table["cam_coord_offset_y"], atol=1e-6)


def test_impact_label_points_along_the_image(events):
    """A gamma's image lies from its source towards the core, in camera coordinates."""
    table = events.labels
    charge = np.where(events.masks, events.pixels[..., 0], 0)
    bright = charge.sum(axis=1) > 200
    source = np.stack([table["cam_coord_offset_x"], table["cam_coord_offset_y"]], axis=1)[bright]
    core = np.stack([table["impact_x"], table["impact_y"]], axis=1)[bright]
    far = np.hypot(*core.T) > 50
    centre = charge[bright] @ events.camera.pixel_xy / charge[bright].sum(axis=1, keepdims=True)
    along = np.einsum("ni,ni->n", centre - source, core) / np.hypot(*core.T)
    displacement = np.hypot(*(centre - source).T)
    assert np.median(np.abs(along[far] / displacement[far])) > 0.9


def test_encoded_labels_read_back(events):
    names = ["energy", "cameradirection", "impact", "h_first_int", "x_max"]
    labels = LabelSet.fit(names, events.labels)
    decoded = labels.decode(labels.encode(events.labels))
    for column, values in decoded.items():
        np.testing.assert_allclose(values, events.labels[column], rtol=1e-4, atol=1e-3)
    again = LabelSet.from_dict(labels.to_dict())
    np.testing.assert_array_equal(again.encode(events.labels), labels.encode(events.labels))
    assert not labels.outside(events.labels).any()


def test_labels_without_information_are_left_out(events):
    table = events.labels.copy()
    table["true_x_max"] = 500.0
    table["true_energy"] = 1.0
    table["log_true_energy"] = 0.0
    labels = LabelSet.fit(["energy", "x_max"], table)
    assert labels.names == ("energy",)
    assert np.all(labels.encode(table) == 0)
    with pytest.raises(UserError, match="'colour' is unknown"):
        LabelSet.fit(["colour"], table)


@pytest.mark.parametrize("channels", [("image",), ("image", "peak_time")])
def test_intensity_reads_back(events, channels):
    pixels = events.pixels[:100, :, : len(channels)]
    transform = IntensityTransform.fit(pixels, events.masks[:100], channels)
    assert IntensityTransform.from_dict(transform.to_dict()) == transform
    encoded = transform.encode(pixels)
    assert abs(float(encoded.numpy().max())) < 20
    uniform = np.random.default_rng(0).random(pixels.shape[:2], dtype=np.float32)
    decoded = transform.decode(encoded, uniform).numpy()
    np.testing.assert_allclose(decoded[..., 0], pixels[..., 0], rtol=1e-4, atol=1e-3)
    if len(channels) == 2:
        signal = events.masks[:100]
        wrong = np.abs(decoded[..., 1] - pixels[..., 1])[signal] > 0.01
        assert wrong.mean() < 0.02
        # Pixels without signal get times of the same distribution.
        for chance in (10, 50, 90):
            expected = np.percentile(pixels[..., 1][~signal], chance)
            width = float(pixels[..., 1][~signal].std())
            assert np.percentile(decoded[..., 1][~signal], chance) == pytest.approx(
                expected, abs=0.15 * width
            )


def test_what_the_gate_hides_is_not_lost(events):
    """Faint pixels beside a shower keep its time, as long as nobody draws one for them."""
    transform = IntensityTransform.fit(events.pixels, events.masks, events.channels)
    decoded = transform.decode(transform.encode(events.pixels)).numpy()
    np.testing.assert_allclose(decoded, events.pixels, rtol=1e-4, atol=2e-3)


def test_pedestals_look_like_pixels_without_signal(events):
    """Charge quantiles, and times no different from those of faint pixels."""
    neighbors = events.camera.geometry.neighbor_matrix_sparse
    transform = IntensityTransform.fit(events.pixels, events.masks, events.channels, neighbors)
    near = (neighbors @ events.masks.T.astype(float)).T + events.masks > 0
    dark = events.pixels[~near]
    normal = np.random.default_rng(0).normal(size=(200_000, 2)).astype(np.float32)
    charge, time = (x.numpy()[:, 0] for x in transform.pedestals(normal))
    charge = transform.charge_scale * np.sinh(charge * CHARGE_UNIT)
    time = transform.time_center + transform.time_scale * np.sinh(time * TIME_UNIT)
    width = float(np.subtract(*np.percentile(dark[:, 0], [84, 16]))) / 2
    for chance in (5, 50, 95):
        expected = np.percentile(dark[:, 0], chance)
        assert np.percentile(charge, chance) == pytest.approx(expected, abs=0.15 * width)
        expected, spread = np.percentile(dark[:, 1], chance), float(dark[:, 1].std())
        assert np.percentile(time, chance) == pytest.approx(expected, abs=0.15 * spread)


def test_pedestals_are_taken_far_from_showers(events):
    """Faint light around every shower is left out, however many images show no shower at all."""
    geometry = events.camera.geometry
    neighbors = geometry.neighbor_matrix_sparse
    rng = np.random.default_rng(0)
    charge = rng.normal(1.0, 0.3, (300, geometry.n_pixels, 1)).astype(np.float32)
    masks = np.zeros(charge.shape[:2], bool)
    masks[:60, 0] = True
    near = masks.astype(np.float32)
    for _ in range(4):
        near = np.minimum((neighbors @ near.T).T + near, 1.0)
    charge[..., 0] += 5.0 * near + 100.0 * masks
    time = np.where(near > 0, 10.0, rng.uniform(0.0, 30.0, near.shape)).astype(np.float32)
    pixels = np.concatenate([charge, time[..., None]], axis=-1)
    transform = IntensityTransform.fit(pixels, masks, ("image", "peak_time"), neighbors)
    assert max(transform.pedestal) < 3.0
    quarters = np.array(transform.noise_times)[:, [16, 32, 48]]
    np.testing.assert_allclose(quarters, np.tile([7.5, 15.0, 22.5], (len(quarters), 1)), atol=1.5)


def test_camera_of_another_kind_is_told_apart(events, shared_data):
    other = read_events([shared_data / "lst_muons.dl1.h5"]).camera
    assert events.camera.same_as(Camera.from_subarray(events.camera.subarray, other.tel_id))
    assert not events.camera.same_as(other)
