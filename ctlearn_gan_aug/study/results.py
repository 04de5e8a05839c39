"""Figures of the complete runs of a study, and of the reference."""

from collections.abc import Sequence
from pathlib import Path

from astropy.table import QTable

from ..files import atomic_file
from .execute import PREDICTIONS, read_record
from .metrics import domains, measure, measure_by_energy
from .plan import ModelRun, is_done, size_name
from .study import Study
from .summary import Model
from .trees import Parameters, predict_by_trees

_ROLES = ("signal", "background")
#: Predictions of the reference, beside its training set.
_TREES = "trees.fits"


def read_models(study: Study) -> list[Model]:
    """Figures of all complete models.

    Raises
    ------
    UserError
        If the settings have been changed since.
    """
    runs = [run for run in study.runs if isinstance(run, ModelRun) and is_done(study.root, run)]
    return [_read(study, run) for run in runs]


def reference(study: Study) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of boosted trees on image parameters, by size and domain, for the first seed.

    They are kept beside their training set.
    """
    found, files = {}, study.config.files
    test: Parameters | None = None
    for size in (*study.config.sizes, *study.config.curve):
        run = next(run for run in study.runs if run.events.size == size)
        folder = study.root / "subsets" / run.events.name
        target = folder / _TREES
        if not folder.is_dir():
            continue
        if not target.exists():
            test = test or _parameters(study, files.test_signal, files.test_background)
            classes = [[folder / role] if (folder / role).is_dir() else [] for role in _ROLES]
            events = predict_by_trees(study.config.tasks, _parameters(study, *classes), test)
            with atomic_file(target) as part:
                events.write(part, format="fits")
        found[size_name(size)] = _by_domain(study, QTable.read(target))
    return found


def _read(study: Study, run: ModelRun) -> Model:
    events = QTable.read(study.root / run.name / PREDICTIONS)
    return Model(
        arm=run.arm,
        size=size_name(run.events.size),
        n_events=sum(map(len, study.pools["signal"].choose(run.events))),
        seed=run.seed,
        figures=_by_domain(study, events),
        by_energy=measure_by_energy(events),
        record=read_record(study, run),
    )


def _by_domain(study: Study, events: QTable) -> dict[str, dict[str, float]]:
    regions = study.config.augment.regions if study.config.augment else None
    return {name: measure(events[mask]) for name, mask in domains(events, regions).items()}


def _parameters(study: Study, signal: Sequence[Path], background: Sequence[Path]) -> Parameters:
    return Parameters.read(study.ctlearn, signal, background)
