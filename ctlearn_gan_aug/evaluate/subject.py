"""What is evaluated: a generator bundle, or images that lie in DL1 files already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import Bundle, load_bundle
from ..camera import Camera
from ..data.events import read_events
from ..dl1.check import check_dl1
from ..dl1.primaries import PRIMARY_IDS
from ..errors import UserError
from ..files import DL1_SUFFIXES, expand_inputs
from .sample import Sample

_BUNDLE = "bundle.yaml"
_CHANNELS, _GENERATOR = "CONTEXT SYNTHETIC CHANNELS", "CONTEXT SYNTHETIC GENERATOR"
#: Labels at whose edges images of files are looked at, if the training files are known.
_FILE_COLUMNS = ("log_true_energy", "impact_x", "impact_y")


@dataclass(frozen=True)
class Subject:
    """Images to evaluate, or what makes them.

    Attributes
    ----------
    path : Path
        Bundle or first file.
    particle : str
        Primary particle; empty if unknown.
    camera : Camera
        Of all images.
    channels : tuple of str
        Channels of all images.
    quality_criteria : list of (str, str)
        Cuts of the events it is compared with.
    columns : tuple of str
        Label columns that matter.
    identity : str
        Of the generator; empty if unknown.
    bundle : Bundle or None
        The generator.
    images : Sample or None
        Without a bundle: the images.
    training_labels : astropy.table.Table or None
        Labels of the training events, if known.
    """

    path: Path
    particle: str
    camera: Camera
    channels: tuple[str, ...]
    quality_criteria: list[tuple[str, str]]
    columns: tuple[str, ...]
    identity: str
    bundle: Bundle | None = None
    images: Sample | None = None
    training_labels: Any = None

    @property
    def telescope(self) -> str:
        """Telescope type, as data readers select it."""
        return str(self.camera.subarray.tel[self.camera.tel_id])

    def describe(self) -> dict:
        """Plain values for metrics.json."""
        return {
            "path": str(self.path),
            "bundle_id": self.identity,
            "particle": self.particle,
            "camera": self.camera.name if self.bundle is None else self.bundle.meta.camera,
            "channels": list(self.channels),
        }


def open_subject(paths: Sequence[str | Path]) -> Subject:
    """Open a bundle, or read DL1 files and folders of them.

    Raises
    ------
    UserError
        If they are neither, or files of different kinds.
    """
    paths = [Path(path) for path in paths]
    bundles = [path for path in paths if (path / _BUNDLE).is_file()]
    if bundles and len(paths) > 1:
        raise UserError(f"{bundles[0]}: is a bundle; evaluate one bundle at a time.")
    if bundles:
        return _of_bundle(load_bundle(bundles[0]))
    if len(paths) == 1 and paths[0].is_dir() and not _holds_files(paths[0]):
        raise UserError(f"{paths[0]}: is no generator bundle ({_BUNDLE} is missing), nor a folder "
                        "of DL1 files.")  # fmt: skip
    return _of_files(expand_inputs(paths))


def _of_bundle(bundle: Bundle) -> Subject:
    meta = bundle.meta
    return Subject(
        bundle.path,
        meta.particle,
        bundle.camera,
        tuple(meta.channels),
        meta.quality_criteria,
        tuple(bundle.labels.columns),
        meta.bundle_id,
        bundle=bundle,
        training_labels=bundle.label_table,
    )


def _of_files(files: list[Path]) -> Subject:
    for path in files:
        check_dl1(path)
    channels, identity = _header(files)
    events = read_events(files, channels=channels)
    return Subject(
        files[0],
        _particle(files[0], events.labels),
        events.camera,
        channels,
        [],
        _FILE_COLUMNS,
        identity,
        images=Sample.of(events),
    )


def _holds_files(folder: Path) -> bool:
    return any(path.suffix in DL1_SUFFIXES for path in folder.iterdir())


def _header(files: list[Path]) -> tuple[tuple[str, ...], str]:
    """Channels that all files know (all of them if none is named), and the generator's name."""
    import h5py

    channels, identity = ("image", "peak_time"), ""
    for path in files:
        with h5py.File(path) as file:
            texts = [file.attrs.get(name, "") for name in (_CHANNELS, _GENERATOR)]
        named, identity = (x.decode() if isinstance(x, bytes) else str(x) for x in texts)
        if named:
            channels = tuple(name for name in channels if name in named.split(","))
    return channels, identity


def _particle(path: Path, labels) -> str:
    primaries = np.unique(np.asarray(labels["true_shower_primary_id"]))
    if len(primaries) > 1:
        raise UserError(f"{path}: images of several particles cannot be evaluated at once; give "
                        "files of one.")  # fmt: skip
    names = {number: name for name, number in PRIMARY_IDS.items()}
    return names.get(int(primaries[0]), "")
