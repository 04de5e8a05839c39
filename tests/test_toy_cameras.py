"""The toy telescope with other cameras: files that everything reads, of the same showers."""

import numpy as np
import pytest
from click.testing import CliRunner

from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.toy.pixels import GRIDS, USUAL
from ctlearn_gan_aug.data.toy.telescope import toy_camera, toy_geometry

N_EVENTS = 40


@pytest.fixture(scope="module", params=[name for name in GRIDS if name != "toy"])
def made(request, tmp_path_factory):
    """Name of a camera and the events that it saw."""
    path = tmp_path_factory.mktemp("camera") / "gamma.dl1.h5"
    given = ["simulate", "--particle", "gamma", "--n-events", str(N_EVENTS), "--seed", "4"]
    arguments = [*given, "--output", str(path), "--camera", request.param]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return request.param, read_events([path])


def test_files_of_every_camera_are_read(made):
    name, events = made
    shape, n_pixels = name.rstrip("0123456789"), int(name.lstrip("hexsquar"))
    assert events.pixels.shape == (N_EVENTS, n_pixels, 2)
    assert events.camera.geometry.pix_type.value == {"hex": "hexagon"}.get(shape, shape)
    grid = events.camera.to_grid(events.pixels)
    side = events.camera.grid_side
    assert side**2 < 1.7 * n_pixels
    cells = grid.reshape(N_EVENTS, side**2, 2)[:, events.camera.cell_of_pixel]
    np.testing.assert_array_equal(cells, events.pixels)


def test_showers_stand_out_of_the_night_sky(made):
    name, events = made
    charge, masks = events.pixels[..., 0], events.masks
    assert np.mean(masks.any(axis=1)) > 0.8
    assert np.median(charge[masks]) > 4 * np.median(charge[~masks])
    # Showers cover as much of the sky whatever the pixels, but for their faint rims.
    lit = masks.sum(axis=1) * GRIDS[name].area
    assert 3e-3 < np.median(lit[lit > 0]) < 6e-2


def test_pixels_do_not_overlap_and_cover_the_same_field():
    for grid in GRIDS.values():
        geometry = toy_geometry(grid)
        distance = np.sort(np.hypot(*(grid.positions() - grid.positions()[0]).T))
        assert distance[1] == pytest.approx(grid.pitch)
        assert geometry.n_pixels == grid.n_pixels
        total = geometry.pix_area.to_value("m2").sum()
        assert total == pytest.approx(USUAL.area * USUAL.n_pixels, rel=0.04)
        found = toy_camera(grid).pixel_at(*geometry_positions(geometry))
        np.testing.assert_array_equal(found, np.arange(grid.n_pixels))


def geometry_positions(geometry):
    return (np.float32(axis.to_value("m")) for axis in (geometry.pix_x, geometry.pix_y))
