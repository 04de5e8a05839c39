"""Exported files hold what was asked for, and read back as such."""

import numpy as np
import pytest
import tables
from astropy import units as u
from astropy.table import vstack
from ctapipe.core import run_tool
from ctapipe.io import TableLoader
from ctapipe.tools.merge import MergeTool

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.check import data_model
from ctlearn_gan_aug.dl1.subarray import read_subarray
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.export.run import export, plan_export
from ctlearn_gan_aug.shard import Shard

N_EVENTS = 90
REGION = Region(energy=["300 GeV", "3 TeV"], offset=["0 deg", "1.5 deg"], spectrum="index=-2")


@pytest.fixture(params=["v7", "v6"])
def bundle_and_source(request, tiny_bundle, toy_gamma):
    """A bundle and the file it was trained on, of each data model in turn."""
    if request.param == "v7":
        return tiny_bundle, toy_gamma
    return request.getfixturevalue("tiny_v6_bundle"), request.getfixturevalue("toy_v6")


@pytest.fixture
def bright_sampler(monkeypatch, tiny_bundle):
    """Replace the hardly trained generator by round images at the shower's position.

    The number of the event is hidden in the first pixel's peak time.
    """
    from ctlearn_gan_aug.sampling import generate

    xy = load_bundle(tiny_bundle).camera.pixel_xy

    def blobs(self, labels):
        center = np.stack([labels["cam_coord_offset_x"], labels["cam_coord_offset_y"]], axis=1)
        distance = np.linalg.norm(xy[None] - center[:, None], axis=2)
        pixels = np.full((len(labels), len(xy), 2), 12.0, np.float32)
        pixels[..., 0] = 50 * np.exp(-((distance / 0.08) ** 2))
        pixels[:, 0, 1] = self.n_generated + np.arange(len(labels))
        self.n_generated += len(labels)
        return pixels

    monkeypatch.setattr(generate.Sampler, "generate", blobs)


def labels_of(plan):
    return vstack(list(plan.labels.chunks()))


def first_times(path) -> np.ndarray:
    with tables.open_file(path) as h5file:
        images = h5file.get_node(nodes.telescope_table(nodes.IMAGES, 1))
        return images.col("peak_time")[:, 0]


def assert_same_labels(found, expected):
    for name in found.colnames:
        np.testing.assert_allclose(
            np.asarray(found[name], float),
            np.asarray(expected[name], float),
            rtol=1e-9,
            atol=1e-9,
            err_msg=name,
        )


def test_region_export_reads_back_with_the_requested_labels(bright_sampler, tiny_bundle, tmp_path):
    target = tmp_path / "region.dl1.h5"
    progress = []
    plan = export(
        tiny_bundle, target, n_events=N_EVENTS, region=REGION, seed=3, progress=progress.append
    )
    assert sum(progress) == plan.labels.n_images == N_EVENTS
    events = read_events([target])
    assert len(events) == N_EVENTS
    assert_same_labels(
        events.labels,
        labels_of(plan_export(tiny_bundle, tmp_path / "x", n_events=90, region=REGION, seed=3)),
    )
    energy = events.labels["true_energy"]
    assert energy.min() >= 0.3 and energy.max() <= 3
    offset = np.hypot(events.labels["fov_lon"], events.labels["fov_lat"])
    assert offset.max() <= 1.5 * 1.01
    np.testing.assert_array_equal(events.labels["event_id"], np.arange(1, N_EVENTS + 1))


def test_images_stay_with_their_labels(bright_sampler, tiny_bundle, tmp_path):
    """The brightest pixel lies where the label says, in the file as dl1-data-handler reads it."""
    target = tmp_path / "region.dl1.h5"
    export(tiny_bundle, target, n_events=40, seed=1)
    events = read_events([target])
    brightest = events.camera.pixel_xy[events.pixels[..., 0].argmax(axis=1)]
    for axis, name in enumerate(("cam_coord_offset_x", "cam_coord_offset_y")):
        inside = np.abs(brightest[:, axis] - events.labels[name]) < 0.03
        assert inside.mean() > 0.8  # showers outside the camera have no bright pixel


