"""Verdicts from numbers, and the command from a bundle to the report."""

import copy
import json
import re
import shutil

import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.evaluate import run, verdicts
from ctlearn_gan_aug.evaluate.stages import Effort, Stages

NULL = {"null_low": 0.96, "null_high": 1.04, "low": 0.9, "high": 1.1}
ENERGY_DIRECTION = ("energy", "direction")
SHIFT = {"null_low": -0.01, "null_high": 0.01, "low": -0.01, "high": 0.01}


def regression(ratio=1.0, shift=0.0, learnt=True):
    statistics = {"mae": 0.15, "bias": 0.0, "width68": 0.16, "correlation": 0.9}
    entry = {"value": ratio, **NULL}
    return {
        "simulated": statistics,
        "generated": statistics,
        "trivial_mae": 0.4,
        "judge_learnt": learnt,
        "ratio": {"mae": entry, "width68": entry},
        "bias_shift": {"value": shift, **SHIFT},
    }


@pytest.fixture()
def metrics():
    """Metrics of a perfect generator."""
    accuracy = {"accuracy": 0.9, "mean_score": 0.8}
    score = {"value": 0.5, "low": 0.48, "high": 0.52, "null": 0.5}
    return {
        "energy": regression(),
        "direction": regression(),
        "type": {
            **dict.fromkeys(("simulated", "generated", "other"), accuracy),
            "difference": {"value": 0.0, **SHIFT},
            "judge_learnt": True,
            "auc": {"simulated": score, "generated": score},
        },
        "images": {
            "mean_w1": {"value": 0.05, "null": 0.04},
            "parameters": {
                name: {"w1": 0.05, "w1_null": 0.04} for name in ("hillas_width", "alpha")
            },
            "correlations": {"value": 0.04, "null": 0.04, "null_low": 0.03, "null_high": 0.05},
            "auc": score,
            "auc_pixels": score,
            "empty": {"generated": 0.06, "simulated": 0.05},
        },
        "diversity": {
            "coverage": {"value": 0.95, "null": 0.96},
            "duplicates": 0.0,
            "memorised": None,
        },
        "domain": {
            "coverage": {"n": 20, "value": 0.95, "null": 1.0, "mean": 0.9, "mean_null": 0.95},
            "cells": {"n": 20, "value": 1.0},
            "edges": {"energy": part(), "any": part()},
            "gap": part(),
        },
    }


def part(ratio=1.0, distance=0.1):
    """Numbers of an edge or a gap."""
    compared = {name: {"ratio": {"mae": {"value": ratio, **NULL}}} for name in ENERGY_DIRECTION}
    return {"n": 90, "mean_w1": {"value": distance, "null": 0.1}, **compared}


def grades(metrics):
    return {verdict["section"]: verdict["grade"] for verdict in verdicts.judge(metrics)}


def test_a_perfect_generator_is_good_throughout(metrics):
    assert set(grades(metrics).values()) == {"good"}


