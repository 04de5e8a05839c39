"""How fast this machine trains and generates, and how fast it could."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .config.base import load_yaml, parse
from .config.shipped import shipped_config, shipped_configs
from .config.train import TrainConfig
from .errors import UserError

_LEAST_STEPS = 3
_TOY_EVENTS = 300
_PEAK_SIDE = 2048
_PEAK_REPEATS = 6
#: Passes through the critic, each way counted, that a regulariser costs where it is applied. The
#: gradient of a gradient costs two more than the gradient.
_PENALTY_PASSES = {
    "gradient_penalty": 4,
    "one_sided_gradient_penalty": 4,
    "dragan": 4,
    "r1": 3,
    "r2": 3,
}


@dataclass
class Speed:
    """Figures of one benchmark.

    Attributes
    ----------
    peak : dict of str to float
        Measured FLOP/s of matrix products by precision.
    training : dict of str to float
        ``images_per_second``, and ``flops`` and ``cpu_seconds`` per image; empty for a bundle. An
        image is one of the generator's batch, with all critic steps that belong to it.
    generation : dict of str to dict
        As `evaluate.cost.generation_rates` gives it.
    generation_flops : dict of str to float
        FLOP per image of the network ``as_trained`` and ``as_used``, that is folded.
    """

    peak: dict[str, float]
    training: dict[str, float] = field(default_factory=dict)
    generation: dict[str, dict[str, float]] = field(default_factory=dict)
    generation_flops: dict[str, float] = field(default_factory=dict)


def benchmark(
    target: str,
    inputs: list[Path],
    steps: int | None = None,
    batch_size: int | None = None,
    progress: Callable[[str, float], None] = lambda stage, done: None,
) -> Speed:
    """Measure a bundle (generation) or a configuration (training and generation).

    Parameters
    ----------
    target : str
        Bundle folder, configuration file, or name of a shipped configuration.
    inputs : list of Path
        DL1 files and folders to train on; those of the configuration, or toy data without any.
    steps, batch_size : int, optional
        Generator steps to time, and images per step. By default as many steps as it takes the
        regulariser to come round, at least three, and the configuration's batch size.
    progress : callable
        Is told the stage and the fraction that is done.

    Raises
    ------
    UserError
        If the target is neither, or data do not fit.
    """
    is_bundle = Path(target).is_dir()
    config = None if is_bundle else timed_config(target, inputs, steps, batch_size)
    progress("matrix products", 0.0)
    speed = Speed(peak={name: matmul_peak(name) for name in ("float32", "bfloat16")})
    if config is None:
        from .bundle import load_bundle

        bundle = load_bundle(Path(target))
        _generation(bundle, speed, progress)
        return speed
    with tempfile.TemporaryDirectory() as folder:
        _training(config, Path(folder), speed, progress)
    return speed


def timed_config(
    target: str, inputs: list[Path], steps: int | None = None, batch_size: int | None = None
) -> TrainConfig:
    """A configuration for timing: as long as that takes, and without warm-up.

    Parameters are those of `benchmark`. An auxiliary that has to be trained is left out.
    """
    path = Path(target)
    if not path.is_file():
        if target not in shipped_configs() and (path.suffix or path.parent != Path(".")):
            raise UserError(f"{target}: no such bundle or configuration.")
        path = shipped_config(target)
    config = parse(TrainConfig, load_yaml(path), path)
    training = {"batch_size": batch_size or config.training.batch_size}
    n_steps = _warm_steps(config) + _timed_steps(config, steps)
    training |= {"steps": n_steps, "epochs": None, "budget": None}
    # The adversarial part of the last level alone: the others are shorter and faster.
    parts = {
        "progressive": None,
        "training": config.training.model_copy(update=training),
        "warmup": config.warmup.model_copy(update={"fraction": 0.0}),
        "data": config.data.model_copy(update={"files": inputs or config.data.files}),
    }
    if config.auxiliary is not None and config.auxiliary.model is None:
        parts["auxiliary"] = None  # training one first would take an hour
    return config.model_copy(update=parts)


def _timed_steps(config: TrainConfig, steps: int | None) -> int:
    """Steps that hold the regulariser as often as a whole run does."""
    period = _period(config)
    return period * -(-(steps or _LEAST_STEPS) // period)


def _period(config: TrainConfig) -> int:
    """Steps after which what not every update holds comes round."""
    interval = math.lcm(config.loss.interval, config.critic.label_interval)
    return interval // math.gcd(interval, config.training.critic_steps)


def _warm_steps(config: TrainConfig) -> int:
    """Steps until one of every kind has been compiled: with and without what comes round."""
    from .training.criticism import Turns

    n = config.training.critic_steps
    steps = [range(step * n, step * n + n) for step in range(_period(config))]
    kinds = [[Turns.of(config, update) for update in updates] for updates in steps]
    return 1 + max(kinds.index(kind) for kind in kinds)


def matmul_peak(dtype: str) -> float:
    """FLOP/s of products of large matrices, the best of some."""
    import tensorflow as tf

    factors = tf.cast(tf.random.stateless_normal((2, _PEAK_SIDE, _PEAK_SIDE), [1, 2]), dtype)
    product = tf.function(lambda x: tf.linalg.matmul(x[0], x[1])[0, 0])
    seconds = []
    for _ in range(_PEAK_REPEATS):
        started = time.perf_counter()
        product(factors).numpy()
        seconds.append(time.perf_counter() - started)
    return 2.0 * _PEAK_SIDE**3 / min(seconds)


def _training(config: TrainConfig, folder: Path, speed: Speed, progress) -> None:
    """Time training steps, then generation by the generator that comes out."""
    from .bundle import load_bundle, save_bundle
    from .training.describe import describe

    progress("reading data", 0.1)
    config, events = read_for(config, folder)
    run, speed.training = time_training(config, events, progress)
    generator = run.networks.averaged
    meta = describe(config, events, run.labels, run.intensity, generator)
    save_bundle(folder / "bundle", meta, generator, run.training.labels, events.sources[0])
    _generation(load_bundle(folder / "bundle"), speed, progress)


def read_for(config: TrainConfig, folder: Path):
    """The configuration with files to read, and the events; toy events if it names no files."""
    from .data.toy.simulate import simulate
    from .training.reading import read_training_events

    data = config.data
    if not data.files:
        toy = folder / "toy.dl1.h5"
        particle = config.particle if config.particle in ("gamma", "proton") else "gamma"
        simulate(particle, max(_TOY_EVENTS, 2 * config.training.batch_size), 1, toy)
        data = data.model_copy(update={"files": [toy], "quality_criteria": []})
    config = config.model_copy(update={"data": data, "output": folder / "run"})
    return config, read_training_events(config)


@dataclass
class _Clock:
    """In the place of a run's monitor: notes when each step ended, also in processor time."""

    total: int
    progress: Callable[[str, float], None]
    times: list[tuple[float, float]] = field(default_factory=list)
    latest: dict[str, float] = field(default_factory=dict)

    def update(self, step: int, values: dict, last: bool = False) -> None:
        """Note the time once the step's results are there."""
        self.latest = {name: float(value) for name, value in values.items()}
        self.times.append((time.perf_counter(), time.process_time()))
        self.progress("training", 0.2 + 0.5 * step / self.total)


