"""Whether a generator can fill a cell: domain, events and label fidelity."""

import json

import numpy as np
import pytest
from astropy.table import Table
from augment_fakes import FakeBundle

from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.guide import generators
from ctlearn_gan_aug.guide.cells import Grid
from ctlearn_gan_aug.guide.fidelity import Fidelity
from ctlearn_gan_aug.guide.generators import Generator, load_generators, objections
from ctlearn_gan_aug.guide.predict import Predicted


def entry(value, null=0.01):
    return {"value": value, "null_low": value - 1 - null, "null_high": value - 1 + null}


def fidelity(tmp_path, ratio=1.0, shift=0.0, *, learnt=True):
    """An evaluation that has measured 1 to 10 TeV."""
    bins = [
        {
            "log_energy_low": low,
            "log_energy_high": low + 0.25,
            "ratio": {"mae": entry(ratio)},
            "bias_shift": {"value": shift, "null_low": -0.01, "null_high": 0.01},
        }
        for low in (0.0, 0.25, 0.5, 0.75)
    ]
    section = {"judge_learnt": learnt, "bins": bins}
    metrics = {"energy": section, "direction": section, "type": None}
    metrics["bundle"] = {"bundle_id": "g", "particle": "gamma"}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    return Fidelity.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "log_energy", "tasks", "reason"),
    [
        ({}, 0.6, ["energy", "cameradirection"], None),
        ({"ratio": 1.2}, 0.6, ["energy"], None),
        ({"ratio": 1.6}, 0.6, ["energy"], "1.60 times that on simulation at 3.16 to 5.62 TeV"),
        ({"ratio": 1.6, "factor": 3.0}, 0.6, ["energy"], None),
        ({"ratio": 1.6, "factor": 3.0}, 0.6, ["cameradirection"], "1.60 times"),
        ({"ratio": 1.6}, 1.3, ["energy"], "1.60 times that on simulation at 5.62 to 10 TeV"),
        ({"ratio": 0.5}, 0.6, ["skydirection"], "direction error on its images is 0.50 times"),
        ({"shift": -0.2}, 0.6, ["energy"], "energy is shifted by -0.200 dex"),
        ({"learnt": False}, 0.6, ["energy"], "has not learnt"),
        ({}, 1.3, ["energy"], None),
        ({}, 1.5, ["energy"], "too few test events at this energy"),
        ({}, 0.6, ["type"], "says nothing of the type"),
    ],
)
def test_label_fidelity_decides_by_energy(tmp_path, given, log_energy, tasks, reason):
    options = dict(given)
    factors = {"energy": options.pop("factor", 1.0)}
    found = fidelity(tmp_path, **options).objection(tasks, np.full(30, log_energy), factors)
    assert (found is None) == (reason is None)
    assert reason is None or reason in found


def test_a_folder_without_evaluation_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no evaluation of a generator"):
        Fidelity.load(tmp_path)


def some_events(n: int = 400) -> Predicted:
    """Diffuse events from 0.1 to 100 TeV, as far out as the fake bundle's."""
    rng = np.random.default_rng(0)
    bundle = FakeBundle()
    log_energy = np.linspace(-1, 2, n)
    x, y = rng.normal(0, 0.25, (2, n))
    table = Table({"log_true_energy": log_energy, "cam_coord_offset_x": x, "cam_coord_offset_y": y})
    camera = bundle.camera
    return Predicted(table, {}, np.ones(n), camera.n_pixels, camera.focal_length, True)


@pytest.fixture()
def place():
    """Objections of a generator by energy, at any offset."""

    def make(generator: Generator | None):
        events = some_events()
        grid = Grid.fit(events.log_energy, events.offset, 1, 0.25)
        cell = grid.locate(events.log_energy, events.offset)
        objection = objections(generator, ["energy"], grid, events, cell)

        def at(log_energy: float) -> str | None:
            row = int(np.searchsorted(grid.energy_edges, log_energy)) - 1
            return objection((row, 0), {})

        return at

    return make


def thinned(n: int, above: float = 0.5) -> FakeBundle:
    """A bundle that has learnt from ``n`` events above an energy (log10 TeV)."""
    bundle = FakeBundle()
    energy = np.asarray(bundle.label_table["log_true_energy"])
    high = np.flatnonzero(energy > above)
    kept = high[np.argsort(-energy[high])[:: max(1, len(high) // max(n, 1))]][:n]
    bundle.label_table = bundle.label_table[np.concatenate([np.flatnonzero(energy <= above), kept])]
    return bundle


def test_nothing_is_said_against_no_generator(place):
    assert place(None)(0.6) is None


def test_a_cell_outside_of_the_domain_is_named(place):
    at = place(Generator(FakeBundle()))
    assert at(0.1) is None
    assert "outside of the generator's training domain (0.1" in at(1.9)


def test_few_training_events_need_an_evaluation(place, tmp_path):
    bundle = thinned(12)
    assert "and no evaluation is given" in place(Generator(bundle))(1.1)
    assert place(Generator(bundle, fidelity(tmp_path)))(1.1) is None
    few = place(Generator(thinned(3), fidelity(tmp_path)))(1.1)
    assert "learnt from 3 events about this energy" in few


def test_evaluations_belong_to_generators(tmp_path, monkeypatch):
    monkeypatch.setattr(generators, "load_bundle", lambda path: FakeBundle(path.name))
    fidelity(tmp_path)
    with pytest.raises(UserError, match="evaluates the generator g, which is not given"):
        load_generators([tmp_path / "gamma"], [tmp_path])
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    metrics["bundle"]["bundle_id"] = "fake"
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    found = load_generators([tmp_path / "gamma"], [tmp_path])
    assert found["gamma"].fidelity.path == tmp_path
    with pytest.raises(UserError, match="one generator per particle"):
        load_generators([tmp_path / "gamma", tmp_path / "1" / "gamma"], [])


def test_another_camera_is_refused():
    events = some_events()
    generator = Generator(FakeBundle())
    generator.check_camera(events)
    object.__setattr__(events, "n_pixels", 1855)
    with pytest.raises(UserError, match=r"made for \d+ pixels"):
        generator.check_camera(events)
