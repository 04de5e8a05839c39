"""Is this file a DL1 file we can read? If not, why, in one sentence."""

import logging
from collections.abc import Sequence
from pathlib import Path

import h5py

from ..errors import UserError

log = logging.getLogger(__name__)

#: Oldest and newest major version of ctapipe's data model that are understood.
_OLDEST, _NEWEST = 6, 7
_VERSION = "CTA PRODUCT DATA MODEL VERSION"
#: Values of ``CTA PROCESS TYPE``.
SIMULATION, OBSERVATION = "Simulation", "Observation"
_OTHER_KIND = {
    SIMULATION: (
        "holds data of type '{kind}', simulated events are needed; a training takes observations "
        "as data.observed."
    ),
    OBSERVATION: (
        "holds data of type '{kind}', observations are needed; a training takes simulated events "
        "as data.files."
    ),
}


def check_dl1_files(paths: Sequence[str | Path], kind: str = SIMULATION) -> None:
    """Check files that are read together, see `check_dl1`; warns if their data models differ.

    Images, labels and pointings mean the same in all data models that are understood. Parameters
    are as the ctapipe that made each file computed them.

    Raises
    ------
    UserError
        As `check_dl1`.
    """
    first_of = {}
    for path in paths:
        check_dl1(path, kind)
        first_of.setdefault(data_model(path), Path(path).name)
    if len(first_of) > 1:
        examples = ", ".join(f"{version} in {name}" for version, name in first_of.items())
        log.warning(
            "The files have several data models (%s): images and labels are read alike, "
            "parameters are as each file has them, and exports follow the first file.",
            examples,
        )


def data_model(path: str | Path) -> str:
    """Version of ctapipe's data model that a file or skeleton has, e.g. ``v7.6.0``."""
    with h5py.File(path) as h5file:
        return _text(h5file.attrs[_VERSION])


def check_dl1(path: str | Path, kind: str = SIMULATION) -> None:
    """Check that ``path`` is a complete DL1 file of simulated, or observed, images and parameters.

    The structure is looked at with h5py only, then the keys of its rows.

    Raises
    ------
    UserError
        If the file is missing, in use, no HDF5, truncated, not ctapipe's DL1, not of this kind,
        without images or parameters, of a data model before v6 or after v7, or has several rows
        for one event.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file.")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a DL1 file (*.dl1.h5).")
    try:
        path.open("rb").close()
        if not h5py.is_hdf5(path):
            raise UserError(f"{path}: is not an HDF5 file; a ctapipe DL1 file is expected.")
        with h5py.File(path) as h5file:
            problem = _problem(h5file, kind)
        problem = problem or _key_problem(path)
    except PermissionError:
        raise UserError(f"{path}: is not readable; check its permissions.") from None
    except (OSError, RuntimeError, KeyError) as error:
        raise UserError(f"{path}: {_why_unreadable(error)}") from error
    if problem:
        raise UserError(f"{path}: {problem}")


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, BlockingIOError) or "unable to lock file" in str(error):
        return (
            "is locked, as another process has it open for writing or its file system knows no "
            "locks; wait for that process, or set HDF5_USE_FILE_LOCKING=FALSE if there is none."
        )
    return "is truncated or damaged; copy or process it again."


def _key_problem(path: Path) -> str | None:
    import tables

    from .keys import key_problem

    with tables.open_file(path) as h5file:
        return key_problem(h5file)


def _problem(h5file: h5py.File, kind: str) -> str | None:
    """What keeps an intact HDF5 file from being usable DL1, None if nothing does."""
    if _VERSION not in h5file.attrs:
        return "is HDF5 but not a ctapipe data product; process it with ctapipe-process."
    version = _text(h5file.attrs[_VERSION])
    if _major(version) < _OLDEST:
        return f"has data model {version}, at least v{_OLDEST}.0.0 is needed; process it again."
    if _major(version) > _NEWEST:
        return (
            f"has data model {version}, newer than v{_NEWEST} that this version of ctlearn-gan-aug "
            "knows; update it or process the file with an older ctapipe."
        )
    found = _text(h5file.attrs.get("CTA PROCESS TYPE", "unknown"))
    if found != kind:
        return _OTHER_KIND[kind].format(kind=found)
    from . import nodes  # takes seconds, for it imports ctapipe

    truth = (nodes.SIMULATION_RUN, nodes.SHOWER, nodes.TELESCOPE_TRIGGER, nodes.POINTING)
    events = (nodes.TRIGGER, *(truth if kind == SIMULATION else ()))
    for node in (*events, *nodes.INSTRUMENT, nodes.IMAGES, nodes.PARAMETERS):
        if linked := _link_on_the_way(h5file, node):
            return f"has a link in the place of {linked}; write the file with ctapipe-merge."
    for node in events:
        if node not in h5file:
            kinds = "simulated, triggered" if kind == SIMULATION else "triggered"
            return f"has no {node}; {kinds} events are needed."
    for node in nodes.INSTRUMENT:
        if node not in h5file:
            return f"has no {node}, so its telescopes are unknown; process it again."
    for node, option in ((nodes.IMAGES, "images"), (nodes.PARAMETERS, "parameters")):
        if node not in h5file or not len(h5file[node]):
            return f"has no DL1 {option}; process it with ctapipe-process --write-{option}."
    return None


def _link_on_the_way(h5file: h5py.File, node: str) -> str | None:
    """First name that stands for something elsewhere, down to a node and the tables in it."""
    group, path = h5file, ""
    for name in node.strip("/").split("/"):
        path = f"{path}/{name}"
        if _is_link(group, name):
            return path
        if name not in group:
            return None
        group = group[name]
    tables = group if isinstance(group, h5py.Group) else ()
    return next((f"{path}/{name}" for name in tables if _is_link(group, name)), None)


def _is_link(group: h5py.Group, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.ExternalLink | h5py.SoftLink)


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _major(version: str) -> int:
    digits = version.lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0
