"""Figures of the complete runs of a study, and of the reference."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from astropy.table import QTable

from ..data.fingerprint import key
from ..files import atomic_file
from .execute import PREDICTIONS, read_record
from .metrics import domains, measure, measure_by_energy
from .plan import ModelRun, is_done, size_name
from .study import Study
from .summary import Model
from .trees import Parameters, predict_by_trees

_ROLES = ("signal", "background")


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
    """Figures of boosted trees on image parameters, by size and domain, for the first seed."""
    files = study.config.files
    test = cache(lambda: _parameters(study, files.test_signal, files.test_background))
    first = {run.events.size: run.events for run in reversed(study.runs)}
    folders = {size: study.root / "subsets" / events.name for size, events in first.items()}
    return {
        size_name(size): _by_domain(study, _predicted(study, folder, test))
        for size, folder in folders.items()
        if folder.is_dir()
    }


def _predicted(study: Study, folder: Path, test: Callable[[], Parameters]) -> QTable:
    """Predictions of trees that learnt a training set; they are kept in its folder."""
    tasks = study.config.tasks
    target = folder / f"trees-{key({'tasks': tasks, 'ctlearn': study.ctlearn})}.fits"
    if not target.exists():
        classes = [[folder / role] if (folder / role).is_dir() else [] for role in _ROLES]
        events = predict_by_trees(tasks, _parameters(study, *classes), test())
        with atomic_file(target) as part:
            events.write(part, format="fits")
    return QTable.read(target)


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
