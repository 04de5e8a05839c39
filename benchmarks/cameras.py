"""Steps the default recipe needs on toy cameras until showers show and follow their energies.

    python benchmarks/cameras.py [--cameras hex271,square2048] [--steps 1500] [--events 3000]
                                 [--output cameras.json]

For each camera, `gamma.yaml` is trained on toy gammas. Every 25 steps the averaged generator makes
an image for each of 400 other gammas' labels. Boosted trees that have learnt energies from the
parameters of simulated images of that camera tell theirs. Two marks are waited for: as many images
with a cleaned pixel as simulated ones, within 20 %, and a correlation of 0.8 between the energies
(log10) found and asked for. A run ends there, with --mark lit at the first mark, with --mark none
after all its steps; with --until at the latest after so many of them, at the rates of the whole.
Results are added to --output, and the table is of all that it holds: cameras can be run one by one.
"""

import argparse
import contextlib
import json
import logging
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ctlearn_gan_aug.config.base import load_yaml, parse
from ctlearn_gan_aug.config.shipped import shipped_config
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.data.events import Events, read_events
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.dl1.cleaning import infer_cleaning
from ctlearn_gan_aug.dl1.parameters import compute
from ctlearn_gan_aug.files import atomic_file
from ctlearn_gan_aug.training.run import train

CAMERAS = ("hex271", "hex1039", "hex1855", "square2048", "square11328")
N_TEST = 400
LIT, CORRELATION = 0.2, 0.8
EVERY = 25
#: What ends a run.
MARKS = {"both": ("lit", "correlation"), "lit": ("lit",), "none": ()}
PARAMETERS = ("hillas_r", "hillas_length", "hillas_width", "hillas_skewness", "hillas_kurtosis")
PARAMETERS += ("concentration_cog", "leakage_intensity_width_2", "timing_slope", "peak_time_std")
HEAD = (
    "| camera | pixels | side | steps to lit | to correlation | lit, correlation at the last look "
    "| simulated | processor s a step: pairs, critic |"
)
LOGARITHMS = ("hillas_intensity", "morphology_n_pixels", "intensity_max")


@dataclass(frozen=True)
class Look:
    """The averaged generator after a number of steps.

    Attributes
    ----------
    step : int
    lit : float
        Share of images with a cleaned pixel.
    correlation : float
        Of the log energies found in the images with those asked for.
    has_critic : bool
        Whether the warm-up is over.
    seconds : float
        Processor time per step since the look before.
    """

    step: int
    lit: float
    correlation: float
    has_critic: bool
    seconds: float


@dataclass
class Result:
    """A camera's run; ``simulated`` is the look at simulated images of the same labels."""

    n_pixels: int
    side: int
    simulated: Look
    looks: list[Look] = field(default_factory=list)

    def steps_to_lit(self) -> float | None:
        """Steps until as many images are lit as simulated ones, None if that was not reached."""
        off = [abs(look.lit / self.simulated.lit - 1.0) for look in self.looks]
        return self._crossing(-np.array(off), -LIT)

    def steps_to_correlation(self) -> float | None:
        """Steps until images follow their energies, None if that was not reached."""
        return self._crossing(np.array([look.correlation for look in self.looks]), CORRELATION)

    def _crossing(self, values: np.ndarray, mark: float) -> float | None:
        """First step at which values reach a mark, between looks by a straight line."""
        reached = np.flatnonzero(values >= mark)
        if not reached.size:
            return None
        last = reached[0] + 1
        return float(np.interp(mark, values[:last][-2:], [x.step for x in self.looks[:last]][-2:]))

    def seconds(self, has_critic: bool) -> float:
        """Processor seconds per step in the warm-up or after it, NaN if there was none."""
        found = [look.seconds for look in self.looks if look.has_critic == has_critic]
        return float(np.median(found)) if found else np.nan

    @classmethod
    def from_dict(cls, content: dict) -> "Result":
        """Inverse of `dataclasses.asdict`."""
        looks = [Look(**look) for look in content["looks"]]
        return cls(**content | {"simulated": Look(**content["simulated"]), "looks": looks})


