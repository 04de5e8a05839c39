"""Monitors of trainings: each fires where its failure is provoked, none in a healthy run."""

import json
import os
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from safetensors import safe_open

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.config.train import LossConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.training import health, losses
from ctlearn_gan_aug.training.course import WINDOW, Course
from ctlearn_gan_aug.training.failures import OF_LOOKS, OF_SNAPSHOTS
from ctlearn_gan_aug.training.health import EVERY, Health
from ctlearn_gan_aug.training.run import train
from ctlearn_gan_aug.training.snapshots import Snapshots

STRONG, WEAK, VANISHING, EXPLODING, SWINGING = (failure.name for failure in OF_LOOKS)
ALIKE, MISSING, WORSE = (failure.name for failure in OF_SNAPSHOTS)

# --- fed with what such runs give -----------------------------------------------------------------

N_LOOKS = 80
SNAPSHOTS_AT = range(WINDOW + 5, N_LOOKS, 10)


def healthy() -> dict[str, np.ndarray]:
    """As in real runs of the recipe: a critic that is a little better than chance, and noise."""
    rng, done = np.random.default_rng(1), np.linspace(0.0, 1.0, N_LOOKS)
    noise = rng.normal(size=(4, N_LOOKS))
    return {
        "critic": 1.1 + 0.15 * noise[0],
        "difference": 0.8 * np.sqrt(done) + 0.3 * noise[1],
        "critic_gradient": 2.0 * np.exp(0.5 * noise[2]),
        "generator_gradient": 3.0 * np.exp(0.5 * noise[3]),
        "snapshot_score": 0.25 + 0.3 * np.exp(-5 * done) + 0.01 * noise[0],
        "snapshot_spread": 0.9 - 0.4 * np.exp(-5 * done),
        "snapshot_coverage": 0.95 - 0.9 * np.exp(-3 * done),
    }


def take_turns(size: float) -> np.ndarray:
    return size * np.where(np.arange(N_LOOKS) // 3 % 2, 1.0, -1.0)


AFTER = np.linspace(0.0, 1.0, N_LOOKS) > 0.5
PROVOKED = {
    STRONG: {"critic": np.full(N_LOOKS, 0.01), "difference": np.full(N_LOOKS, 12.0)},
    WEAK: {"difference": np.where(AFTER, -0.1, 0.3)},
    VANISHING: {"generator_gradient": np.where(AFTER, 1e-4, 3.0)},
    EXPLODING: {"critic_gradient": np.where(AFTER, 1e4, 2.0)},
    SWINGING: {"critic": 3.2 + take_turns(2.9), "difference": take_turns(8.0)},
    ALIKE: {"snapshot_spread": np.full(N_LOOKS, 0.05)},
    MISSING: {"snapshot_coverage": np.where(AFTER, 0.1, 0.9)},
    WORSE: {"snapshot_score": np.where(AFTER, 0.5, 0.3)},
}


def watched(series: dict[str, np.ndarray], loss: LossConfig | None = None, first=0, before=None):
    """A `Health` that has seen a run from look ``first`` on."""
    seen = Health(loss or LossConfig(), SimpleNamespace(is_warmup=False, rollbacks=0))
    if before is not None:
        seen.restore(before)
    for number in range(first, len(series["critic"])):
        values = {name: series[name][number] for name in series}
        seen.after(EVERY * (number + 1), values)
        if number in SNAPSHOTS_AT:
            seen.snapshot(EVERY * (number + 1), values)
    return seen


def test_healthy_figures_are_no_alarm(caplog):
    assert watched(healthy()).alarms == {}
    assert caplog.text == ""


@pytest.mark.parametrize("name", PROVOKED)
def test_a_failure_is_said_once_and_again_at_the_end(name, caplog):
    with watched({**healthy(), **PROVOKED[name]}) as seen:
        assert list(seen.alarms) == [name]
        (line,) = caplog.messages
    assert line.startswith(f"Step {seen.alarms[name].first}: {name}: ") and line.endswith(".")
    assert caplog.messages[1].startswith(f"From step {seen.alarms[name].first} to the end: {name}:")
    assert len(caplog.messages) == 2


def test_what_has_passed_is_told_with_its_end(caplog):
    series = healthy()
    series["critic"][10:50] = 0.01
    with watched(series):
        pass
    first, again = caplog.messages
    assert first.startswith(f"Step 250: {STRONG}")
    assert again.startswith(f"From step 250 to step 620: {STRONG}")


def test_a_resumed_run_says_nothing_twice(caplog):
    series = {**healthy(), **PROVOKED[WEAK], **PROVOKED[ALIKE]}
    whole = watched(series)
    said = list(caplog.messages)
    caplog.clear()
    for cut in (10, 45, 70):
        early = watched({name: values[:cut] for name, values in series.items()})
        state = json.loads(json.dumps(early.state))
        resumed = watched(series, first=cut, before=state)
        assert resumed.alarms == whole.alarms
        assert resumed.state == whole.state
        assert caplog.messages == said
        caplog.clear()


def test_nothing_is_judged_in_the_warm_up_and_right_after_it():
    schedule = SimpleNamespace(is_warmup=True, rollbacks=0)
    seen = Health(LossConfig(), schedule)
    bad = {name: values[0] for name, values in {**healthy(), **PROVOKED[ALIKE]}.items()}
    bad |= {"critic": 0.0, "difference": -1.0}
    for step in range(EVERY, 1000, EVERY):
        schedule.is_warmup = step < 800  # with a generator that died, again
        seen.after(step, bad)
        seen.snapshot(step, bad)
    assert seen.alarms == {}


# --- what losses mean -----------------------------------------------------------------------------

UNDECIDED = {"least_squares": 0.5}
BEST = {"hinge": (1.0, -1.0), "least_squares": (1.0, 0.0)}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["nonsaturating", "minimax", "hinge", "least_squares"])
def test_certainty_of_every_loss(kind, smoothing):
    import tensorflow as tf

    if smoothing and kind in BEST:
        pytest.skip("no targets to smooth")
    loss = LossConfig(adversarial=kind, label_smoothing=smoothing)

    def certainty(real, fake):
        scores = (tf.fill((8, 1), float(score)) for score in (real, fake))
        value = losses.critic_loss(kind, *scores, smoothing)
        course = Course(loss)
        for _ in range(WINDOW):
            course.look({"critic": value} | dict.fromkeys(["difference", *GRADIENTS], 1.0))
        return course.certainty[0]

    if not smoothing:  # a smoothed target is not even then best met by equal scores
        assert certainty(*[UNDECIDED.get(kind, 0.0)] * 2) == pytest.approx(0.0, abs=1e-6)
    real = np.log((1 - smoothing) / smoothing) if smoothing else 30.0
    assert certainty(*BEST.get(kind, (real, -30.0))) == pytest.approx(1.0, abs=1e-5)
    assert certainty(-3.0, 3.0) < -0.9