@pytest.mark.parametrize(
    "section, grade, change",
    [
        ("energy", "fair", lambda m: m.update(energy=regression(1.12))),
        ("energy", "poor", lambda m: m.update(energy=regression(1.5))),
        ("energy", "poor", lambda m: m.update(energy=regression(0.7))),
        ("energy", "poor", lambda m: m.update(energy=regression(1.0, 0.2))),
        ("energy", "good", lambda m: m.update(energy=regression(1.03, 0.005))),
        ("energy", "open", lambda m: m.update(energy=regression(2.0, learnt=False))),
        ("direction", "poor", lambda m: m.update(direction=regression(1.6))),
        ("type", "open", lambda m: m.update(type=None)),
        ("type", "open", lambda m: m["type"].update(judge_learnt=False)),
        ("type", "poor", lambda m: m["type"]["difference"].update(value=-0.3)),
        ("images", "poor", lambda m: m["images"]["auc"].update(value=0.97)),
        ("images", "fair", lambda m: m["images"]["mean_w1"].update(value=0.2)),
        ("images", "poor", lambda m: m["images"]["parameters"]["alpha"].update(w1=0.9)),
        ("images", "poor", lambda m: m["images"]["empty"].update(generated=0.3)),
        ("images", "poor", lambda m: m["images"]["correlations"].update(value=0.4)),
        ("images", "good", lambda m: m["images"]["correlations"].update(value=0.06)),
        ("domain", "poor", lambda m: m["domain"]["coverage"].update(value=0.4)),
        ("domain", "poor", lambda m: m["domain"]["edges"].update(any=part(2.0))),
        ("domain", "fair", lambda m: m["domain"].update(gap=part(1.3))),
        ("domain", "poor", lambda m: m["domain"].update(gap=part(1.0, 0.6))),
        ("domain", "good", lambda m: m["domain"].update(edges=None, gap=None)),
        ("domain", "open", lambda m: m.update(domain=dict.fromkeys(m["domain"]))),
        ("diversity", "poor", lambda m: m["diversity"]["coverage"].update(value=0.3)),
        ("diversity", "poor", lambda m: m["diversity"].update(duplicates=0.2)),
        (
            "diversity",
            "poor",
            lambda m: m["diversity"].update(memorised={"value": 0.5, "null": 0.01}),
        ),
    ],
)
def test_each_failure_is_seen_in_its_section_alone(metrics, section, grade, change):
    changed = copy.deepcopy(metrics)
    change(changed)
    found = grades(changed)
    assert found.pop(section) == grade
    assert set(found.values()) == {"good"}


def test_images_that_follow_labels_too_closely_are_told_apart(metrics):
    reasons = []
    for ratio in (0.7, 1.5):
        metrics["energy"] = regression(ratio)
        reasons.append(verdicts.judge(metrics)[0]["reason"])
    assert "fluctuations are missing" in reasons[0]
    assert "less closely" in reasons[1]


def test_a_generator_of_hardly_any_light_gets_plain_words(metrics):
    nothing = float("nan")
    metrics["images"]["correlations"]["value"] = nothing
    metrics["images"]["mean_w1"]["value"] = nothing
    metrics["images"]["empty"]["generated"] = 1.0
    for parameter in metrics["images"]["parameters"].values():
        parameter["w1"] = nothing
    metrics["domain"]["edges"]["any"]["mean_w1"]["value"] = nothing
    found = {v["section"]: v for v in verdicts.judge(metrics)}
    assert found["images"]["grade"] == "poor"
    assert "Too few have cleaned pixels" in found["images"]["reason"]
    for section in ("images", "domain"):
        assert "o generated image has a cleaned pixel" in found[section]["reason"]
        assert not re.search(r"\bnan\b|: \.", found[section]["reason"])


def test_stages_add_up_to_the_whole():
    seen = []
    stages = Stages({"one": 0.25, "two": 0.75}, lambda stage, done: seen.append((stage, done)))
    stages.start("one")
    count = stages.images(10)
    count(5)
    stages.start("two")
    stages.images(10)(10)
    assert seen == [("one", 0.0), ("one", 0.125), ("two", 0.25), ("two", 1.0)]
    Stages({"one": 1.0}, None).start("one")


def test_shares_of_stages_are_shares():
    for effort in (Effort(), run.QUICK):
        assert sum(effort.shares.values()) == pytest.approx(1.0)


def test_slow_generators_skip_large_requests(tiny_bundle, monkeypatch):
    from ctlearn_gan_aug.bundle import load_bundle
    from ctlearn_gan_aug.evaluate import cost

    monkeypatch.setattr(cost, "BATCHES", (1, 4, 8))
    monkeypatch.setattr(cost, "_SECONDS", 0.0)
    bundle = load_bundle(tiny_bundle)
    found = cost.generation_rates(bundle, bundle.label_table, 0)
    assert list(found) == ["batch_1", "batch_4", "batch_8"]
    found = cost.generation_rates(bundle, bundle.label_table, 0, longest=0.0)
    assert list(found) == ["batch_1"]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def test_files(tmp_path_factory):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    folder = tmp_path_factory.mktemp("held_out")
    simulate("gamma", 120, 91, folder / "gamma.dl1.h5")
    simulate("proton", 60, 92, folder / "proton.dl1.h5")
    return folder