def test_the_generator_itself(tiny_bundle, tmp_path):
    target = tmp_path / "generated.dl1.h5"
    export(tiny_bundle, target, n_events=8, seed=1)
    events = read_events([target])
    assert len(events) == 8
    assert np.isfinite(events.pixels).all() and events.pixels[..., 0].std() > 0


def test_file_is_marked_synthetic(bright_sampler, bundle_and_source, tmp_path):
    target = tmp_path / "marked.dl1.h5"
    bundle, source = bundle_and_source
    export(bundle, target, n_events=3, region=REGION, seed=5)
    with tables.open_file(target) as h5file:
        header = {k: h5file.root._v_attrs[k] for k in h5file.root._v_attrs._f_list("user")}
    assert header["CTA PROCESS TYPE"] == "Simulation"
    assert header["CTA PROCESS SUBTYPE"] == "GAN"
    assert "Synthetic" in header["CTA PRODUCT DESCRIPTION"]
    assert header["CONTEXT SYNTHETIC GENERATOR"] == load_bundle(bundle).meta.bundle_id
    assert header["CONTEXT SYNTHETIC SEED"] == 5
    assert data_model(target) == data_model(source)
    assert "energy 0.3 to 3 TeV" in header["CONTEXT SYNTHETIC LABELS"]


def test_subarray_and_run(bright_sampler, bundle_and_source, tmp_path):
    target = tmp_path / "run.dl1.h5"
    bundle, source = bundle_and_source
    plan = export(bundle, target, n_events=7, region=REGION)
    assert read_subarray(target) == read_subarray(source)
    with tables.open_file(target) as h5file, tables.open_file(source) as training:
        run = h5file.get_node(nodes.SIMULATION_RUN)[:]
        before = training.get_node(nodes.SIMULATION_RUN)[:]
    assert run["obs_id"].tolist() == plan.labels.obs_ids
    assert 10**9 <= run["obs_id"][0] < 2**31
    assert run["n_showers"][0] == 7 and run["spectral_index"][0] == -2
    np.testing.assert_allclose([run["energy_range_min"][0], run["energy_range_max"][0]], [0.3, 3])
    for name in ("min_alt", "min_az", "max_alt", "max_az"):
        np.testing.assert_allclose(run[name], before[name], atol=1e-6)


def test_a_flat_spectrum_has_its_index_too(bright_sampler, tiny_bundle, tmp_path):
    region = Region(energy=["300 GeV", "3 TeV"], spectrum="index=0")
    export(tiny_bundle, tmp_path / "flat.dl1.h5", n_events=2, region=region)
    with tables.open_file(tmp_path / "flat.dl1.h5") as h5file:
        assert h5file.get_node(nodes.SIMULATION_RUN)[:]["spectral_index"][0] == 0


def test_seeds(bright_sampler, tiny_bundle, tmp_path):
    first, same, other = (
        labels_of(plan_export(tiny_bundle, tmp_path / "x", n_events=20, seed=seed))
        for seed in (1, 1, 2)
    )
    assert_same_labels(first, same)
    assert not np.intersect1d(first["true_energy"], other["true_energy"]).size
    assert first["obs_id"][0] != other["obs_id"][0]


@pytest.mark.parametrize("n_events, number", [(1500, 3), (100, 7)])
def test_shards_together_are_the_whole(bright_sampler, tiny_bundle, tmp_path, n_events, number):
    whole = labels_of(plan_export(tiny_bundle, tmp_path / "x", n_events=n_events, seed=1))
    plans = [
        plan_export(tiny_bundle, tmp_path / "x", n_events=n_events, seed=1, shard=Shard(i, number))
        for i in range(number)
    ]
    tables_of = [labels_of(plan) for plan in plans]
    union = vstack(tables_of)
    for name in ("true_energy", "cam_coord_offset_x", "true_core_x"):
        np.testing.assert_array_equal(union[name], whole[name])
    obs_ids = [set(table["obs_id"]) for table in tables_of]
    assert len(set.union(*obs_ids)) == sum(map(len, obs_ids))
    assert max(map(len, tables_of)) - min(map(len, tables_of)) <= 1