def time_training(config: TrainConfig, events, progress: Callable[[str, float], None]):
    """Train a few steps as a run does, data included.

    Returns
    -------
    (training.run.Run, dict of str to float)
        The run, and its figures as in `Speed.training`.
    """
    from .labels import LabelSet
    from .training.folder import with_precision
    from .training.job import set_up_tensorflow
    from .training.networks import computing_in
    from .training.run import Run

    progress("compiling", 0.2)
    set_up_tensorflow()  # as in a real run, where it costs a little
    config = with_precision(config)
    labels = LabelSet.fit(config.labels, events.labels)
    with computing_in(config.training.precision):
        run = Run(config, events, labels, time.monotonic())
        times = _step_ends(run, progress)
    n_warm = _warm_steps(config)
    images = min(config.training.batch_size, len(run.training)) * (len(times) - n_warm)
    flops = training_flops(config, run.networks.generator, run.networks.critic)
    (start, cpu_start), (end, cpu_end) = times[n_warm - 1], times[-1]
    return run, {
        "images_per_second": images / (end - start),
        "cpu_seconds": (cpu_end - cpu_start) / images,
        "flops": flops,
    }


def _step_ends(run, progress) -> list[tuple[float, float]]:
    """When the steps of a run ended, by the clock and in processor time."""
    from .training.loop import Loop
    from .training.schedule import Schedule

    config = run.config
    step = run.new_step()
    clock = _Clock(config.training.steps, progress)
    Loop(
        config,
        step,
        Schedule(config.training, config.warmup, len(run.training)),
        clock,
        batches=run.batches,
        save=lambda number: None,
        restore=_diverged,
        draw=lambda number: None,
    ).run(0)
    return clock.times


def _diverged() -> int:
    raise UserError("The training diverged within a few steps; lower training.learning_rate.")


def training_flops(config: TrainConfig, generator, critic) -> float:
    """FLOP that training needs per generated image, from the shapes of the layers.

    A backward pass costs twice a forward one, and once where only the image's gradient is needed.
    An auxiliary is not counted, label heads are in every step.
    """
    from .models.flops import model_flops

    loss, repeats = config.loss, config.training.critic_steps
    penalty = _PENALTY_PASSES.get(loss.regularizer, 0) / loss.interval
    # Simulated and generated image, there and back; the last step also pushes the generator.
    critic_passes = repeats * (2 * 3 + penalty) + 1
    generator_passes = repeats + 2
    return critic_passes * model_flops(critic) + generator_passes * model_flops(generator)


def _generation(bundle, speed: Speed, progress) -> None:
    from .evaluate.cost import generation_rates
    from .models.flops import model_flops
    from .models.fold import folded
    from .models.precision import best_precision

    progress("generating", 0.7)
    speed.generation = generation_rates(bundle, bundle.label_table, seed=1)
    model = bundle.generator
    as_used = folded(model, best_precision(model))
    speed.generation_flops = {"as_trained": model_flops(model), "as_used": model_flops(as_used)}
    progress("done", 1.0)
