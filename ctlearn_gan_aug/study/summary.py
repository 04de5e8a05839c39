"""Figures of many models put together: over seeds, relative to other arms, as amplification."""

from dataclasses import dataclass

import numpy as np

from ..config.study import BOTH, SIMULATION, SYMMETRIES
from .learning_curve import amplification
from .metrics import DOMAINS, FIGURES

#: Numbers in the records of runs.
_NOTED = ("epochs", "steps", "seconds", "processor_seconds")


@dataclass(frozen=True)
class Model:
    """A trained model and its figures.

    Attributes
    ----------
    arm : str
        What its training set was augmented with.
    size : str
        Name of its size.
    n_events : int
        Simulated signal events it was trained on.
    seed : int
        Its seed.
    figures : dict of str to dict of str to float
        By domain and figure.
    by_energy : list of dict of str to float
        In bins of true energy.
    record : dict
        What its run has noted: epochs, steps, seconds, processor_seconds.
    """

    arm: str
    size: str
    n_events: int
    seed: int
    figures: dict[str, dict[str, float]]
    by_energy: list[dict[str, float]]
    record: dict

    @property
    def errors(self) -> list[str]:
        """Its figures of which less is better."""
        known = self.figures["all"]
        return [name for name, figure in FIGURES.items() if figure.is_error and name in known]


def summarise(models: list[Model]) -> list[dict]:
    """Mean and standard error over seeds of every figure, by size, arm and domain."""
    return [
        {
            "size": size,
            "arm": arm,
            "n_events": group[0].n_events,
            "n_seeds": len(group),
            "domains": {
                domain: {
                    name: mean_and_error([model.figures[domain][name] for model in group])
                    for name in group[0].figures[domain]
                }
                for domain in DOMAINS
            },
            "bins": _mean_bins(group),
        }
        | {name: _mean_of(group, name) for name in _NOTED}
        for (size, arm), group in _grouped(models).items()
    ]


def ratios(models: list[Model], to: str) -> list[dict]:
    """Errors relative to those of another arm, of the same seeds and events."""
    groups, rows = _grouped(models), []
    for (size, arm), group in groups.items():
        base = {model.seed: model for model in groups.get((size, to), [])}
        pairs = [(model, base[model.seed]) for model in group if model.seed in base]
        if arm == to or not pairs:
            continue
        found = {
            domain: {name: mean_and_error(_ratios(pairs, domain, name)) for name in group[0].errors}
            for domain in DOMAINS
        }
        rows.append({"size": size, "arm": arm, "to": to, "n_seeds": len(pairs), "domains": found})
    return rows


def amplifications(models: list[Model], seed: int = 0) -> list[dict]:
    """Amplification factors by size, arm, domain and figure.

    They are read off the learning curve of simulation alone. What generated images add to
    symmetries is read off the learning curve of symmetries, too.
    """
    rows = []
    for base, arms in ((SIMULATION, None), (SYMMETRIES, (BOTH,))):
        curve = LearningCurve.of([model for model in models if model.arm == base])
        if len(curve.sizes) < 2:
            continue
        for (_, arm), group in _grouped(models).items():
            if arm != base and (arms is None or arm in arms):
                rows += [row | {"to": base} for row in curve.amplifications(group, seed)]
    return rows


@dataclass(frozen=True)
class LearningCurve:
    """The models of an arm over the sizes of its training set.

    Attributes
    ----------
    sizes : list of int
        Numbers of events, increasing.
    models : list of dict of int to Model
        By seed, for every size.
    """

    sizes: list[int]
    models: list[dict[int, Model]]

    @classmethod
    def of(cls, models: list[Model]) -> "LearningCurve":
        """The curve of the models of one arm."""
        by_size: dict[int, dict[int, Model]] = {}
        for model in sorted(models, key=lambda model: model.n_events):
            by_size.setdefault(model.n_events, {})[model.seed] = model
        return cls(list(by_size), list(by_size.values()))

    def amplifications(self, group: list[Model], seed: int) -> list[dict]:
        """What the models of another arm and one size are worth, by domain and figure."""
        augmented = {model.seed: model for model in group}
        seeds = sorted(set(augmented).intersection(*self.models))
        first, rows = group[0], []
        for domain in DOMAINS if seeds else ():
            for name in first.errors:
                errors = [
                    [models[s].figures[domain][name] for s in seeds]
                    for models in (*self.models, augmented)
                ]
                if not np.isfinite(errors).all():
                    continue
                *curve, own = np.array(errors)
                rng = np.random.default_rng(seed)
                found = amplification(
                    np.array(self.sizes), np.array(curve), first.n_events, own, rng
                )
                where = {"size": first.size, "arm": first.arm, "domain": domain, "figure": name}
                rows.append(where | {"n_seeds": len(seeds)} | vars(found))
        return rows


def mean_and_error(values) -> dict[str, float]:
    """Mean and its standard error, NaN for a single value."""
    values = np.asarray(values, float)
    n = len(values)
    error = values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return {"mean": float(values.mean()), "error": float(error)}


def _grouped(models: list[Model]) -> dict[tuple[str, str], list[Model]]:
    """Models of equal size and arm, small sizes first."""
    groups: dict[tuple[str, str], list[Model]] = {}
    for model in sorted(models, key=lambda model: model.n_events):
        groups.setdefault((model.size, model.arm), []).append(model)
    return groups


def _ratios(pairs, domain: str, name: str) -> list[float]:
    return [one.figures[domain][name] / other.figures[domain][name] for one, other in pairs]


def _mean_of(group: list[Model], name: str) -> float:
    return float(np.mean([model.record[name] for model in group]))


def _mean_bins(group: list[Model]) -> list[dict]:
    """Mean and standard error over seeds of every figure, in bins of energy."""
    bins: dict[tuple[float, float], list[dict]] = {}
    for model in group:
        for one in model.by_energy:
            bins.setdefault((one["low"], one["high"]), []).append(one)
    return [
        {"low": low, "high": high, "n": same[0]["n"]}
        | {name: mean_and_error([one[name] for one in same]) for name in FIGURES if name in same[0]}
        for (low, high), same in bins.items()
    ]
