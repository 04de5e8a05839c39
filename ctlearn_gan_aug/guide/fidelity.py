"""What ``ctlearn-gan evaluate`` has found of a generator's labels, by energy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError

METRICS = "metrics.json"
#: Error on generated over error on simulated images, of an independent judge. Where the model's
#: own error exceeds the trend by more, images may miss by `_PART` of that.
MAE_RATIO = (0.8, 1.25)
_PART = 0.5
#: Shift of the median, dex and deg.
BIAS = {"energy": 0.05, "direction": 0.10}
#: Difference of the shares of images that are recognised as their particle.
ACCURACY = 0.10
#: Distance in log10 of the energy at which a measured bin stands for events that are in none.
_NEAR = 0.5
#: Section of the metrics that a CTLearn task is judged by.
_SECTIONS = {
    "energy": "energy",
    "cameradirection": "direction",
    "skydirection": "direction",
    "type": "type",
}


@dataclass(frozen=True)
class Fidelity:
    """Label fidelity of one generator.

    Attributes
    ----------
    path : Path
        Folder of the evaluation.
    bundle_id, particle : str
        Of the generator.
    sections : dict of str to dict
        ``energy``, ``direction`` and, if it was asked for, ``type`` of metrics.json.
    """

    path: Path
    bundle_id: str
    particle: str
    sections: dict[str, dict]

    @classmethod
    def load(cls, folder: str | Path) -> "Fidelity":
        """Read the output folder of ``ctlearn-gan evaluate``.

        Raises
        ------
        UserError
            If it is none.
        """
        folder = Path(folder)
        try:
            metrics = json.loads((folder / METRICS).read_text())
            bundle = metrics["bundle"]
            sections = {name: metrics[name] for name in ("energy", "direction", "type")}
            return cls(folder, bundle["bundle_id"], bundle["particle"], sections)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder}: is no evaluation of a generator ({METRICS}: {error}); name the output "
                "folder of ctlearn-gan evaluate."
            ) from None

    def objection(self, tasks, log_energy: np.ndarray, factors: Mapping[str, float]) -> str | None:
        """Why the generator's labels are not good enough where some events lie; None if they are.

        Parameters
        ----------
        tasks : sequence of str
            Those of the CTLearn model.
        log_energy : ndarray (n,)
            log10 TeV of the test events there.
        factors : mapping of str to float
            By how much the model's error exceeds the trend there, of the tasks of which it does.
        """
        for task in tasks:
            problem = self._of_section(_SECTIONS[task], log_energy, factors.get(task, 1.0))
            if problem is not None:
                return problem
        return None

    def _of_section(self, name: str, log_energy: np.ndarray, factor: float) -> str | None:
        section = self.sections[name]
        if section is None:
            return f"{self.path} says nothing of the type (evaluate with --other)"
        if not section["judge_learnt"]:
            return f"the judge of {self.path} has not learnt the {name} (give more test events)"
        bins = _bins_of(section["bins"], log_energy)
        if not bins:
            return f"{self.path} has too few test events at this energy to judge the {name}"
        for part in bins:
            problem = _problem(name, part, factor)
            if problem is not None:
                low, high = 10.0 ** part["log_energy_low"], 10.0 ** part["log_energy_high"]
                return f"{problem} at {low:.3g} to {high:.3g} TeV"
        return None


def _bins_of(bins: list[dict], log_energy: np.ndarray) -> list[dict]:
    """Measured bins in which the events lie, or the nearest if most of them lie in none."""
    ends = [(part["log_energy_low"], part["log_energy_high"]) for part in bins]
    n_inside = [np.count_nonzero((log_energy >= x) & (log_energy < y)) for x, y in ends]
    found = [part for part, n in zip(bins, n_inside, strict=True) if n]
    if bins and sum(n_inside) < len(log_energy) / 2:
        distance = np.abs(np.mean(ends, axis=1) - np.median(log_energy))
        nearest = int(np.argmin(distance))
        if distance[nearest] > _NEAR:
            return []
        found = [*found, bins[nearest]]
    return found


def _problem(name: str, part: dict, factor: float) -> str | None:
    """What is wrong with the labels in one of the evaluation's bins of energy."""
    if name == "type":
        difference = part["difference"]
        if _beyond(difference, -ACCURACY, ACCURACY):
            return f"a classifier recognises {difference['value']:+.0%} of its images"
        return None
    ratio, shift = part["ratio"]["mae"], part["bias_shift"]
    if _beyond(ratio, MAE_RATIO[0], max(MAE_RATIO[1], 1.0 + _PART * (factor - 1.0))):
        return f"the {name} error on its images is {ratio['value']:.2f} times that on simulation"
    if _beyond(shift, -BIAS[name], BIAS[name]):
        unit = "dex" if name == "energy" else "deg"
        return f"its {name} is shifted by {shift['value']:+.3f} {unit}"
    return None


def _beyond(entry: dict, low: float, high: float) -> bool:
    """Whether a value lies outside of limits, and of what simulation shows against itself."""
    value = entry["value"]
    if value is None:
        return True
    is_null = entry["null_low"] is not None and entry["null_low"] <= value <= entry["null_high"]
    return not (low <= value <= high or is_null)
