"""Directions and cores of generated events: turned about the telescope axis, where they may be."""

import dataclasses

import numpy as np
import pytest

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.directions import camera_from_altaz, set_core, set_impact
from ctlearn_gan_aug.sampling.regions import sample_labels


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def drawn(bundle, n=2000, region=None):
    return sample_labels(bundle, region or Region(), n, np.random.default_rng(3))


def places(table):
    """Direction and core (n, 2) in the frame of the camera."""
    return [
        np.stack([table[f"{name}_{axis}"].data for axis in "xy"], axis=1)
        for name in ("cam_coord_offset", "impact")
    ]


def azimuth(table):
    direction, _ = places(table)
    return np.arctan2(direction[:, 1], direction[:, 0])


def with_directions(bundle, x, y):
    """The bundle, had its training events these directions (m)."""
    table = bundle.label_table.copy()
    table["cam_coord_offset_x"], table["cam_coord_offset_y"] = x, y
    return dataclasses.replace(bundle, label_table=table)


def test_few_events_give_every_azimuth(bundle):
    few = dataclasses.replace(bundle, label_table=bundle.label_table[:40])
    counts, _ = np.histogram(azimuth(drawn(few, 6000)), 60, (-np.pi, np.pi))
    assert counts.min() > 50
    assert counts.max() < 160


def test_showers_keep_their_shape(bundle):
    """Offset, distance of the core and the angle between them are nearly a training event's."""

    def shape(table):
        direction, impact = places(table)
        across = np.abs(np.linalg.det(np.stack([direction, impact], axis=1)))
        offset, distance = (np.linalg.norm(x, axis=1) for x in (direction, impact))
        return np.stack([offset / spread, np.log(distance), across / distance / spread], axis=1)

    spread = bundle.label_table["cam_coord_offset_x"].std()
    known, new = shape(bundle.label_table), shape(drawn(bundle, 300))
    nearest = np.abs(new[:, None] - known).max(axis=2).min(axis=1)
    assert np.quantile(nearest, 0.95) < 2 * 0.05


def test_showers_develop_as_others_of_like_energy(bundle):
    """X_max is that of a training event of like energy, which is seldom the one of the core."""
    labels, known = drawn(bundle, 300), bundle.label_table
    order = np.argsort(known["true_x_max"].data)
    source = known[order[np.searchsorted(known["true_x_max"].data[order], labels["true_x_max"])]]
    np.testing.assert_array_equal(source["true_x_max"], labels["true_x_max"])
    np.testing.assert_array_equal(source["true_h_first_int"], labels["true_h_first_int"])
    assert np.abs(source["log_true_energy"] - labels["log_true_energy"]).mean() < 0.2
    distance, theirs = (np.linalg.norm(places(table)[1], axis=1) for table in (labels, source))
    assert np.mean(np.abs(np.log(distance / theirs)) < 3 * 0.05) < 0.5


def test_all_labels_of_a_turned_event_agree(bundle):
    labels = drawn(bundle, 200)
    pointing = (labels[f"telescope_pointing_{name}"].data for name in ("altitude", "azimuth"))
    sky = labels["true_alt"].data, labels["true_az"].data
    seen = camera_from_altaz(bundle.subarray, bundle.tel_id, *sky, *pointing)
    direction, impact = places(labels)
    np.testing.assert_allclose(np.stack(seen, axis=1), direction, atol=1e-6)
    again = labels.copy()
    set_impact(again, bundle.subarray)
    np.testing.assert_allclose(places(again)[1], impact, atol=1e-6)


def test_core_is_the_inverse_of_impact(bundle):
    table = bundle.label_table.copy()
    set_impact(table, bundle.subarray)
    set_core(table, bundle.subarray)
    for name in ("true_core_x", "true_core_y"):
        np.testing.assert_allclose(table[name], bundle.label_table[name], atol=1e-6)


def test_directions_of_two_wobble_positions_stay_there(bundle):
    side = np.where(np.arange(len(bundle.label_table)) % 2, 0.1, -0.1)
    labels = drawn(with_directions(bundle, side, 0 * side))
    spread = side.std()
    assert np.abs(np.abs(labels["cam_coord_offset_x"]) - 0.1).max() < 6 * 0.05 * spread
    assert np.abs(labels["cam_coord_offset_y"]).max() < 1e-6


def test_a_box_holds_what_turns_into_it_and_what_stays(bundle):
    box = Region(fov_lon=(0.0, 1.0), fov_lat=(-1.0, 0.0))
    labels = drawn(bundle, 500, box)
    assert labels["fov_lon"].min() >= 0.0
    assert labels["fov_lat"].max() <= 0.0
    known = bundle.label_table
    offsets = np.linalg.norm(places(known)[0], axis=1)
    moved = np.abs(np.linalg.norm(places(labels)[0], axis=1)[:, None] - offsets).min(axis=1)
    stayed = np.isin(labels["fov_lon"], known["fov_lon"])
    assert stayed.mean() < 0.1
    assert moved[~stayed].max() < 6 * 0.05 * known["cam_coord_offset_x"].std()
