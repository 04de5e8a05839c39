"""A refiner's bundle at work, on simulated and on generated images."""

import shutil

import h5py
import numpy as np
import pytest
import tables
from augment_fakes import make_untrained_bundle
from click.testing import CliRunner
from refine_fakes import make_refiner

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.export.run import export, plan_export
from ctlearn_gan_aug.refiner import load_refiner
from ctlearn_gan_aug.sampling.choice import new_sampler
from ctlearn_gan_aug.sampling.refine import ImageRefiner

#: What the bright refiner adds to charges in network units.
BRIGHTER = 0.2


@pytest.fixture(scope="module")
def refiner(tmp_path_factory, toy_gamma):
    """Makes all pixels brighter."""
    return make_refiner(toy_gamma, tmp_path_factory.mktemp("refiner") / "bundle", BRIGHTER)


@pytest.fixture(scope="module")
def noisy_refiner(tmp_path_factory, toy_gamma):
    """Does what random weights do, with noise."""
    return make_refiner(toy_gamma, tmp_path_factory.mktemp("noisy") / "bundle")


@pytest.fixture(scope="module")
def generator(tmp_path_factory, toy_gamma):
    """Generates noise, and chooses among it."""
    return make_untrained_bundle(toy_gamma, tmp_path_factory.mktemp("gan") / "bundle", True)


@pytest.fixture(scope="module")
def simulated(toy_gamma):
    return read_events([toy_gamma])


def brighter(charge, path):
    """Charges as the bright refiner makes them."""
    scale = load_refiner(path).intensity.charge_scale
    return scale * np.sinh(np.arcsinh(charge / scale) + 2 * BRIGHTER)


def run(*arguments):
    result = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_images_come_back_as_the_network_makes_them(refiner, simulated):
    pixels = simulated.pixels[:20]
    refined = ImageRefiner(load_refiner(refiner))(pixels, np.arange(20))
    np.testing.assert_allclose(refined[..., 0], brighter(pixels[..., 0], refiner), rtol=1e-4)
    bright = pixels[..., 0] > 20
    np.testing.assert_allclose(refined[bright, 1], pixels[bright, 1], atol=0.01)


def test_an_image_hangs_on_its_number_and_the_seed_alone(noisy_refiner, simulated):
    pixels, numbers = simulated.pixels[:12], np.arange(12)
    refine = ImageRefiner(load_refiner(noisy_refiner), seed=4, batch_size=5)
    whole = refine(pixels, numbers)
    assert np.abs(whole - pixels).max() > 0.1
    np.testing.assert_allclose(refine(pixels[7:9], numbers[7:9]), whole[7:9], rtol=1e-4, atol=1e-4)
    other = ImageRefiner(load_refiner(noisy_refiner), seed=5)(pixels, numbers)
    assert not np.allclose(other, whole)


def test_generated_images_are_refined_after_they_are_chosen(refiner, generator):
    bundle, opened = load_bundle(generator), load_refiner(refiner)
    for candidates in (1, 2):
        plain = new_sampler(bundle, 3, candidates=candidates)
        refined = new_sampler(bundle, 3, candidates=candidates, refiner=opened)
        labels = bundle.label_table[:6]
        charges = [sampler.generate(labels)[..., 0] for sampler in (plain, refined)]
        limits = opened.intensity.charge_limits
        expected = np.clip(brighter(charges[0], refiner), *limits)
        np.testing.assert_allclose(charges[1], expected, rtol=1e-3, atol=1e-3)
        assert (refined.candidates, refined.refiner_id) == (candidates, "refiner-0.2")


def header(path) -> dict:
    with h5py.File(path) as file:
        names = (name for name in file.attrs if name.startswith("CONTEXT"))
        return {name: np.asarray(file.attrs[name]).astype(str).item() for name in names}


def test_export_of_generated_images_says_that_they_are_refined(refiner, generator, tmp_path):
    target = tmp_path / "refined.dl1.h5"
    run("export", generator, "--n-events", 10, "--refine", refiner, "--output", target)
    plain = tmp_path / "plain.dl1.h5"
    export(generator, plain, n_events=10)
    said = header(target)
    assert said["CONTEXT SYNTHETIC REFINER"] == "refiner-0.2"
    assert said["CONTEXT SYNTHETIC REFINER TARGET"] == "other.dl1.h5"
    assert "CONTEXT SYNTHETIC REFINER" not in header(plain)
    with h5py.File(target) as file:
        assert b"refined" in np.bytes_(file.attrs["CTA PRODUCT DESCRIPTION"])
    charges = [read_events([path]).pixels[..., 0] for path in (plain, target)]
    assert (charges[1] > charges[0]).all()