def test_shards_have_images_of_their_own(bright_sampler, tiny_bundle, tmp_path):
    targets = [tmp_path / f"{i}.h5" for i in range(2)]
    for i, target in enumerate(targets):
        export(tiny_bundle, target, n_events=21, shard=Shard(i, 2))
    numbers = np.concatenate([first_times(target) for target in targets])
    np.testing.assert_array_equal(numbers, np.arange(21))


@pytest.mark.parametrize("text, index", [("0/3", 0), ("2/3", 2), ("3/3", 0), (" 1 / 4 ", 1)])
def test_shard_spellings(text, index):
    assert Shard.parse(text).index == index


@pytest.mark.parametrize("text", ["", "1", "1/0", "4/3", "-1/3", "a/b", "1/2/3", "1.5/2"])
def test_no_shards(text):
    with pytest.raises(UserError, match="not a shard"):
        Shard.parse(text)


def test_labels_from_file(bright_sampler, bundle_and_source, tmp_path, caplog):
    target = tmp_path / "twin.dl1.h5"
    bundle, source = bundle_and_source
    with caplog.at_level("WARNING", logger="ctlearn_gan_aug"):
        plan = export(bundle, target, labels_from=source)
    assert "data model" not in caplog.text
    found, expected = read_events([target]), read_events([source])
    assert plan.labels.n_images == len(expected)
    assert_same_labels(found.labels, expected.labels)
    with tables.open_file(target) as ours, tables.open_file(source) as original:
        same = (nodes.SHOWER, nodes.TRIGGER, nodes.SIMULATION_RUN, nodes.OBSERVATION_BLOCK)
        for path in (*same, nodes.telescope_table(nodes.POINTING, 1)):
            assert repr(ours.get_node(path)[:]) == repr(original.get_node(path)[:]), path
    np.testing.assert_array_equal(first_times(target), np.arange(len(expected)))


@pytest.mark.parametrize("kind", ["v6", "v7"])
def test_labels_from_a_file_of_the_other_data_model(
    bright_sampler, tiny_bundle, tiny_v6_bundle, toy_gamma, toy_v6, tmp_path, caplog, kind
):
    """Runs, times and labels are taken over in the form of the bundle's training files."""
    bundle, model, source = {
        "v6": (tiny_v6_bundle, toy_v6, toy_gamma),
        "v7": (tiny_bundle, toy_gamma, toy_v6),
    }[kind]
    target = tmp_path / "twin.dl1.h5"
    with caplog.at_level("WARNING", logger="ctlearn_gan_aug"):
        export(bundle, target, labels_from=source)
    for text in (str(source), data_model(source), data_model(model), "cannot be merged"):
        assert text in caplog.text
    assert data_model(target) == data_model(model)
    assert_same_labels(read_events([target]).labels, read_events([source]).labels)
    # the two toy files hold the same events
    same = (nodes.SHOWER, nodes.TRIGGER, nodes.SIMULATION_RUN, nodes.OBSERVATION_BLOCK)
    with tables.open_file(target) as ours, tables.open_file(model) as twin:
        for path in (*same, nodes.telescope_table(nodes.POINTING, 1)):
            assert repr(ours.get_node(path)[:]) == repr(twin.get_node(path)[:]), path


def test_exports_merge_with_their_source(bright_sampler, bundle_and_source, tmp_path):
    bundle, source = bundle_and_source
    target, merged = tmp_path / "region.dl1.h5", tmp_path / "merged.dl1.h5"
    export(bundle, target, n_events=30, seed=2)
    arguments = [str(source), str(target), f"--output={merged}", f"--provenance-log={merged}.log"]
    assert run_tool(MergeTool(), argv=arguments) == 0
    options = {"dl1_images": True, "dl1_parameters": True, "simulated": True}
    with TableLoader(merged, true_images=True, true_parameters=True, **options) as loader:
        events = loader.read_telescope_events()
    assert len(events) == 430
    assert np.isfinite(events["hillas_intensity"]).sum() > 300
    assert events["time"].isclose(events["time"][0], 1 * u.s).all()


def test_labels_outside_the_domain_warn_once(
    bright_sampler, tiny_bundle, toy_proton, tmp_path, caplog
):
    with caplog.at_level("WARNING", logger="ctlearn_gan_aug"):
        plan = export(tiny_bundle, tmp_path / "p.h5", labels_from=toy_proton)
    warnings = [r.getMessage() for r in caplog.records if "training domain" in r.getMessage()]
    outside = load_bundle(tiny_bundle).labels.outside(labels_of(plan)).sum()
    assert len(warnings) == (1 if outside else 0)
    assert all(f"{outside} of {plan.labels.n_images}" in text for text in warnings)


