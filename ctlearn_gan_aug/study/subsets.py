"""Training sets: parts of the training files, as files."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config.study import StudyConfig, Thinning
from ..dl1.check import check_dl1_files
from ..dl1.subset import copy_events, read_showers
from ..errors import UserError
from ..files import expand_inputs, part_name, remove, writing
from .plan import TrainingSet

#: What a training set was made of, beside its files.
_RECORD = "subset.json"


class Pool:
    """Files of a class, and which of their events make a training set.

    Parameters
    ----------
    paths : sequence of path
        DL1 files and folders.
    role : str
        ``signal`` or ``background``.
    thin : Thinning, optional
        The hole.
    """

    def __init__(self, paths: Sequence[str | Path], role: str, thin: Thinning | None = None):
        self.files = expand_inputs(paths)
        check_dl1_files(self.files)
        found = [read_showers(path) for path in self.files]
        self.role, self._thin = role, thin
        self._keys = [keys for keys, _ in found]
        self._energies = [energy for _, energy in found]
        self._energy = np.concatenate(self._energies)

    def choose(self, events: TrainingSet) -> list[np.ndarray]:
        """Keys of the chosen events of every file.

        Of two sizes of the same draw the smaller one is a part of the larger one.

        Raises
        ------
        UserError
            If there are fewer events.
        """
        rng = np.random.default_rng([events.draw, self.role == "signal"])
        order = rng.permutation(len(self._energy))
        if self._thin is not None:
            order = self._thinned(order)
        if events.size is not None and events.size > len(order):
            raise UserError(
                f"sizes: {events.size} events are wanted, but files.{self.role} has {len(order)}"
                f"{' after thinning' if self._thin else ''}; name more files or a smaller size."
            )
        is_chosen = np.zeros(len(self._energy), bool)
        is_chosen[order[: events.size]] = True
        ends = np.cumsum([len(keys) for keys in self._keys])[:-1]
        chosen = np.split(is_chosen, ends)
        return [keys[mask] for keys, mask in zip(self._keys, chosen, strict=True)]

    def check_apart(self, test: "Pool") -> None:
        """Refuse test files with events of the training files.

        Raises
        ------
        UserError
            With the file.
        """
        own = {*zip(*self._identity(), strict=True)}
        for path, keys, energy in zip(test.files, test._keys, test._energies, strict=True):
            shared = own.intersection(zip(keys.tolist(), energy.tolist(), strict=True))
            if shared:
                raise UserError(
                    f"files.test_{self.role}: {path} holds {len(shared)} events of "
                    f"files.{self.role}, and models are to be tested on others; name other files."
                )

    def settings(self, events: TrainingSet) -> dict:
        """All that decides which events make a training set, as plain values."""
        thin = None if self._thin is None else self._thin.model_dump(mode="json")
        files = [str(path.absolute()) for path in self.files]
        return {"files": files, "thin": thin, "size": events.size, "draw": events.draw}

    def _identity(self) -> tuple[list, list]:
        """Keys and energies of all events."""
        return np.concatenate(self._keys).tolist(), self._energy.tolist()

    def _thinned(self, order: np.ndarray) -> np.ndarray:
        """Random order without those events that fall into the hole."""
        low, high = self._thin.energy
        inside = (self._energy[order] >= low) & (self._energy[order] <= high)
        n_kept = round(self._thin.keep * np.count_nonzero(inside))
        return order[~inside | (np.cumsum(inside) <= n_kept)]


def pools(config: StudyConfig) -> dict[str, Pool]:
    """The pools of a study by class."""
    thin = {"signal": config.thin}
    return {
        role: Pool(getattr(config.files, role), role, thin.get(role)) for role in config.classes
    }


def write_subset(folder: Path, pool: Pool, events: TrainingSet) -> Path:
    """Write the files of a training set, unless they are there.

    Several processes may do so at once: the files are equal, and the first ones stay.

    Parameters
    ----------
    folder : Path
        Of the training set; its files go into a folder with the class' name.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    UserError
        If those that are there are of other events.
    """
    target, settings = folder / pool.role, pool.settings(events)
    if target.is_dir():
        if json.loads((target / _RECORD).read_text()) != settings:
            raise UserError(
                f"{target}: was made of other files, or with another hole; choose another output "
                "for the changed study."
            )
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_name(target)
    try:
        with writing(target):
            part.mkdir()
            for number, (path, keys) in enumerate(
                zip(pool.files, pool.choose(events), strict=True)
            ):
                if len(keys):
                    copy_events(path, part / f"{number:03d}_{path.stem}.h5", keys)
            (part / _RECORD).write_text(json.dumps(settings) + "\n")
            _take_name(part, target)
    finally:
        remove(part)
    return target


def _take_name(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was quicker
            raise
