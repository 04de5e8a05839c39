"""Camera displays: files that appear whole, true colours, no global state."""

import numpy as np
import pytest
from astropy.table import Table

from ctlearn_gan_aug import plotting

CHANNELS, NAMES = ("image", "peak_time"), ("simulated", "generated")


@pytest.fixture(scope="module")
def geometry(toy_gamma):
    from ctapipe.instrument import SubarrayDescription

    return SubarrayDescription.from_hdf(toy_gamma).tel[1].camera.geometry


@pytest.fixture()
def pixels(geometry):
    rng = np.random.default_rng(1)
    images = rng.normal(0, 1, (3, geometry.n_pixels, 2)).astype(np.float32)
    images[:, :20, 0] += 100.0
    images[..., 1] = rng.uniform(0, 30, images.shape[:2])
    return images


@pytest.fixture()
def labels():
    return Table(
        {
            "true_energy": [0.5, 3.21, np.nan],
            "fov_lon": [0.3, 0.0, np.nan],
            "fov_lat": [0.4, 1.0, 0.0],
            "cam_coord_offset_x": [0.1, np.nan, 0.2],
            "cam_coord_offset_y": [0.0, np.nan, 0.2],
        }
    )


def png_size(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    return tuple(int.from_bytes(content[i : i + 4], "big") for i in (16, 20))


def test_pairs_are_twice_as_high_as_single_images(tmp_path, geometry, pixels, labels):
    plotting.draw_pairs(tmp_path / "one.png", geometry, pixels)
    plotting.draw_pairs(
        tmp_path / "two.png",
        geometry,
        pixels,
        real=pixels[::-1],
        titles=plotting.event_titles(labels),
        source_xy=plotting.source_positions(labels),
        heading="simulated and generated",
    )
    (width, one), (width_of_two, two) = (png_size(tmp_path / f"{n}.png") for n in ("one", "two"))
    assert width == width_of_two
    assert two == pytest.approx(2 * one, rel=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_charge_alone_and_many_lines(tmp_path, geometry, pixels):
    plotting.draw_pairs(
        tmp_path / "charge.png", geometry, pixels[..., :1], channels=("image",), columns=2
    )
    assert png_size(tmp_path / "charge.png")[1] > 300  # two lines of events


def test_no_pyplot_figure_and_untouched_geometry(tmp_path, geometry, pixels):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    x, rotation = geometry.pix_x.copy(), geometry.pix_rotation.copy()
    plotting.draw_pairs(tmp_path / "a.png", geometry, pixels[:1])
    assert plt.get_fignums() == before
    assert (geometry.pix_x == x).all() and geometry.pix_rotation == rotation


def test_unwritable_target_is_one_sentence(tmp_path, geometry, pixels):
    from ctlearn_gan_aug.errors import UserError

    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        plotting.draw_pairs(tmp_path / "file" / "a.png", geometry, pixels[:1])


def test_a_pair_shares_its_colours(pixels):
    panels = plotting._panels_of_event(pixels[0], 10 * pixels[1], CHANNELS, NAMES)
    simulated, generated, *times = panels
    assert simulated.label == "simulated" and generated.label == "generated"
    assert simulated.norm is generated.norm and times[0].norm is times[1].norm
    assert simulated.norm.vmax == pytest.approx(10 * pixels[1, :, 0].max(), rel=1e-6)


def test_times_are_shown_where_the_charge_stands_out(pixels):
    *_, times = plotting._panels_of_event(pixels[0], None, CHANNELS, NAMES)
    assert np.isfinite(times.values[:20]).all()
    assert np.isfinite(times.values[20:]).mean() < 0.01


def test_titles_name_what_is_known(labels):
    assert plotting.event_titles(labels) == ["0.5 TeV, 0.50°", "3.21 TeV, 1.00°", ""]
    assert plotting.event_titles(labels["true_energy",]) == ["0.5 TeV", "3.21 TeV", ""]


def test_source_positions(labels):
    np.testing.assert_equal(plotting.source_positions(labels)[2], [0.2, 0.2])
    assert plotting.source_positions(labels["true_energy",]) is None


def test_the_drawn_camera_is_in_the_frame_of_the_labels(shared_data):
    """Pixel rows of the derotated camera are horizontal; the MAGIC camera's are not in the file."""
    from ctapipe.instrument import SubarrayDescription

    from ctlearn_gan_aug.camera import Camera

    subarray = SubarrayDescription.from_hdf(shared_data / "showers" / "gamma_11.dl1.h5")
    camera = Camera.from_subarray(subarray, 1)
    drawn = plotting._derotate(camera.geometry)
    assert drawn.cam_rotation.value == 0.0  # CameraDisplay would turn it back
    xy = np.stack([drawn.pix_x.to_value("m"), drawn.pix_y.to_value("m")], axis=1)
    np.testing.assert_allclose(xy, camera.pixel_xy, atol=1e-9)
