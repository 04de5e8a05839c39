"""Kill trainings at random moments, resume them, compare every bit with an uninterrupted one.

    python benchmarks/kills.py [--moments 20] [--seed 1] [--at-a-time 2]

A small run with everything that has a state of its own: a critic with dropout, a regulariser every
few steps, symmetries as often as the critic overfits. It is killed with SIGKILL some random
milliseconds after a random step, anywhere between two writes of its checkpoint or within one, and
resumed by a new process. Generator, its average, critic, optimizers and all random states must end
as those of the run that nobody killed. Exit code 1 if a single bit differs.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

STEPS = 60
#: Longest wait between seeing a step in the checkpoint and the kill, s.
LONGEST_DELAY = 0.05
CHECKPOINT = "checkpoint.safetensors"


def configuration(events: Path, output: Path) -> dict:
    """The run; checkpoints come as fast as they can be written."""
    return {
        "particle": "gamma",
        "data": {"files": [str(events)]},
        "generator": {"architecture": "dcgan", "latent": 8, "channels": [8, 8, 8]},
        "critic": {"architecture": "dcgan", "channels": [8, 8, 8], "dropout": 0.3},
        "loss": {"regularizer": "gradient_penalty", "interval": 4},
        "training": {
            "steps": STEPS,
            "batch_size": 8,
            "decay": 0.3,
            "rise": 0.1,
            "symmetries": "adaptive",
            "checkpoint_every": "0.02 s",
        },
        "output": str(output),
    }


def train_here(config: dict, resume: bool) -> None:
    """Train in this process."""
    from ctlearn_gan_aug.config.base import parse
    from ctlearn_gan_aug.config.train import TrainConfig
    from ctlearn_gan_aug.training import adaptive
    from ctlearn_gan_aug.training.run import train

    # So short a run would hardly leave probability 0; here it gets to about a half.
    adaptive.RISE, adaptive.TARGET = 900, 0.0
    train(parse(TrainConfig, config), resume=resume)


def start(events: Path, output: Path, how: str) -> subprocess.Popen:
    """A process of its own that trains; ``how`` is ``new`` or ``resume``."""
    config = json.dumps(configuration(events, output))
    command = [sys.executable, __file__, "--run", config, how]
    with (output.parent / f"{output.name}.{how}").open("w") as log:
        return subprocess.Popen(command, stderr=log)


def finish(process: subprocess.Popen, output: Path, how: str) -> None:
    """Wait for the end of a run that must not fail."""
    if process.wait():
        log = (output.parent / f"{output.name}.{how}").read_text()
        raise SystemExit(f"{output.name} ({how}) failed:\n{log[-2000:]}")


def step_of(checkpoint: Path) -> int:
    """Step of a checkpoint, -1 before there is one."""
    if not checkpoint.exists():
        return -1
    with safe_open(checkpoint, framework="np") as saved:
        return json.loads(saved.metadata()["progress"])["step"]


def kill_and_resume(events: Path, folder: Path, kill: tuple[int, int, float]) -> tuple[int, int]:
    """Kill a run, resume it to its end; returns the steps of its checkpoint at kill and end.

    Parameters
    ----------
    events, folder : Path
        Training file, folder for the runs.
    kill : (int, int, float)
        Number of the run, step to wait for, seconds to wait on.
    """
    number, step, delay = kill
    output = folder / f"killed_{number:02d}"
    process = start(events, output, "new")
    while process.poll() is None and step_of(output / CHECKPOINT) < step:
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        finish(process, output, "new")
        raise SystemExit(f"{output.name} ended before it was killed")
    reached = step_of(output / CHECKPOINT)
    finish(start(events, output, "resume"), output, "resume")
    return reached, step_of(output / CHECKPOINT)


def differing(first: Path, second: Path) -> list[str]:
    """Names of the variables of two checkpoints that differ in any bit."""
    a, b = load_file(first / CHECKPOINT), load_file(second / CHECKPOINT)
    both = a.keys() & b.keys()
    return sorted(a.keys() ^ b.keys()) + sorted(n for n in both if not _same_bits(a[n], b[n]))


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def kills(moments: int, seed: int, at_a_time: int) -> int:
    """Number of kills after which the resumed run ended otherwise than the uninterrupted one."""
    from ctlearn_gan_aug.data.toy.simulate import simulate

    rng = random.Random(seed)
    plan = [(i, rng.randrange(STEPS // 2), LONGEST_DELAY * rng.random()) for i in range(moments)]
    n_bad = 0
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(at_a_time) as pool:
        folder = Path(temporary)
        events, whole = folder / "gamma.dl1.h5", folder / "whole"
        simulate("gamma", 400, 1, events)
        finish(start(events, whole, "new"), whole, "new")
        reached = pool.map(partial(kill_and_resume, events, folder), plan)
        for (number, step, delay), (killed, ended) in zip(plan, reached, strict=True):
            different = differing(whole, folder / f"killed_{number:02d}")
            n_bad += bool(different)
            verdict = f"differs in {', '.join(different)}" if different else "same to the bit"
            moment = f"killed {1e3 * delay:4.1f} ms after step {step:2d}"
            moment += f", resumed from {killed:2d} to {ended}"
            print(f"{number + 1:3d}  {moment}: {verdict}", flush=True)
        n_variables = len(load_file(whole / CHECKPOINT))
    print(f"{moments - n_bad} of {moments} the same to the bit in {n_variables} variables")
    return n_bad


def main() -> None:
    """Run the benchmark, or in a child process one training."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-a-time", type=int, default=2)
    parser.add_argument("--run", nargs=2, metavar=("CONFIG", "HOW"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        config, how = args.run
        train_here(json.loads(config), resume=how == "resume")
    else:
        sys.exit(1 if kills(args.moments, args.seed, args.at_a_time) else 0)


if __name__ == "__main__":
    main()
