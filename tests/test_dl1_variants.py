"""Unusual DL1 files are read as ctapipe reads them, wrong ones are refused: see dl1_variants."""

import shutil

import numpy as np
import pytest
import tables
from astropy.table import join
from ctapipe.coordinates import GroundFrame, TiltedGroundFrame
from ctapipe.io import read_table
from dl1_variants import (
    IMAGES,
    REFUSED,
    REFUSED_PIXELS,
    SAME,
    FixedPoint,
    apply,
    fixed_point,
    set_values,
)

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.reader import open_reader
from ctlearn_gan_aug.data.store import open_store
from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.subarray import read_subarray
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.evaluate.subject import open_subject
from ctlearn_gan_aug.export.file_labels import FileLabels

KEYS = ["obs_id", "event_id"]
N_EVENTS = 60


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    path = tmp_path_factory.mktemp("small") / "gamma.dl1.h5"
    simulate("gamma", N_EVENTS, 8, path)
    return path


@pytest.fixture(scope="module")
def small_bundle(small, tmp_path_factory):
    from augment_fakes import make_untrained_bundle

    return load_bundle(make_untrained_bundle(small, tmp_path_factory.mktemp("bundle") / "bundle"))


@pytest.fixture
def changed(small, tmp_path):
    def make(change):
        path = tmp_path / "changed.dl1.h5"
        shutil.copy(small, path)
        apply(change, path)
        return path

    return make


def truth(path):
    """What ctapipe reads: one row per image, energies in TeV, positions in m."""
    with tables.open_file(path) as h5file:
        images = [
            read_table(h5file, table._v_pathname)
            for table in h5file.iter_nodes(nodes.IMAGES, "Table")
        ]
        shower = read_table(h5file, nodes.SHOWER)
    for table in images:
        table.keep_columns([*KEYS, "tel_id", "image", "peak_time", "image_mask"])
    by_event = [join(table, shower, KEYS) for table in images]
    found = {}
    for table in by_event:
        for row in table:
            found[tuple(int(row[key]) for key in [*KEYS, "tel_id"])] = {
                "image": np.asarray(row["image"]),
                "peak_time": np.asarray(row["peak_time"]),
                "image_mask": np.asarray(row["image_mask"]),
                "true_energy": row["true_energy"] * table["true_energy"].unit.to("TeV"),
                "true_core_x": row["true_core_x"] * table["true_core_x"].unit.to("m"),
                "true_alt": row["true_alt"] * table["true_alt"].unit.to("deg"),
            }
    return found