@pytest.fixture(scope="module")
def tiny_effort():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "QUICK", Effort(1280, 640, 320))
        patch.setattr("ctlearn_gan_aug.evaluate.cost.BATCHES", (1, 20))
        patch.setattr("ctlearn_gan_aug.evaluate.cost._SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def glowing_bundle(tiny_bundle, tmp_path_factory):
    """A hardly trained generator whose images glow all over: 60 events tell that for certain."""
    path = tmp_path_factory.mktemp("glowing") / "bundle"
    shutil.copytree(tiny_bundle, path)
    weights = load_file(path / "generator.safetensors")
    weights["pixels0_value/1"] = weights["pixels0_value/1"] + 1.0
    save_file(weights, path / "generator.safetensors")
    return path


@pytest.fixture(scope="module")
def evaluation(glowing_bundle, test_files, toy_gamma, tiny_effort, tmp_path_factory):
    """Folder and output of one run of the command."""
    from ctlearn_gan_aug.cli.evaluate import command

    folder = tmp_path_factory.mktemp("evaluation") / "report"
    arguments = [glowing_bundle, "--test", test_files / "gamma.dl1.h5"]
    arguments += ["--other", test_files / "proton.dl1.h5", "--train", toy_gamma]
    arguments += ["--gap", "energy", "1 TeV", "3 TeV", "--cache", folder.parent.parent / "cache"]
    arguments += ["--output", folder, "--quick"]
    result = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
    return folder, result


def test_candidates_of_the_command_arrive(tmp_path, monkeypatch):
    from ctlearn_gan_aug.cli.evaluate import command

    asked = {}
    monkeypatch.setattr(run, "evaluate", lambda *_, **options: asked.update(options) or 1 / 0)
    arguments = ["bundle", "--test", "x.h5", "--output", tmp_path, "--candidates", 4, "--no-cache"]
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert isinstance(result.exception, ZeroDivisionError), result.output
    assert asked["candidates"] == 4


def test_command_writes_metrics_figures_and_report(evaluation):
    folder, result = evaluation
    assert result.exit_code == 0
    assert str(folder / "report.html") in result.output
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "metrics.json", "report.html", "pairs.png", "labels.png", "parameters.png", "joint.png"
    }  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


def test_metrics_quote_simulation_beside_everything(evaluation):
    metrics = json.loads((evaluation[0] / "metrics.json").read_text())
    for name in ("energy", "direction"):
        section = metrics[name]
        assert set(section["simulated"]) == set(section["generated"])
        assert {"mae", "width68", "correlation"} <= set(section["generated"])
        for entry in (*section["ratio"].values(), section["bias_shift"]):
            assert {"value", "low", "high", "null_low", "null_high"} <= set(entry)
    assert {"simulated", "generated", "other", "difference"} <= set(metrics["type"])
    images = metrics["images"]
    keys = {"w1", "w1_low", "w1_high", "w1_null", "ks", "ks_null"}
    assert all(keys <= set(x) for x in images["parameters"].values())
    names = ("mean_w1", "auc", "auc_with_labels", "auc_pixels", "fpd", "kpd", "correlations")
    for name in names:
        assert {"value", "low", "high", "null"} <= set(images[name])
    for section in metrics["features"].values():
        assert section["frechet"]["value"] > section["frechet"]["null_high"]
        assert {"generated", "simulated", "value"} <= set(section["inception_score"])
    migration = metrics["energy"]["migration"]
    assert migration["difference"]["value"] > migration["difference"]["null_high"]
    domain = metrics["domain"]
    assert domain["gap"]["regions"][0]["low"] == 1.0 and domain["gap"]["n_training"] > 0
    assert domain["cells"]["value"] > 0.8 and domain["edges"]["any"]["n"] > 0
    assert metrics["diversity"]["memorised"]["null"] == 0.01
    assert metrics["cost"]["batch_1"]["images_per_second"] > 0
    assert len(metrics["verdicts"]) == 6
    assert metrics["test"]["n_judged"] == 60