GRADIENTS = ("critic_gradient", "generator_gradient")


def test_wasserstein_critics_may_be_certain_but_not_swing():
    loss = LossConfig(adversarial="wasserstein", regularizer="gradient_penalty")
    rng = np.random.default_rng(2)
    grown = 5.0 * np.linspace(0.0, 1.0, N_LOOKS) ** 2
    met = 4.0 * np.exp(-np.arange(N_LOOKS) / 8.0) + 0.3 * rng.normal(size=N_LOOKS)
    for difference in (grown, met):
        series = {**healthy(), "difference": difference, "critic": -difference}
        assert watched(series, loss).alarms == {}
    series["difference"] = 500.0 * rng.normal(size=N_LOOKS)
    assert list(watched(series, loss).alarms) == [SWINGING]


# --- real snapshots of pretended generators -------------------------------------------------------


@pytest.fixture
def measured(toy_gamma, tmp_path):
    """Figures of a generator that takes its images from simulated ones by row and draw."""
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.labels import LabelSet

    events = read_events([toy_gamma]).select(np.arange(300))
    labels, images = LabelSet.fit(["energy"], events.labels), events.pixels[:]

    def found(chosen):
        return Snapshots(
            tmp_path / "best", events, labels, lambda encoded, draw: images[chosen(draw)]
        ).take(1, [])

    return found


def alarms_of(found: dict[str, float]) -> list[str]:
    constant = {name: np.full(N_LOOKS, value) for name, value in found.items()}
    return list(watched({**healthy(), **constant}).alarms)


def test_diversity_of_simulation_itself(measured):
    rng = np.random.default_rng(3)
    found = measured(lambda draw: rng.permutation(300))
    assert found["snapshot_spread"] == pytest.approx(1.0, abs=0.03)
    assert found["snapshot_coverage"] > 0.95
    assert alarms_of(found) == []


def test_ignored_latents_are_seen(measured):
    shuffled = np.random.default_rng(3).permutation(300)
    found = measured(lambda draw: shuffled)
    assert found["snapshot_spread"] == 0.0 and found["snapshot_coverage"] > 0.95
    assert alarms_of(found) == [ALIKE]