def assert_as_ctapipe_reads(labels, pixels, masks, path):
    expected = truth(path)
    keys = list(zip(*(np.asarray(labels[key]).tolist() for key in [*KEYS, "tel_id"]), strict=True))
    assert sorted(keys) == sorted(expected)
    for i, key in enumerate(keys):
        event = expected[key]
        np.testing.assert_allclose(pixels[i, :, 0], event["image"], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(pixels[i, :, 1], event["peak_time"], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(masks[i], event["image_mask"])
        assert np.asarray(labels["log_true_energy"])[i] == pytest.approx(
            np.log10(event["true_energy"]), abs=1e-9
        )
        for name in ("true_energy", "true_core_x", "true_alt"):
            assert np.asarray(labels[name])[i] == pytest.approx(event[name], rel=1e-9)


@pytest.mark.parametrize("name", SAME)
def test_training_events_are_those_that_ctapipe_reads(name, changed):
    path = changed(SAME[name])
    events = read_events([path])
    assert_as_ctapipe_reads(events.labels, events.pixels, events.masks, path)


@pytest.mark.parametrize("name", SAME)
def test_a_store_for_ctlearn_holds_what_ctapipe_reads(name, changed, tmp_path):
    path = changed(SAME[name])
    with open_reader([path]) as opened:
        events = opened.reader.example_identifiers
        store = open_store(tmp_path / "store", opened.reader, events, ["image", "peak_time"])
        every = np.arange(len(events))
        assert_as_ctapipe_reads(events, store.pixels[every], store.masks[every], path)


@pytest.mark.parametrize("name", SAME)
def test_labels_to_export_are_those_that_ctapipe_reads(name, changed, small_bundle):
    path = changed(SAME[name])
    (labels,) = FileLabels(small_bundle, path).chunks()
    expected = truth(path)
    assert len(labels) == len(expected)
    for row in labels:
        event = expected[tuple(int(row[key]) for key in [*KEYS, "tel_id"])]
        assert row["true_energy"] == pytest.approx(event["true_energy"], rel=1e-9)
        assert row["true_core_x"] == pytest.approx(event["true_core_x"], rel=1e-9)


def test_files_of_several_transforms_in_one_training(changed, tmp_path, small):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    paths = {}
    for seed, name in enumerate(
        ["as it is", "large offset", "column in front", "signed"], start=20
    ):
        paths[name] = tmp_path / f"{seed}.dl1.h5"
        simulate("gamma", 12, seed, paths[name])
        apply(SAME[name], paths[name])
    events = read_events(list(paths.values()))
    assert len(events) == 48
    for path in paths.values():
        here = np.isin(events.labels["obs_id"], [key[0] for key in truth(path)])
        part = events.select(here)
        assert_as_ctapipe_reads(part.labels, part.pixels, part.masks, path)


def test_pixels_too_bright_for_fixed_point_are_as_bright_as_it_holds(changed, small, caplog):
    """ctapipe reads them as infinite, with which nothing can be trained."""
    path = changed(fixed_point(image=FixedPoint(100, 200, "i2")))
    with caplog.at_level("WARNING"):
        events = read_events([path])
    limit = (2**15 - 2 - 200) / 100
    stored, original = truth(path), truth(small)
    beyond = [np.isinf(event["image"]) for event in stored.values()]
    assert 0 < np.sum(beyond) < 1000
    assert events.pixels[..., 0].max() == pytest.approx(limit)
    assert np.count_nonzero(events.pixels[..., 0] == events.pixels[..., 0].max()) >= np.sum(beyond)
    for key, is_beyond in zip(stored, beyond, strict=True):
        assert (original[key]["image"][is_beyond] > limit - 0.02).all()
    assert caplog.text.count("did not fit") == 1


def refusal(call, words):
    with pytest.raises(UserError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in ("changed.dl1.h5", *words):
        assert word in message
    return message


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("entry", ["train", "evaluate", "export"])
def test_files_that_would_cross_labels_are_refused(name, entry, changed, small_bundle):
    change, words = REFUSED[name]
    path = changed(change)
    call = {
        "train": lambda: read_events([path]),
        "evaluate": lambda: open_subject([path]),
        "export": lambda: FileLabels(small_bundle, path),
    }[entry]
    refusal(call, words)


@pytest.mark.parametrize("name", REFUSED_PIXELS)
def test_pixels_that_teach_nothing_are_refused(name, changed, tmp_path):
    change, words = REFUSED_PIXELS[name]
    path = changed(change)
    refusal(lambda: read_events([path]), words)
    refusal(lambda: read_events([path], store=tmp_path / "store"), words)
    assert not list((tmp_path / "store").glob("[!.]*"))


def two_telescopes(source, target):
    """The same showers seen by two telescopes 150 m apart, the second with other images."""
    from astropy import units as u
    from ctapipe.instrument import SubarrayDescription
    from dl1_copies import CUTS, PRODUCT, Source

    from ctlearn_gan_aug.data.toy import telescope as tel
    from ctlearn_gan_aug.dl1.runs import Run
    from ctlearn_gan_aug.dl1.skeleton import skeleton_from_subarray
    from ctlearn_gan_aug.dl1.writer import DL1Writer

    toy = tel.toy_subarray()
    positions = {1: [0, 0, 0] * u.m, 2: [120, -90, 20] * u.m}
    subarray = SubarrayDescription(
        "two", positions, dict.fromkeys(positions, toy.tel[1]), toy.reference_location
    )
    skeleton = target.with_name("two.skeleton.h5")
    skeleton_from_subarray(subarray, skeleton)
    content = Source(source)
    rows = np.repeat(np.arange(len(content.labels)), 2)
    labels = content.labels[rows]
    labels["tel_id"] = np.tile([1, 2], len(content.labels))
    with DL1Writer(target, skeleton, cleaning=CUTS, product=PRODUCT) as writer:
        for obs_id in np.unique(labels["obs_id"]).tolist():
            writer.add_run(Run(obs_id, tel.POINTING_ALT, tel.POINTING_AZ, (0.1, 30.0), 1000))
        writer.append(labels, content.images[rows], content.times[rows])
    return target


@pytest.fixture(scope="module")
def pair(small, tmp_path_factory):
    return two_telescopes(small, tmp_path_factory.mktemp("pair") / "changed.dl1.h5")


def impact_distance(labels, subarray):
    """Distance of core and telescope across the pointing direction, by ctapipe's own frames."""
    from astropy import units as u
    from astropy.coordinates import AltAz, SkyCoord

    distance = []
    for row in labels:
        pointing = SkyCoord(
            alt=row["telescope_pointing_altitude"] * u.deg,
            az=row["telescope_pointing_azimuth"] * u.deg,
            frame=AltAz(),
        )
        place = subarray.positions[int(row["tel_id"])]
        core = [row["true_core_x"], row["true_core_y"], 0] * u.m - place
        ground = GroundFrame(x=core[0], y=core[1], z=core[2])
        tilted = ground.transform_to(TiltedGroundFrame(pointing_direction=pointing))
        distance.append(np.hypot(tilted.x, tilted.y).to_value("m"))
    return np.array(distance)


def test_every_image_has_the_impact_on_its_own_telescope(pair):
    events = read_events([pair])
    assert_as_ctapipe_reads(events.labels, events.pixels, events.masks, pair)
    found = np.hypot(events.labels["impact_x"], events.labels["impact_y"])
    expected = impact_distance(events.labels, read_subarray(pair))
    np.testing.assert_allclose(found, expected, atol=0.5)
    by_telescope = [found[np.asarray(events.labels["tel_id"]) == tel_id] for tel_id in (1, 2)]
    assert np.abs(by_telescope[0] - by_telescope[1]).max() > 50


def test_impacts_of_real_telescopes(shared_data):
    path = shared_data / "camsettings_v6.dl1.h5"
    for tel_type, n_images in (("LST_LST_LSTcam", 4), ("MST_MST_NectarCam", 5)):
        events = read_events([path], tel_type=tel_type)
        assert len(events) == n_images
        found = np.hypot(events.labels["impact_x"], events.labels["impact_y"])
        expected = impact_distance(events.labels, read_subarray(path))
        np.testing.assert_allclose(found, expected, atol=0.5)


def test_labels_to_export_have_the_impact_on_their_own_telescope(pair, tmp_path):
    from augment_fakes import make_untrained_bundle

    bundle = load_bundle(make_untrained_bundle(pair, tmp_path / "bundle"))
    (labels,) = FileLabels(bundle, pair).chunks()
    found = np.hypot(labels["impact_x"], labels["impact_y"])
    np.testing.assert_allclose(found, impact_distance(labels, bundle.subarray), atol=0.5)


def test_telescope_without_tables_is_left_out(pair, small, tmp_path):
    path = tmp_path / "changed.dl1.h5"
    shutil.copy(pair, path)
    with tables.open_file(path, "a") as h5file:
        for group in (nodes.IMAGES, nodes.PARAMETERS, nodes.POINTING):
            h5file.remove_node(nodes.telescope_table(group, 1))
    events = read_events([path])
    assert set(events.labels["tel_id"]) == {2}
    assert len(events) == N_EVENTS


def test_files_without_events_are_left_out(small, tmp_path, caplog):
    for name in ("a_empty", "empty"):
        path = tmp_path / f"{name}.dl1.h5"
        shutil.copy(small, path)
        with tables.open_file(path, "a") as h5file:
            for table in h5file.walk_nodes("/dl1/event", "Table"):
                table.remove_rows(0, table.nrows)
            h5file.get_node(nodes.SHOWER).remove_rows(0, N_EVENTS)
    shutil.copy(small, tmp_path / "gamma.dl1.h5")
    with caplog.at_level("WARNING"):
        events = read_events([tmp_path])
    assert len(events) == N_EVENTS
    assert "2 files without events" in caplog.text
    (tmp_path / "gamma.dl1.h5").unlink()
    with pytest.raises(UserError, match="holds no event"):
        read_events([tmp_path])


def test_cuts_that_nothing_passes(small):
    with pytest.raises(UserError, match=r"gamma.dl1.h5: no event .* passes the quality criteria"):
        read_events([small], quality_criteria=[("too bright", "hillas_intensity > 1e9")])


def test_a_file_given_twice_counts_once(small, tmp_path, monkeypatch, caplog):
    (tmp_path / "link.h5").symlink_to(small)
    (tmp_path / "hard.h5").hardlink_to(small)
    shutil.copy(small, tmp_path / "copy.h5")
    monkeypatch.chdir(small.parent)
    with caplog.at_level("WARNING"):
        events = read_events([small, small.name, tmp_path])
    assert len(events) == N_EVENTS
    assert caplog.text.count("is the same file as") == 3
    assert "copy.h5: has the same events as" in caplog.text


def test_files_that_share_events_are_refused(small, tmp_path):
    part = tmp_path / "part.h5"
    shutil.copy(small, part)
    with tables.open_file(part, "a") as h5file:
        h5file.get_node(nodes.SHOWER).remove_rows(10, N_EVENTS)
    with pytest.raises(UserError, match=r"part.h5: shares 10 simulated events"):
        read_events([small, part])
    with pytest.raises(UserError, match="signal and as background"):
        read_events([small], background=[small])
    shutil.copy(small, part)
    with pytest.raises(UserError, match="other class"):
        read_events([small], background=[part])


def test_unknown_telescope_type_lists_what_there_is(small):
    with pytest.raises(UserError, match=r"holds no telescope of type 'LST', but [A-Z]"):
        read_events([small], tel_type="LST")


def test_several_images_under_one_number(changed, small_bundle):
    def change(f):
        table = f.get_node(IMAGES)
        content = table[:]
        content["event_id"][1], content["obs_id"][1] = content["event_id"][0], content["obs_id"][0]
        table[:] = content

    path = changed(change)
    refusal(lambda: read_events([path]), (IMAGES, "several images"))
    refusal(lambda: FileLabels(small_bundle, path), (IMAGES, "several images"))


def trained_briefly(path, tmp_path, light_config):
    from ctlearn_gan_aug.training.run import train

    return train(light_config(tmp_path / "run", [path]))


@pytest.mark.parametrize("charge", [0.0, -3.0, 5.0])
def test_images_without_light_are_refused(charge, changed, tmp_path, light_config):
    path = changed(set_values(IMAGES, "image", charge, *range(N_EVENTS), everywhere=True))
    with pytest.raises(UserError, match=r"data\.files: images hold no light"):
        trained_briefly(path, tmp_path, light_config)


def test_images_of_reduced_volume_are_learnt(changed, tmp_path, light_config):
    """Charges and times of pixels without signal are 0 where they have been left out."""

    def keep_signal(f):
        table = f.get_node(IMAGES)
        content = table[:]
        for name in ("image", "peak_time"):
            content[name] = np.where(content["image_mask"], content[name], 0)
        table[:] = content

    path = changed(keep_signal)
    bundle = load_bundle(trained_briefly(path, tmp_path, light_config))
    pixels = read_events([path]).pixels
    faintest = np.percentile(pixels[..., 0][pixels[..., 0] != 0], 1)
    assert bundle.intensity.charge_scale == pytest.approx(faintest, rel=0.05)
