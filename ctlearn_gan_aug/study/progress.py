"""A whole study, run after run, and how far it is."""

from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from ..progress import progress
from .execute import execute_apart, read_record
from .plan import Run, is_done, pending
from .study import Study


def execute_all(study: Study) -> None:
    """Do all runs that are not complete, one process each.

    Raises
    ------
    UserError
        If a run fails, the study has been changed since runs of it, or it is interrupted.
    """
    finished = [run for run in study.runs if is_done(study.root, run)]
    seconds = [(run.kind, read_record(study, run)["seconds"]) for run in finished]
    study.check()
    with progress("study") as show:
        for run in pending(study.root, study.runs):
            left = pending(study.root, study.runs)
            number = study.runs.index(run)
            text = f"run {number} of {len(study.runs)}: {run.name}"
            show(1 - len(left) / len(study.runs), text, seconds_left(left, seconds))
            try:
                execute_apart(study, run)
            except KeyboardInterrupt:
                raise UserError(
                    f"{study.root}: interrupted in {run.name}; the same command goes on."
                ) from None
            seconds.append((run.kind, read_record(study, run)["seconds"]))
        show(1.0, "all runs are complete", 0.0)


def seconds_left(runs: Sequence[Run], known: Sequence[tuple[str, float]]) -> float | None:
    """Time that runs will take, from that of complete ones of their kind, or else of any.

    Parameters
    ----------
    runs : sequence of Run
        What is left.
    known : sequence of (str, float)
        Kind and seconds of complete runs.

    Returns
    -------
    float or None
        None if nothing is known yet.
    """
    if not known:
        return None
    mean = np.mean([seconds for _, seconds in known])
    of_kind = {
        kind: np.mean([seconds for other, seconds in known if other == kind]) for kind, _ in known
    }
    return float(sum(of_kind.get(run.kind, mean) for run in runs))
