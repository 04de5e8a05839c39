"""DL1 files with other images of the same events, everything that hangs on images with them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table
from astropy.time import Time

from ..errors import UserError
from . import columns, nodes
from .cleaning import CleaningSettings
from .ending import ImageCounts, close_completely, create
from .header import ProductInfo, write_header
from .parameters import ImageResult, compute
from .rows import INDEX, image_rows
from .skeleton import copy_attributes, start_table
from .subset import blocks

#: Physical units of the channels.
_UNITS = {"image": None, "peak_time": "ns"}


@dataclass
class Replacement:
    """Which images become what.

    Attributes
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        The file's.
    tel_ids : sequence of int
        Telescopes whose images are replaced.
    channels : sequence of str
        ``image`` and optionally ``peak_time``; without it peak times stay as they are.
    make : callable
        Pixel vectors (n, n_pixels, n_channels) in p.e. and ns to others.
    cleaning : CleaningSettings
        Tail cuts for masks and parameters.
    progress : callable
        Is told the number of images just replaced.
    """

    subarray: object
    tel_ids: Sequence[int]
    channels: Sequence[str]
    make: Callable[[np.ndarray], np.ndarray]
    cleaning: CleaningSettings
    progress: Callable[[int], None] = lambda n_images: None
    counts: ImageCounts = field(default_factory=ImageCounts)

    def copy(self, source: str | Path, target: str | Path, product: ProductInfo) -> None:
        """Write ``source`` with the other images to ``target``, a temporary name to be renamed.

        Masks and parameters are computed anew, muon parameters are unknown. All other tables, the
        truth among them, and the way values are stored are as in ``source``.

        Raises
        ------
        UserError
            If the parameters of ``source`` are not those of its images.
        OSError, tables.HDF5ExtError
            If not all of it reached the disk.
        """
        started = Time.now()
        with tables.open_file(source) as old, create(target) as new:
            copy_attributes(old.root, new.root)
            replaced = {
                nodes.telescope_table(group, tel_id)
                for group in (nodes.IMAGES, nodes.PARAMETERS, nodes.MUON)
                for tel_id in self.tel_ids
            }
            for table in old.walk_nodes("/", "Table"):
                if table._v_pathname not in replaced:
                    copy = start_table(table, new)
                    for rows in blocks(table):
                        copy.append(rows)
            for tel_id in self.tel_ids:
                self._replace(old, new, tel_id)
            self.counts.write(new)
            obs_ids = np.unique(new.get_node(nodes.TRIGGER).col("obs_id")).tolist()
            write_header(new, product, obs_ids, started)
            close_completely(new)

    def _replace(self, old: tables.File, new: tables.File, tel_id: int) -> None:
        images, parameters, muons = (
            old.get_node(path) if (path := nodes.telescope_table(group, tel_id)) in old else None
            for group in (nodes.IMAGES, nodes.PARAMETERS, nodes.MUON)
        )
        in_degrees = "camera_frame_hillas_x" not in parameters.colnames
        keys, results = [], []
        for rows, result in self._new_images(images, start_table(images, new), tel_id, in_degrees):
            keys.append(_keys(rows))
            results.append(result.columns)
            self.counts.add(result.mask)
        found = {name: np.concatenate([part[name] for part in results]) for name in results[0]}
        place = _place(parameters, np.concatenate(keys))
        labels = Table({name: parameters.col(name) for name in INDEX})
        values = {name: column[place] for name, column in found.items()}
        copy = start_table(parameters, new)
        copy.append(image_rows(copy, labels, values))
        if muons is not None:
            copy = start_table(muons, new)
            copy.append(image_rows(copy, Table({name: muons.col(name) for name in INDEX}), {}))

    def _new_images(
        self, old: tables.Table, new: tables.Table, tel_id: int, in_degrees: bool
    ) -> Iterator[tuple[np.ndarray, ImageResult]]:
        """Fill a table of images; yields its rows and the parameters of their images."""
        geometry = self.subarray.tel[tel_id].camera.geometry
        decoders = {name: columns.decoder(old, name, _UNITS[name]) for name in self.channels}
        for rows in blocks(old):
            pixels = np.stack([np.asarray(d(rows[n])) for n, d in decoders.items()], axis=-1)
            made = self.make(pixels.astype(np.float32))
            channels = dict(zip(self.channels, np.moveaxis(made, -1, 0), strict=True))
            times = channels.get("peak_time")
            result = compute(
                channels["image"], times, geometry, self.cleaning, use_telescope_frame=in_degrees
            )
            for name, values in channels.items():
                rows[name] = columns.to_stored(new, name, values)
            rows["image_mask"] = result.mask
            new.append(rows)
            self.progress(len(rows))
            yield rows, result


def _place(parameters: tables.Table, keys: np.ndarray) -> np.ndarray:
    """Row of the image (n,) that each row of parameters is of."""
    wanted = _keys(parameters.read())
    order, own_order = (np.lexsort(rows.T) for rows in (keys, wanted))
    if not np.array_equal(keys[order], wanted[own_order]):
        raise UserError(
            f"{parameters._v_file.filename}: {parameters._v_pathname} holds the parameters of "
            "other events than there are images of; process the file again with ctapipe-process."
        )
    place = np.empty(len(wanted), int)
    place[own_order] = order
    return place


def _keys(rows: np.ndarray) -> np.ndarray:
    """What tells images apart, int64 (n, 3)."""
    return np.stack([rows[name].astype(np.int64) for name in INDEX], axis=1)
