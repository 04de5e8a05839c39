"""Label domain: bins, gaps, pairs of events; edges and gaps at their null, and firing."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.evaluate import alignment, bins, domain
from ctlearn_gan_aug.evaluate.gaps import Gap, find_gaps
from ctlearn_gan_aug.evaluate.residuals import Reconstruction
from ctlearn_gan_aug.evaluate.sample import Sample

N = 1500


@pytest.fixture()
def rng():
    return np.random.default_rng(5)


def table(rng, n=N, low=-1.0, high=1.0, first=0):
    log_energy, radius = rng.uniform(low, high, n), 2 * np.sqrt(rng.uniform(size=n))
    angle = rng.uniform(0, 2 * np.pi, n)
    return Table(
        {
            "obs_id": np.ones(n, int),
            "event_id": first + np.arange(n),
            "tel_id": np.ones(n, int),
            "true_energy": 10**log_energy,
            "log_true_energy": log_energy,
            "fov_lon": radius * np.cos(angle),
            "fov_lat": radius * np.sin(angle),
        }
    )


def sample(labels):
    return Sample(np.arange(len(labels), dtype=np.float32)[:, None, None], labels, None, ("image",))


# --- bins ----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=300))
def test_energy_bins_share_no_event_and_have_enough(values):
    log_energy = np.array(values)
    edges = bins.energy_edges(log_energy)
    assert edges[0] <= log_energy.min() and log_energy.max() < edges[-1]
    masks = [inside for _, inside in bins.energy_bins(log_energy)]
    assert all(np.count_nonzero(inside) >= bins.MIN_EVENTS for inside in masks)
    assert not masks or np.sum(masks, axis=0).max() == 1


# --- gaps ----------------------------------------------------------------------------------------


def without(labels, label, low, high):
    return labels[~Gap(label, low, high).holds(labels)]


def test_labels_without_gap_have_none(rng):
    for _ in range(5):
        assert find_gaps(table(rng)) == []


def test_thin_ends_of_a_spectrum_are_no_gap(rng):
    labels = table(rng)
    labels["log_true_energy"] = -1 + rng.exponential(0.3, N)
    assert find_gaps(labels) == []


@pytest.mark.parametrize("label, low, high", [("energy", 1.0, 2.0), ("offset", 1.0, 1.3)])
def test_a_gap_is_found(rng, label, low, high):
    (gap,) = find_gaps(without(table(rng), label, low, high))
    assert gap.label == label and gap.found
    assert gap.low == pytest.approx(low, rel=0.05)
    assert gap.high == pytest.approx(high, rel=0.05)


def test_gaps_are_read_as_users_write_them():
    assert Gap.parse("energy", "500 GeV", "2 TeV") == Gap("energy", 0.5, 2.0)
    assert Gap.parse("offset", "0.5 deg", "60 arcmin") == Gap("offset", 0.5, 1.0)


@pytest.mark.parametrize(
    "words, told",
    [
        (("colour", "1 TeV", "2 TeV"), "colour"),
        (("energy", "1 deg", "2 deg"), "TeV"),
        (("energy", "2 TeV", "1 TeV"), "reversed"),
        (("offset", "1", "2"), "no unit"),
    ],
)
def test_senseless_gaps_are_refused(words, told):
    with pytest.raises(UserError, match=told):
        Gap.parse(*words)


# --- pairs ---------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 4), max_size=30), min_size=2, max_size=3))
def test_matched_rows_lie_in_the_same_cell_and_come_once(parts):
    cells = [np.array(part, dtype=int).reshape(-1, 1) for part in parts]
    if not sum(map(len, cells)):
        return
    rows = alignment.match(cells, np.random.default_rng(0))
    found = [x[index, 0] for x, index in zip(cells, rows, strict=True)]
    assert all((other == found[0]).all() for other in found)
    assert all(len(set(index)) == len(index) for index in rows)
    expected = sum(min(part.count(c) for part in parts) for c in range(5))
    assert len(found[0]) == expected


def test_images_of_the_same_events_are_compared_in_pairs(rng):
    labels = table(rng)
    order = rng.permutation(N)
    found = alignment.align_images(sample(labels[order]), sample(labels), None, 0)
    assert found.how == "paired"
    assert len(found.generated) == len(found.simulated) == len(found.reference) == N // 2
    ids = [list(x.labels["event_id"]) for x in (found.generated, found.simulated)]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(found.judging.labels["event_id"])


def test_pairs_come_before_other_events(rng):
    labels = table(rng)
    found = alignment.align_images(sample(labels[:100]), sample(labels), 400, 0)
    assert len(found.generated) == 100 and found.how == "paired"
    assert len(found.judging) == 200


def test_equal_ids_of_other_energies_are_other_events(rng):
    rows = alignment.shared_events(sample(table(rng)), sample(table(rng)))
    assert len(rows[0]) < 5


def test_other_events_are_matched_by_energy_and_offset(rng):
    images, events = sample(table(rng, 400, 0.0, 0.5, first=10**6)), sample(table(rng))
    found = alignment.align_images(images, events, None, 0)
    assert found.how == "matched"
    assert len(found.generated) == len(found.simulated) == len(found.reference) > 60
    energies = [
        np.asarray(x.labels["log_true_energy"])
        for x in (found.generated, found.simulated, found.reference)
    ]
    for other in energies[1:]:
        assert np.abs(other - energies[0]).max() < bins.BIN_WIDTH / 2
    assert len(found.judging) == N // 2
    assert not set(found.simulated.labels["event_id"]) & set(found.judging.labels["event_id"])


def test_images_without_counterpart_are_refused(rng):
    images = sample(table(rng, 400, 2.0, 3.0, first=10**6))
    with pytest.raises(UserError, match=r"synthetic\.dl1\.h5: only 0 images"):
        alignment.align_images(images, sample(table(rng)), None, 0, "synthetic.dl1.h5")


# --- domain --------------------------------------------------------------------------------------


def reconstruct(labels, rng, wrong=None):
    """Reconstructed labels, smeared five times as much where ``wrong``."""
    columns = {"energy": ["log_true_energy"], "direction": ["fov_lon", "fov_lat"]}
    factor = np.ones(len(labels)) if wrong is None else np.where(wrong, 5.0, 1.0)
    found = {}
    for name, names in columns.items():
        requested = np.stack([labels[c] for c in names], axis=1)
        noise = 0.1 * rng.normal(size=requested.shape) * factor[:, None]
        found[name] = Reconstruction(requested + noise, requested)
    return found


def measure(labels, rng, wrong=None):
    log_energy = np.asarray(labels["log_true_energy"])
    parts = {f"p{i}": (i + 1) * log_energy + rng.normal(size=len(labels)) for i in range(3)}
    shift = 0.0 if wrong is None else np.where(wrong, 4.0, 0.0)
    return {name: values + shift for name, values in parts.items()}


@pytest.fixture()
def compared(rng):
    """Factory: generated images are wrong where a function of the labels says so."""
    labels, other, known = table(rng), table(rng, first=N), table(rng, first=2 * N)

    def make(where=None):
        wrong = None if where is None else where(labels)
        found = domain.Compared(
            sample(labels),
            sample(other),
            SimpleNamespace(
                simulated=reconstruct(labels, rng), generated=reconstruct(labels, rng, wrong)
            ),
            SimpleNamespace(
                simulated=measure(labels, rng),
                generated=measure(labels, rng, wrong),
                reference=measure(other, rng),
            ),
        )
        return found, known

    return make


def judge(found, known, gaps=()):
    return domain.judge_domain(found, known, None, gaps, 0, ("log_true_energy",))


def at_null(part):
    ratio = part["energy"]["ratio"]["mae"]
    return (
        ratio["null_low"] <= ratio["value"] <= ratio["null_high"]
        and part["mean_w1"]["value"] < 2 * part["mean_w1"]["null"]
    )


def test_good_images_are_at_the_null_everywhere(compared):
    found = judge(*compared(), [Gap("energy", 1.0, 2.0)])
    assert set(found["edges"]) == {"energy", "offset", "any"}
    assert at_null(found["edges"]["any"]) and at_null(found["gap"])
    assert found["coverage"]["value"] > 0.9 and found["coverage"]["null"] > 0.9
    assert found["cells"]["value"] == 1.0
    share = found["edges"]["energy"]["n"] / N
    assert share == pytest.approx(domain.EDGE_SHARE, abs=0.02)


def test_wrong_images_at_the_edges_fire_there_alone(compared):
    found, known = compared(lambda labels: np.abs(labels["log_true_energy"]) > 0.94)
    section = judge(found, known, [Gap("energy", 1.0, 2.0)])
    ratio = section["edges"]["energy"]["energy"]["ratio"]["mae"]
    assert ratio["value"] > 2 > ratio["null_high"]
    distance = section["edges"]["energy"]["mean_w1"]
    assert distance["low"] > distance["null"] + 0.5
    assert at_null(section["gap"])


def test_wrong_images_in_a_gap_fire_there_alone(compared):
    gap = Gap("energy", 1.0, 2.0)
    found, known = compared(gap.holds)
    section = judge(found, without(known, "energy", 1.0, 2.0), [gap])
    assert section["gap"]["n_training"] == 0
    assert section["gap"]["energy"]["ratio"]["mae"]["value"] > 2
    assert section["gap"]["mean_w1"]["value"] > section["gap"]["mean_w1"]["null"] + 0.5
    assert at_null(section["edges"]["energy"])


def test_missing_variety_in_some_cells_lowers_the_share_of_covered_cells(compared):
    found, known = compared()
    cut = np.asarray(found.simulated.labels["log_true_energy"]) > 0.5
    for values in found.images.generated.values():
        values[cut] = 1.0  # one image for all labels
    section = judge(found, known)
    assert section["coverage"]["value"] == pytest.approx(0.75, abs=0.1)


def test_labels_without_events_are_seen(compared, rng):
    found, _ = compared()
    requested = table(rng, 500, -1.0, 0.0)
    section = domain.judge_domain(found, None, requested, (), 0, ())
    assert section["cells"]["value"] == pytest.approx(0.5, abs=0.05)
    assert section["edges"] is None and section["gap"] is None


def test_few_events_at_an_edge_give_no_numbers(compared):
    found, known = compared()
    section = judge(found, known, [Gap("energy", 1.0, 1.001)])
    assert section["gap"]["n"] < domain.MIN_PART
    assert section["gap"]["energy"] is None and section["gap"]["mean_w1"] is None
