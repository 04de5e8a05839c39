"""The reference: boosted trees on image parameters, which any network should come near to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import QTable, Table

from ..data.ctlearn_reader import open_ctlearn_reader
from ..data.events import label_table
from ..dl1 import nodes
from ..dl1.subarray import read_subarray
from .predict import events_table

#: Of scikit-learn's histogram-based gradient boosting.
_TREES = {"max_iter": 300, "learning_rate": 0.06, "max_leaf_nodes": 24, "random_state": 0}
_KEYS = ("obs_id", "event_id", "tel_id")
#: Label columns that trees learn for each task of a regression.
_TARGETS = {
    "energy": ("log_true_energy",),
    "cameradirection": ("cam_coord_offset_x", "cam_coord_offset_y"),
    "skydirection": ("fov_lon", "fov_lat"),
}


@dataclass(frozen=True)
class Parameters:
    """Events that pass a CTLearn configuration's quality criteria.

    Attributes
    ----------
    values : ndarray (n, n_parameters)
        DL1 parameters, NaN where not known.
    labels : Table (n rows)
        Event label table.
    subarray : SubarrayDescription
        As in the files.
    """

    values: np.ndarray
    labels: Table
    subarray: object

    @classmethod
    def read(
        cls, content: dict, signal: Sequence[Path], background: Sequence[Path]
    ) -> "Parameters":
        """Read them; the arguments are those of `predict.predict`."""
        from traitlets.config import Config

        with open_ctlearn_reader(signal, Config(content), background) as reader:
            events = reader.example_identifiers
            names = [name for name in reader.dl1b_parameter_colnames if name not in _KEYS]
            values = np.empty((len(events), len(names)))
            for number, tel_id in np.unique([events["file_index"], events["tel_id"]], axis=1).T:
                here = (events["file_index"] == number) & (events["tel_id"] == tel_id)
                h5file = list(reader.files.values())[number]
                table = h5file.get_node(nodes.telescope_table(nodes.PARAMETERS, tel_id))
                rows = table[:][events["table_index"][here]]
                values[here] = np.column_stack([rows[name].astype(float) for name in names])
            return cls(values, label_table(events), read_subarray(next(iter(reader.files))))


def predict_by_trees(tasks: Sequence[str], training: Parameters, test: Parameters) -> QTable:
    """Truth and predictions of test events, as `predict.predict` gives them for a model."""
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(np.isfinite(training.values).any(axis=0))
    pair = training.values[:, known], test.values[:, known]
    # Its threads wait for each other busily, which takes minutes on cores that others use too.
    with threadpool_limits(1):
        found = {task: _predict(task, *pair, training.labels) for task in tasks}
    return events_table(test.labels, found, test.subarray)


def _predict(task: str, values: np.ndarray, test_values: np.ndarray, labels: Table) -> np.ndarray:
    """Outputs (n, k) of a task, as CTLearn's models have them."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if task == "type":
        trees = HistGradientBoostingClassifier(**_TREES)
        return trees.fit(values, labels["true_shower_primary_class"]).predict_proba(test_values)
    trees = HistGradientBoostingRegressor(loss="absolute_error", **_TREES)
    columns = (np.asarray(labels[name]) for name in _TARGETS[task])
    return np.column_stack([trees.fit(values, column).predict(test_values) for column in columns])