def rows(path, node):
    with tables.open_file(path) as h5file:
        return h5file.get_node(node)[:]


def test_export_of_a_simulated_file_keeps_all_but_the_images(refiner, toy_gamma, tmp_path):
    target = tmp_path / "refined.dl1.h5"
    run("export", refiner, "--images-from", toy_gamma, "--output", target)
    before, after = (read_events([path]) for path in (toy_gamma, target))
    np.testing.assert_allclose(
        after.pixels[..., 0], brighter(before.pixels[..., 0], refiner), rtol=1e-4
    )
    for name in before.labels.colnames:
        np.testing.assert_array_equal(before.labels[name], after.labels[name], err_msg=name)
    with tables.open_file(toy_gamma) as h5file:
        paths = {table._v_pathname for table in h5file.walk_nodes("/", "Table")}
    changed = {path for path in paths if not same(rows(toy_gamma, path), rows(target, path))}
    assert changed <= {
        "/dl1/event/telescope/images/tel_001",
        "/dl1/event/telescope/parameters/tel_001",
        "/dl1/service/image_statistics",
    }
    result = parameters_of(after, load_refiner(refiner).cleaning)
    stored = rows(target, "/dl1/event/telescope/parameters/tel_001")
    order = np.argsort(stored["event_id"])
    np.testing.assert_allclose(
        stored["hillas_intensity"][order], result.columns["hillas_intensity"], rtol=1e-4
    )
    np.testing.assert_array_equal(after.masks, result.mask)
    assert header(target)["CONTEXT SYNTHETIC REFINER"] == "refiner-0.2"
    with h5py.File(target) as file:
        assert np.bytes_(file.attrs["CTA PROCESS SUBTYPE"]) == b"Refined"
        assert np.bytes_(file.attrs["CTA PROCESS TYPE"]) == b"Simulation"
    again = tmp_path / "again.dl1.h5"
    result = CliRunner().invoke(
        cli, ["export", str(refiner), "--images-from", str(target), "--output", str(again)]
    )
    assert "its images are refined already, by refiner-0.2" in str(result.exception)
    assert not again.exists()


def same(one, other) -> bool:
    """Whether tables are equal, unknown values included."""
    return len(one) == len(other) and one.tobytes() == other.tobytes()


def parameters_of(events, cleaning):
    from ctlearn_gan_aug.dl1.parameters import compute

    return compute(events.pixels[..., 0], events.pixels[..., 1], events.camera.geometry, cleaning)


def test_previews_are_drawn(refiner, generator, toy_gamma, tmp_path):
    few = "--n-images", 2, "--output"
    run("preview", generator, "--refine", refiner, *few, tmp_path / "generated.png")
    run("preview", refiner, "--images-from", toy_gamma, *few, tmp_path / "simulated.png")
    for name in ("generated.png", "simulated.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_a_refiner_of_other_images_is_refused(refiner, generator, toy_gamma, tmp_path):
    def refused(message, path):
        with pytest.raises(UserError, match=message):
            plan_export(generator, tmp_path / "x.dl1.h5", n_events=5, refine=path)

    charges = make_refiner(toy_gamma, tmp_path / "charges", 0.1, channels=("image",))
    refused("refines images with image, but .* has image, peak_time", charges)
    edited = shutil.copytree(refiner, tmp_path / "edited")
    text = (edited / "refiner.yaml").read_text()
    (edited / "refiner.yaml").write_text(text.replace("picture: ", "picture: 1"))
    refused("was trained on images cleaned with", edited)
    (edited / "refiner.yaml").write_text(text.replace("format_version: 1", "format_version: 9"))
    refused("refiner bundle format 9, this version reads 1", edited)
    (edited / "translator.safetensors").unlink()
    refused(r"is no refiner bundle \(translator.safetensors is missing\)", edited)
    refused(r"is no refiner bundle \(refiner.yaml is missing\)", generator)


@pytest.mark.parametrize(
    "options",
    [
        ["--n-events", "5", "--images-from", "x.h5"],
        ["--images-from", "x.h5", "--refine", "r"],
        ["--images-from", "x.h5", "--energy", "1 TeV", "2 TeV"],
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(options):
    result = CliRunner().invoke(cli, ["export", "bundle", *options, "--output", "y.h5"])
    assert result.exit_code == 2, result.output
