"""The parts of a study: its configuration, training sets, blocks, lengths and figures."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.config.shipped import shipped_config
from ctlearn_gan_aug.config.study import Arm, ModelTraining, StudyConfig, Thinning
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.study import recipes
from ctlearn_gan_aug.study.metrics import domains, measure, measure_by_energy
from ctlearn_gan_aug.study.plan import GeneratorRun, ModelRun, TrainingSet, plan
from ctlearn_gan_aug.study.progress import seconds_left
from ctlearn_gan_aug.study.study import Study
from ctlearn_gan_aug.study.subsets import Pool, write_subset
from ctlearn_gan_aug.study.summary import Model, amplifications, ratios, summarise

CONTENT = {
    "files": {"signal": ["a.h5"], "test_signal": ["b.h5"]},
    "tasks": ["energy", "cameradirection"],
    "ctlearn": {"steps": 3000},
    "augment": {"fraction": 0.25, "regions": [{"energy": ["3 TeV", "30 TeV"]}]},
    "output": "runs/study",
}
TYPE_FILES = {"signal": ["a"], "test_signal": ["b"], "background": ["c"], "test_background": ["d"]}


def config(**changes) -> StudyConfig:
    return parse(StudyConfig, CONTENT | changes, "study.yaml")


# --- configuration ---


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"augments": {}}, "unknown key 'augments'; did you mean 'augment'?"),
        ({"augment": {"fracton": 0.2}}, "unknown key 'augment.fracton'; did you mean 'fraction'?"),
        ({"augment": {"generators": {}, "fraction": 0.2}}, "unknown key 'augment.generators'"),
        ({"augment": {"fraction": 1.5}}, "augment.fraction: should be less than 1"),
        ({"augment": None}, "augment is missing: the arm oversampled needs its fraction"),
        ({"arms": ["simulatoin"]}, "arms.0: should be 'simulation', 'oversampled'"),
        ({"seeds": [1, 2, 1]}, "seeds: 1 is given twice"),
        ({"sizes": [None, None]}, "sizes: null is given twice"),
        ({"sizes": [0]}, "sizes.0: should be greater than 0"),
        ({"curve": [None]}, "curve: null is among the sizes"),
        ({"curve": [9], "arms": ["generated"]}, "curve: the arm simulation is not among"),
        ({"ctlearn": {"steps": 1, "epochs": 1}}, "ctlearn: give steps or epochs"),
        ({"ctlearn": {"step": 1}}, "unknown key 'ctlearn.step'; did you mean 'steps'?"),
        ({"thin": {"energy": ["3 TeV", "1 TeV"], "keep": 0.1}}, "low must be < high"),
        ({"thin": {"energy": ["1 TeV", "3 TeV"], "keep": 1.0}}, "thin.keep: should be less than 1"),
        ({"tasks": ["type"]}, "type needs files.background"),
        ({"tasks": ["type", "energy"], "files": TYPE_FILES}, "make two studies"),
        ({"files": TYPE_FILES}, "CTLearn learns energies and directions of signal alone"),
        ({"files": TYPE_FILES | {"test_background": []}}, "give background and test_background"),
        ({"generators": {"signal": {}}}, "give config, to train generators, or bundle"),
        (
            {"generators": {"signal": {"bundle": "a", "overrides": {"seed": 1}}}},
            "a bundle is taken as it is",
        ),
        ({"generators": {"signal": {"bundle": "b_{sizes}"}}}, "only {size} and {seed} are known"),
    ],
)
def test_mistakes_are_told_in_one_sentence(changes, sentence):
    with pytest.raises(UserError) as error:
        config(**changes)
    assert sentence in str(error.value)
    assert str(error.value).startswith("study.yaml: ")


def test_a_region_of_a_particle_without_generator_is_refused(tmp_path):
    import yaml

    augment = {"fraction": 0.2, "regions": [{"particle": "proton"}]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(CONTENT | {"augment": augment}))
    with pytest.raises(UserError, match="wants particle 'proton', but generators has only gamma"):
        Study(tmp_path / "study.yaml")


@pytest.mark.parametrize("name", ["hole", "amplification", "amplification_type"])
def test_shipped_studies_are_complete(name):
    study = Study(shipped_config(f"study_{name}"))
    for run in study.runs:
        assert study.settings(run)
    n_models = sum(isinstance(run, ModelRun) for run in study.runs)
    assert n_models == {"hole": 15, "amplification": 42, "amplification_type": 30}[name]


# --- plan ---


def test_every_run_follows_those_it_needs():
    runs = plan(config(sizes=[100, None], curve=[300], seeds=[4, 7]))
    assert len({run.name for run in runs}) == len(runs) == 2 * (2 * (5 + 1) + 1)
    for number, run in enumerate(runs):
        assert all(other in runs[:number] for other in run.needs)
        if isinstance(run, ModelRun):
            wanted = [GeneratorRun("signal", run.events)] if "generated" in run.arm else []
            assert list(run.needs) == wanted


def test_without_redraw_all_seeds_share_events_and_generators():
    runs = plan(config(sizes=[100], seeds=[4, 7], redraw=False))
    assert {run.events for run in runs} == {TrainingSet(100, 4)}
    assert sum(isinstance(run, GeneratorRun) for run in runs) == 1
    assert {run.seed for run in runs if isinstance(run, ModelRun)} == {4, 7}


def test_two_classes_need_two_generators_and_given_bundles_none():
    both = plan(config(tasks=["type"], files=TYPE_FILES, arms=["generated"], seeds=[1]))
    assert [run.name for run in both[-1].needs] == [
        "generators/all/seed1/signal",
        "generators/all/seed1/background",
    ]
    given = {"signal": {"bundle": "runs/{size}_{seed}/bundle"}}
    runs = plan(config(arms=["generated"], seeds=[1], generators=given))
    assert [run.needs for run in runs] == [()]
    source = config(generators=given).generators.signal
    assert recipes.bundle_path(source, TrainingSet(None, 3)).parts[-2:] == ("all_3", "bundle")


def test_remaining_time_is_that_of_runs_of_the_kind():
    runs = plan(config(arms=["simulation", "generated"], seeds=[1]))
    assert seconds_left(runs, []) is None
    known = [("simulation all", 10.0), ("simulation all", 20.0), ("generator all", 120.0)]
    assert seconds_left(runs, known) == pytest.approx(15 + 120 + 50)


# --- training sets ---


def chosen(pool, size, draw):
    return set(np.concatenate(pool.choose(TrainingSet(size, draw)))["event_id"].tolist())


def test_training_sets_are_nested_and_differ_by_seed(toy_gamma):
    pool = Pool([toy_gamma], "signal")
    sets = [chosen(pool, size, 1) for size in (50, 200, None)]
    assert [len(events) for events in sets] == [50, 200, 400]
    assert sets[0] < sets[1] < sets[2]
    assert chosen(pool, 50, 1) == sets[0] != chosen(pool, 50, 2)


def test_thinning_leaves_the_wanted_part_of_the_hole(toy_gamma):
    whole = Pool([toy_gamma], "signal")
    energy = dict(zip(whole._keys[0]["event_id"].tolist(), whole._energy, strict=True))
    thin = Thinning(energy=("0.5 TeV", "10 TeV"), keep=0.1)
    pool = Pool([toy_gamma], "signal", thin)
    events = chosen(pool, None, 1)
    inside = {event for event, value in energy.items() if 0.5 <= value <= 10}
    assert len(inside) > 50
    assert len(events & inside) == round(0.1 * len(inside))
    assert events - inside == set(energy) - inside
    assert chosen(pool, 100, 1) < events


def test_files_of_a_training_set_are_written_once(toy_gamma, tmp_path):
    pool = Pool([toy_gamma], "signal")
    folder = write_subset(tmp_path / "set", pool, TrainingSet(20, 1))
    (file,) = folder.glob("*.h5")
    state = file.stat().st_mtime_ns
    assert write_subset(tmp_path / "set", pool, TrainingSet(20, 1)) == folder
    assert file.stat().st_mtime_ns == state
    assert [path.name for path in folder.parent.iterdir()] == ["signal"]
    thinned = Pool([toy_gamma], "signal", Thinning(energy=("1 TeV", "10 TeV"), keep=0.1))
    with pytest.raises(UserError, match="was made of other files, or with another hole"):
        write_subset(tmp_path / "set", thinned, TrainingSet(20, 1))


# --- what the trainings are configured with ---


@pytest.mark.parametrize("n_events", [900, 7000])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5])
def test_all_arms_take_as_many_steps(n_events, fraction):
    found = recipes.length({}, ModelTraining(steps=3000), n_events, fraction)
    assert found.steps == pytest.approx(3000, abs=0.5 * found.steps / found.epochs)
    assert found.steps / found.epochs == int(0.9 * n_events) // round(64 * (1 - fraction))
    epochs = ModelTraining(epochs=20)
    own, others = (recipes.length({}, epochs, n_events, part) for part in (0.0, fraction))
    assert own.epochs == 20
    assert others.steps == pytest.approx(own.steps, rel=0.5 / others.epochs)


def test_learning_rates_fall_after_the_same_part_of_the_training():
    content = {"TrainCTLearnModel": {"n_epochs": 24, "lr_reducing": {"patience": 2, "factor": 0.5}}}
    made = recipes.ctlearn_config(content, ["energy"], 96, 5, None)
    tool = made["TrainCTLearnModel"]
    assert tool["lr_reducing"] == {"patience": 8, "factor": 0.5}
    assert (tool["n_epochs"], tool["random_seed"], tool["reco_tasks"]) == (96, 5, ["energy"])
    assert content["TrainCTLearnModel"]["n_epochs"] == 24
    assert "gan_augment" not in made


def test_blocks_of_the_arms(tiny_bundle):
    from ctlearn_gan_aug.bundle import load_bundle

    bundle = load_bundle(tiny_bundle)
    shared = recipes.shared_keys(config().augment)
    assert shared["regions"] == [{"energy": ["3.0 TeV", "30.0 TeV"]}]
    blocks = {arm: recipes.block(arm, shared, {"gamma": bundle}, 3) for arm in Arm.__args__}
    path = {"gamma": str(tiny_bundle)}
    assert blocks == {
        "simulation": None,
        "oversampled": shared | {"generators": {"gamma": "simulation"}, "seed": 3},
        "symmetries": {"symmetries": True, "seed": 3},
        "generated": shared | {"generators": path, "seed": 3},
        "symmetries + generated": shared | {"generators": path, "seed": 3, "symmetries": True},
    }


def test_regions_end_where_the_generator_was_trained(tiny_bundle):
    from ctlearn_gan_aug.bundle import load_bundle

    bundle = load_bundle(tiny_bundle)
    known = bundle.label_table["true_energy"]
    augment = config(augment={"fraction": 0.2, "regions": [{"energy": ["3 TeV", "900 TeV"]}]})
    (region,) = recipes.within(augment.augment, {"gamma": bundle}).regions
    assert region.energy == (3.0, known.max())
    augment = config(augment={"fraction": 0.2, "regions": [{"energy": ["900 TeV", "990 TeV"]}]})
    with pytest.raises(UserError, match="none of which is in the region"):
        recipes.within(augment.augment, {"gamma": bundle})


def test_overrides_of_a_generator_replace_its_length(tmp_path):
    source = config(
        generators={"signal": {"config": "gamma", "overrides": {"training": {"steps": 7}}}}
    )
    made = recipes.generator_config(
        source.generators.signal, tmp_path / "set", tmp_path / "run", tmp_path / "store", 5
    )
    assert (made.training.steps, made.training.budget, made.seed) == (7, None, 5)
    assert made.training.learning_rate == 5e-4
    assert (made.data.files, made.data.store) == ([tmp_path / "set"], tmp_path / "store")


def test_a_ctlearn_configuration_has_no_block_of_its_own(tmp_path):
    path = tmp_path / "ctlearn.yaml"
    path.write_text("gan_augment: {fraction: 0.2, generators: {gamma: a}}\n")
    with pytest.raises(UserError, match="move what all arms share to augment"):
        recipes.read_ctlearn(ModelTraining(config=str(path), steps=1))


# --- figures ---


def predictions(n=4000, bias=1.1, width=0.2, theta=0.3):
    """Gammas with a known bias, resolution and angular error."""
    rng = np.random.default_rng(1)
    energy = 10 ** rng.uniform(-1, 1, n)
    offset = rng.uniform(0, 3, n)
    return QTable(
        {
            "true_energy": energy * u.TeV,
            "reco_energy": energy * bias * (1 + width * rng.normal(size=n)).clip(0.01) * u.TeV,
            "theta": theta * np.hypot(*rng.normal(size=(2, n))) * u.deg,
            "offset": offset * u.deg,
            "is_signal": np.ones(n, bool),
        }
    )


def test_figures_are_those_of_a_known_model():
    found = measure(predictions())
    assert found["n"] == 4000
    assert found["energy_bias"] == pytest.approx(0.1, abs=0.01)
    assert found["energy_resolution"] == pytest.approx(1.1 * 0.2, rel=0.05)
    assert found["angular_resolution"] == pytest.approx(0.3 * 1.515, rel=0.05)
    assert found["direction_mae"] == pytest.approx(0.3 * np.sqrt(np.pi / 2), rel=0.05)
    assert "auc" not in found
    bins = measure_by_energy(predictions())
    assert len(bins) == 8 and sum(one["n"] for one in bins) == 4000
    assert (bins[0]["low"], bins[-1]["high"]) == (pytest.approx(0.1), pytest.approx(10))
    assert all(abs(one["energy_bias"] - 0.1) < 0.05 for one in bins)


def test_auc_counts_both_classes_and_the_rest_gammas_alone():
    rng = np.random.default_rng(2)
    events = predictions()
    events["is_signal"] = rng.random(len(events)) < 0.5
    events["gammaness"] = events["is_signal"] + rng.normal(size=len(events))
    found = measure(events)
    assert found["auc"] == pytest.approx(0.76, abs=0.02)  # Phi(1 / sqrt(2))
    assert found["auc_missing"] == pytest.approx(1 - found["auc"])
    events["reco_energy"][~events["is_signal"]] *= 100
    assert measure(events)["energy_bias"] == pytest.approx(0.1, abs=0.02)


def test_events_are_inside_or_outside_of_the_regions():
    events = predictions()
    regions = [Region(energy=("3 TeV", "30 TeV")), Region(offset=("0 deg", "1 deg"))]
    found = domains(events, regions)
    expected = (events["true_energy"].value >= 3) | (events["offset"].value <= 1)
    np.testing.assert_array_equal(found["inside"], expected)
    np.testing.assert_array_equal(found["outside"], ~expected)
    assert domains(events, None)["inside"].all()
    few = measure(events[:3])
    assert few["n"] == 3 and np.isnan(few["energy_mae"])


# --- summary ---


def model(arm, n_events, seed, error):
    figures = {
        domain: {"n": 100, "energy_mae": error * factor, "energy_bias": 0.0}
        for domain, factor in (("all", 1.0), ("inside", 2.0), ("outside", 0.5))
    }
    bins = [{"low": 1.0, "high": 2.0, "n": 50, "energy_mae": error, "energy_bias": 0.0}]
    record = {"epochs": 10, "steps": 1000, "seconds": 60.0, "processor_seconds": 90.0}
    return Model(arm, str(n_events), n_events, seed, figures, bins, record)


def models():
    """Errors fall with the square root of the events; generated events count double."""
    rng = np.random.default_rng(3)
    found = []
    for seed in (1, 2, 3):
        for n in (1000, 2000, 4000, 8000):
            luck = np.exp(0.02 * rng.normal())
            found.append(model("simulation", n, seed, luck * n**-0.5))
            if n <= 2000:
                found.append(model("generated", n, seed, luck * (2 * n) ** -0.5))
    return found


def test_summary_has_mean_and_standard_error_over_seeds():
    rows = summarise(models())
    assert [(row["size"], row["arm"]) for row in rows[:2]] == [
        ("1000", "simulation"),
        ("1000", "generated"),
    ]
    values = [m.figures["all"]["energy_mae"] for m in models()[:1]]
    assert rows[0]["n_seeds"] == 3
    found = rows[0]["domains"]["all"]["energy_mae"]
    assert found["mean"] == pytest.approx(values[0], rel=0.05)
    assert 0 < found["error"] < 0.03 * found["mean"]
    assert rows[0]["bins"][0]["energy_mae"]["mean"] == pytest.approx(found["mean"])


def test_ratios_are_taken_seed_by_seed():
    rows = ratios(models(), "simulation")
    assert [row["arm"] for row in rows] == ["generated"] * 2
    for row in rows:
        for domain in ("all", "inside", "outside"):
            found = row["domains"][domain]["energy_mae"]
            assert found["mean"] == pytest.approx(2**-0.5)
            assert found["error"] == pytest.approx(0.0, abs=1e-12)
    assert ratios(models(), "oversampled") == []


def test_amplification_of_all_sizes_and_domains():
    rows = amplifications(models())
    assert len(rows) == 2 * 3
    assert {(row["arm"], row["to"], row["figure"]) for row in rows} == {
        ("generated", "simulation", "energy_mae")
    }
    for row in rows:
        assert row["factor"] == pytest.approx(2.0, rel=0.15)
        assert row["low"] <= row["factor"] <= row["high"]
        assert row["limit"] == ""
        assert row["n_seeds"] == 3