def test_noise_is_recognised_as_noise(evaluation):
    """The bundle has hardly been trained."""
    metrics = json.loads((evaluation[0] / "metrics.json").read_text())
    assert metrics["images"]["auc"]["value"] > 0.9
    assert {v["section"]: v["grade"] for v in metrics["verdicts"]}["images"] == "poor"


def test_report_needs_no_other_file(evaluation):
    page = (evaluation[0] / "report.html").read_text()
    sources = re.findall(r"(?:src|href)='([^']{0,30})", page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    text = re.sub(r"base64,[^']*", "", page)
    assert not re.search(r"\bnan\b", text)


def test_a_second_evaluation_trains_no_judge_of_labels(
    evaluation, glowing_bundle, test_files, tiny_effort, tmp_path, monkeypatch
):
    from ctlearn_gan_aug.evaluate.judges import Judge

    trained, train = [], Judge.train

    def count(judge, *arguments):
        trained.append(judge.tasks)
        train(judge, *arguments)

    monkeypatch.setattr(Judge, "train", count)
    monkeypatch.setattr(run, "QUICK", Effort(1280, 640, 0))
    folders = {"target": tmp_path / "again", "cache": evaluation[0].parent.parent / "cache"}
    files = [[test_files / f"{name}.dl1.h5"] for name in ("gamma", "proton")]
    found = run.evaluate(glowing_bundle, *files, quick=True, **folders)
    assert trained == []
    assert found["cached"] == ["judge", "judge", "measured", "measured"]
    first = json.loads((evaluation[0] / "metrics.json").read_text())
    simulated = [metrics["energy"]["simulated"]["mae"] for metrics in (first, found)]
    assert simulated[0] == pytest.approx(simulated[1], rel=1e-4)


def test_existing_folder_is_refused(evaluation, tiny_bundle, test_files):
    with pytest.raises(UserError, match="--overwrite"):
        run.evaluate(tiny_bundle, [test_files / "gamma.dl1.h5"], [], evaluation[0])


def test_folder_of_other_things_is_never_replaced(tmp_path, tiny_bundle, test_files):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match="other things"):
        run.evaluate(
            tiny_bundle, [test_files / "gamma.dl1.h5"], [], tmp_path, overwrite=True
        )  # fmt: skip
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    "test, other, words",
    [
        ("proton", None, "holds other particles"),
        ("gamma", "gamma", "like the generator's"),
        ("missing", None, "no such file"),
    ],
)
def test_unsuitable_files_are_refused(tiny_bundle, test_files, tmp_path, test, other, words):
    files = [[] if name is None else [test_files / f"{name}.dl1.h5"] for name in (test, other)]
    with pytest.raises(UserError, match=words):
        run.evaluate(tiny_bundle, *files, tmp_path / "out", quick=True)
    assert not (tmp_path / "out").exists()


def test_training_events_are_not_held_out(tiny_bundle, toy_gamma, tmp_path):
    with pytest.raises(UserError, match="has not seen"):
        run.evaluate(tiny_bundle, [toy_gamma], [], tmp_path / "out", quick=True)


def test_another_camera_is_refused(tiny_bundle, shared_data, tmp_path):
    with pytest.raises(UserError, match="gamma_11"):
        files = [shared_data / "showers" / "gamma_11.dl1.h5"]
        run.evaluate(tiny_bundle, files, [], tmp_path / "out", quick=True)