def test_missing_kinds_of_images_are_seen(measured):
    rng = np.random.default_rng(3)
    found = measured(lambda draw: rng.integers(0, 5, 300))
    assert found["snapshot_spread"] > 0.5 and found["snapshot_coverage"] < 0.2
    assert alarms_of(found) == [MISSING]


# --- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "says"), [((0.25, 0.26, 0.27), "matters no more"), ((0.25, 0.4), "60% above")]
)
def test_info_compares_seeds(tmp_path, tiny_bundle, scores, says):
    bundles = []
    for seed, score in enumerate(scores):
        bundles.append(str(shutil.copytree(tiny_bundle, tmp_path / str(seed))))
        description = tmp_path / str(seed) / "bundle.yaml"
        content = yaml.safe_load(description.read_text())
        content["training"] |= {"seed": seed, "snapshot_score": score, "failures": [ALIKE]}
        description.write_text(yaml.safe_dump(content))
    result = CliRunner().invoke(cli, ["info", *bundles], catch_exceptions=False)
    assert says in " ".join(result.output.split())
    assert result.output.count(ALIKE) == len(scores)
    alone = CliRunner().invoke(cli, ["info", bundles[0]], catch_exceptions=False)
    assert "scores" not in alone.output


# --- real trainings -------------------------------------------------------------------------------


@pytest.fixture
def small_run(tmp_path, toy_gamma, light_config, monkeypatch):
    """Factory of short adversarial runs, looked at in every step."""
    monkeypatch.setattr(health, "EVERY", 1)

    def config(name="run", loss=None, **training):
        options = {"steps": 45, "batch_size": 8, "snapshots": 0, **training}
        warmup = {"fraction": 0.0, "final_weight": 0.0}
        sections = {"loss": loss or {}, "training": options, "warmup": warmup}
        return light_config(tmp_path / name, [toy_gamma], **sections)

    return config


def messages_of(caplog, name: str) -> list[str]:
    return [message for message in caplog.messages if f": {name}: " in message]


def test_a_healthy_training_is_silent(tmp_path, toy_gamma, tiny_config, monkeypatch, caplog):
    """As the recipe has it; so few steps make no snapshot worth a look."""
    monkeypatch.setattr(health, "EVERY", 1)
    training = {"steps": 60, "batch_size": 8, "snapshots": 0}
    sections = {"training": training, "warmup": {"fraction": 0.2}}
    bundle = train(tiny_config(tmp_path / "run", [toy_gamma], **sections))
    assert not [message for message in caplog.messages if message.startswith("From step")]
    assert load_bundle(bundle).meta.training["failures"] == []


def test_huge_learning_rates_do_not_converge(small_run, caplog):
    bundle = train(small_run(learning_rate=0.3))
    once, again = messages_of(caplog, SWINGING)
    assert once.startswith("Step ") and again.startswith("From step ")
    assert SWINGING in load_bundle(bundle).meta.training["failures"]


def test_a_frozen_generator_lets_the_critic_win_and_starves(small_run, caplog):
    """Which is what the minimax loss is known for: a certain critic gives no gradient."""
    loss = {"adversarial": "minimax", "regularizer": "none", "excess": 0.0}
    train(small_run(loss=loss, learning_rate=1e-12, critic_learning_rate=0.01))
    assert len(messages_of(caplog, STRONG)) == 2
    assert len(messages_of(caplog, VANISHING)) == 2


def test_a_frozen_critic_is_too_weak_also_after_an_interrupt(small_run, caplog):
    frozen = {"learning_rate": 0.01, "critic_learning_rate": 1e-12}
    train(small_run("whole", **frozen))
    whole = messages_of(caplog, WEAK)
    caplog.clear()
    config = small_run("parts", **frozen)
    moment = int(whole[0].split()[1].rstrip(":")) + 3

    def interrupt(number, run):
        if number == moment:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(UserError, match=f"interrupted at step {moment}"):
        train(config, watch=interrupt)
    assert messages_of(caplog, WEAK)[0] == whole[0]
    caplog.clear()
    train(config, resume=True)
    assert messages_of(caplog, WEAK) == whole[1:]  # at the end, and not anew
    states = [health_in(config.output.parent / name) for name in ("whole", "parts")]
    assert states[0] == states[1]


def health_in(run) -> dict:
    with safe_open(run / "checkpoint.safetensors", framework="np") as saved:
        return json.loads(saved.metadata()["progress"])["health"]