class Judge:
    """Finds log energies in image parameters, as simulated images of the camera have taught it."""

    def __init__(self, events: Events):
        from sklearn.ensemble import HistGradientBoostingRegressor

        self.geometry = events.camera.geometry
        charges = events.pixels[..., 0]
        self.cleaning = infer_cleaning(charges, events.masks, self.geometry)
        self._trees = HistGradientBoostingRegressor(max_leaf_nodes=16, random_state=0)
        self._trees.fit(self._features(events.pixels)[0], events.labels["log_true_energy"])

    def __call__(self, pixels: np.ndarray, log_energy: np.ndarray) -> tuple[float, float]:
        """Share of lit images, and correlation of the energies found in them with given ones."""
        features, is_lit = self._features(pixels)
        found = self._trees.predict(features)
        if np.ptp(found) == 0:
            return float(is_lit.mean()), 0.0
        return float(is_lit.mean()), float(np.corrcoef(found, log_energy)[0, 1])

    def _features(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters (n, n_parameters), NaN without cleaned pixel, and which images have one."""
        result = compute(pixels[..., 0], pixels[..., 1], self.geometry, self.cleaning)
        is_lit = result.mask.any(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = [np.log10(result.columns[name].astype(float)) for name in LOGARITHMS]
        columns += [result.columns[name].astype(float) for name in PARAMETERS]
        table = np.stack(columns, axis=1)
        table[~is_lit] = np.nan
        return np.where(np.isfinite(table), table, np.nan), is_lit


class Reached(Exception):
    """All that the run was for."""


class Watch:
    """Looks at a run every few steps, and ends it when it has reached its marks."""

    def __init__(self, name: str, judge: Judge, test: Events, marks: tuple[str, ...], until: int):
        self.name, self.judge, self.test, self.marks, self.until = name, judge, test, marks, until
        self.log_energy = np.asarray(test.labels["log_true_energy"])
        simulated = Look(0, *judge(test.pixels, self.log_energy), False, 0.0)
        self.result = Result(test.camera.n_pixels, test.camera.grid_side, simulated)
        self._show(simulated)
        self._started = time.process_time(), 0

    def __call__(self, number: int, run) -> None:
        """Look at the run after a number of steps, if it is time to."""
        if number % EVERY:
            return
        then, before = self._started
        seconds = (time.process_time() - then) / (number - before)
        found = self.judge(run.generate(self.test.labels), self.log_energy)
        look = Look(number, *found, not run.schedule.is_warmup, seconds)
        self.result.looks.append(look)
        self._show(look)
        self._started = time.process_time(), number
        if number >= self.until or (self.marks and self._has_reached()):
            raise Reached

    def _has_reached(self) -> bool:
        return all(getattr(self.result, f"steps_to_{mark}")() for mark in self.marks)

    def _show(self, look: Look) -> None:
        what = f"step {look.step:5d}" if look.step else "simulated "
        text = f"{self.name:12s}{what}  lit {look.lit:.2f}  correlation {look.correlation:.3f}"
        print(text + f"  {look.seconds:.2f} s a step{', critic' * look.has_critic}", flush=True)


def run(name: str, args: argparse.Namespace, folder: Path) -> Result:
    """Train on a camera until it has reached its marks, or its steps are done."""
    files = [folder / f"{part}.dl1.h5" for part in ("train", "test")]
    for i, (path, n) in enumerate(zip(files, (args.events, N_TEST), strict=True)):
        simulate("gamma", n, 2 * args.seed + i, path, camera=name)
    training, test = (read_events([path]) for path in files)
    watch = Watch(name, Judge(training), test, MARKS[args.mark], args.until)
    with contextlib.suppress(Reached):
        train(configuration(args, files[0], folder / "run"), watch=watch)
    return watch.result


def configuration(args: argparse.Namespace, path: Path, output: Path) -> TrainConfig:
    """The default recipe, of a number of steps."""
    shipped = shipped_config("gamma")
    content = load_yaml(shipped)
    content["data"]["files"] = [str(path)]
    content["training"] = content["training"] | {"steps": args.steps, "budget": None}
    content |= {"output": str(output), "seed": args.seed}
    return parse(TrainConfig, content, shipped)


def add(path: Path, name: str, result: Result) -> None:
    """Write a result beside those of other cameras."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results[name] = asdict(result)
    with atomic_file(path, overwrite=True) as part:
        part.write_text(json.dumps(results, indent=1))


def show(results: dict[str, Result]) -> None:
    """The table: steps to the marks, in brackets as parts of their medians over the cameras."""
    lit = {name: result.steps_to_lit() for name, result in results.items()}
    correlation = {name: result.steps_to_correlation() for name, result in results.items()}
    print(HEAD, "|---" * HEAD.count(" |") + "|", sep="\n")
    for name, result in results.items():
        last, simulated = result.looks[-1], result.simulated
        print(f"| {name} | {result.n_pixels} | {result.side} | {_part(lit, name)} |", end=" ")
        print(f"{_part(correlation, name)} | {last.lit:.2f}, {last.correlation:.2f} at", end=" ")
        print(f"{last.step} | {simulated.lit:.2f}, {simulated.correlation:.2f} |", end=" ")
        print(f"{result.seconds(False):.2f}, {result.seconds(True):.2f} |")


def _part(steps: dict[str, float | None], name: str) -> str:
    """Steps of a camera, and their part of the median."""
    if steps[name] is None:
        return "not reached"
    median = np.median([number for number in steps.values() if number is not None])
    return f"{steps[name]:.0f} ({steps[name] / median:.2f})"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", default=",".join(CAMERAS), help="names, with commas")
    parser.add_argument("--steps", type=int, default=1500, help="length of each run")
    parser.add_argument("--events", type=int, default=3000, help="gammas to train on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mark", choices=MARKS, default="both", help="what ends a run")
    parser.add_argument("--until", type=int, default=10**9, help="step that ends it at the latest")
    parser.add_argument("--output", type=Path, default=Path("cameras.json"))
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for name in filter(None, args.cameras.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            add(args.output, name, run(name, args, Path(folder)))
    results = json.loads(args.output.read_text())
    show({name: Result.from_dict(content) for name, content in results.items()})


if __name__ == "__main__":
    main()