def test_charge_only_generator_writes_zero_times(bright_sampler, tiny_bundle, tmp_path, caplog):
    plan = plan_export(tiny_bundle, tmp_path / "charge.h5", n_events=4)
    meta = plan.bundle.meta.model_copy(update={"channels": ["image"]})
    plan.bundle.meta = meta
    from ctlearn_gan_aug.sampling import generate

    blobs = generate.Sampler.generate
    generate.Sampler.generate = lambda self, labels: blobs(self, labels)[..., :1]
    try:
        with caplog.at_level("WARNING", logger="ctlearn_gan_aug"):
            plan.write()
    finally:
        generate.Sampler.generate = blobs
    assert "no peak times" in caplog.text
    assert not first_times(tmp_path / "charge.h5").any()


def test_nothing_is_left_after_a_failure(tiny_bundle, tmp_path, monkeypatch):
    from ctlearn_gan_aug.sampling import generate

    def fail(self, labels):
        raise RuntimeError("the network broke")

    monkeypatch.setattr(generate.Sampler, "generate", fail)
    with pytest.raises(RuntimeError, match="broke"):
        export(tiny_bundle, tmp_path / "out" / "x.h5", n_events=4)
    assert list((tmp_path / "out").iterdir()) == []


def test_other_array_is_refused(tiny_bundle, shared_data, tmp_path):
    with pytest.raises(UserError, match="another array or camera"):
        export(tiny_bundle, tmp_path / "x.h5", labels_from=shared_data / "lst_muons.dl1.h5")


@pytest.mark.parametrize(
    "options, reason",
    [
        ({}, "number of events or a file"),
        ({"n_events": 5, "labels_from": "x.h5"}, "number of events or a file"),
        ({"labels_from": "absent.h5"}, "absent.h5: no such file"),
        ({"labels_from": "x.h5", "shard": Shard(0, 2)}, "region or a shard"),
        ({"n_events": 2, "shard": Shard(0, 3)}, "at least one event"),
        ({"n_events": 5, "seed": -1}, "negative"),
        ({"n_events": 5, "region": Region(energy=["1 PeV", "2 PeV"])}, "training domain"),
    ],
)
def test_refusals(tiny_bundle, tmp_path, options, reason):
    with pytest.raises(UserError, match=reason):
        export(tiny_bundle, tmp_path / "x.h5", **options)
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_kept(tiny_bundle, tmp_path):
    target = tmp_path / "x.h5"
    target.write_text("precious")
    with pytest.raises(UserError, match="already exists"):
        export(tiny_bundle, target, n_events=3)
    assert target.read_text() == "precious"


def test_the_source_of_labels_is_never_replaced(tiny_bundle, toy_gamma):
    before = toy_gamma.stat().st_mtime_ns
    with pytest.raises(UserError, match="would replace"):
        export(tiny_bundle, toy_gamma, labels_from=toy_gamma, overwrite=True)
    assert toy_gamma.stat().st_mtime_ns == before


KILLED = """
import os, signal, sys
from ctlearn_gan_aug.dl1.writer import DL1Writer
from ctlearn_gan_aug.export import region_labels
from ctlearn_gan_aug.export.run import export
region_labels._BLOCK = 20
write = DL1Writer._write
def killed(self, *args):
    write(self, *args)
    if self.n_images >= 40:
        os.kill(os.getpid(), signal.SIGKILL)
DL1Writer._write = killed
export(sys.argv[1], sys.argv[2], n_events=90)
"""


def test_killed_export_leaves_no_file(tiny_bundle, tmp_path):
    import signal
    import subprocess
    import sys

    target = tmp_path / "out.dl1.h5"
    command = [sys.executable, "-c", KILLED, str(tiny_bundle), str(target)]
    ended = subprocess.run(command, capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    assert not target.exists()
    export(tiny_bundle, target, n_events=20)  # what is left does not stand in the way
    assert len(read_events([target])) == 20
