"""The labels of CTLearn's tasks: from a label table, and whether a bundle's images follow them."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ..errors import UserError
from ..labels import LABEL_COLUMNS

#: Labels of which one must have conditioned the generator for a task to learn from its images.
_CONDITIONS = {
    "type": (),
    "energy": ("energy",),
    "cameradirection": ("cameradirection", "skydirection"),
    "skydirection": ("cameradirection", "skydirection"),
}
#: CTLearn's reconstruction tasks.
TASKS = tuple(_CONDITIONS)


def check_labels(bundle, tasks: Sequence[str]) -> None:
    """Refuse a task CTLearn does not have, or one whose label a bundle's images do not follow."""
    for task in tasks:
        if task not in TASKS:
            raise UserError(f"Task '{task}' is unknown; CTLearn has {', '.join(TASKS)}.")
        wanted = _CONDITIONS[task]
        if wanted and not set(wanted) & set(bundle.labels.names):
            raise UserError(
                f"{bundle.path}: its images do not follow {' or '.join(wanted)} (labels: "
                f"{', '.join(bundle.labels.names)}), so they cannot train the task '{task}'; "
                "train the generator with that label."
            )


def task_labels(tasks: Sequence[str], labels: Table, is_signal: bool) -> dict[str, np.ndarray]:
    """Labels in the shapes of CTLearn's DLDataLoader, float32.

    ``type`` is one-hot (n, 2) with signal at index 1, ``energy`` log10 TeV (n,),
    ``cameradirection`` m (n, 2), ``skydirection`` deg (n, 2).
    """
    result = {}
    for task in tasks:
        if task == "type":
            result[task] = np.tile(np.eye(2, dtype=np.float32)[int(is_signal)], (len(labels), 1))
            continue
        columns = [np.asarray(labels[c], dtype=np.float32) for c, _ in LABEL_COLUMNS[task]]
        result[task] = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    return result
