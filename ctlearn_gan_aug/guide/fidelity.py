"""What ``ctlearn-gan evaluate`` has found of a generator's labels, by energy."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError

METRICS = "metrics.json"
#: Error on generated over error on simulated images, of an independent judge.
MAE_RATIO = (0.8, 1.25)
#: Shift of the median, dex and deg.
BIAS = {"energy": 0.05, "direction": 0.10}
#: Difference of the shares of images that are recognised as their particle.
ACCURACY = 0.10
#: A cell is judged if this share of its test events lies in bins that evaluate has measured.
_MEASURED = 0.5
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

    def objection(self, tasks, log_energy: np.ndarray) -> str | None:
        """Why the generator's labels are not good enough where some events lie; None if they are.

        Parameters
        ----------
        tasks : sequence of str
            Those of the CTLearn model.
        log_energy : ndarray (n,)
            log10 TeV of the test events there.
        """
        for name in dict.fromkeys(_SECTIONS[task] for task in tasks):
            problem = self._of_section(name, log_energy)
            if problem is not None:
                return problem
        return None

    def _of_section(self, name: str, log_energy: np.ndarray) -> str | None:
        section = self.sections[name]
        if section is None:
            return f"{self.path} says nothing of the type (evaluate with --other)"
        if not section["judge_learnt"]:
            return f"the judge of {self.path} has not learnt the {name} (give more test events)"
        measured = 0
        for part in section["bins"]:
            low, high = part["log_energy_low"], part["log_energy_high"]
            inside = np.count_nonzero((log_energy >= low) & (log_energy < high))
            problem = _problem(name, part) if inside else None
            if problem is not None:
                return f"{problem} at {10**low:.3g} to {10**high:.3g} TeV"
            measured += inside
        if measured < _MEASURED * len(log_energy):
            return f"{self.path} has too few test events at this energy to judge the {name}"
        return None


def _problem(name: str, part: dict) -> str | None:
    """What is wrong with the labels in one of the evaluation's bins of energy."""
    if name == "type":
        difference = part["difference"]
        if _beyond(difference, -ACCURACY, ACCURACY):
            return f"a classifier recognises {difference['value']:+.0%} of its images"
        return None
    ratio, shift = part["ratio"]["mae"], part["bias_shift"]
    if _beyond(ratio, *MAE_RATIO):
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
