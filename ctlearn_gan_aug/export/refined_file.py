"""A simulated DL1 file with refined images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tables

from .. import __version__
from ..camera import Camera
from ..dl1 import nodes
from ..dl1.check import check_dl1
from ..dl1.cleaning import reproduce
from ..dl1.columns import decoder
from ..dl1.header import ProductInfo
from ..dl1.replace import Replacement
from ..dl1.subarray import read_subarray
from ..errors import UserError
from ..files import atomic_file, check_new
from ..locks import only_writer
from ..refiner import Refiner, load_refiner

_ACTIVITY = "ctlearn-gan export"
_SUBTYPE = "Refined"
_DESCRIPTION = (
    "Simulated camera images, refined by a network (ctlearn_gan_aug) to look like those of another "
    "domain"
)
#: Of a file's header.
_REFINER = "SYNTHETIC REFINER"
_N_CLEANED = 400


def refiner_context(refiner: Refiner) -> dict[str, str]:
    """What the header of a file with refined images says of the refiner."""
    meta = refiner.meta
    return {
        _REFINER: meta.refiner_id,
        "SYNTHETIC REFINER SOURCE": ",".join(meta.source.get("files", ())),
        "SYNTHETIC REFINER TARGET": ",".join(meta.target.get("files", ())),
    }


@dataclass(frozen=True)
class RefinedFile:
    """An export of refined images that is checked and ready to run.

    Attributes
    ----------
    refiner : Refiner
        What refines.
    source, target : Path
        The simulated file, and the one to write.
    subarray : ctapipe.instrument.SubarrayDescription
        The file's.
    tel_ids : list of int
        Telescopes with the refiner's camera.
    n_images : int
        Images to refine.
    seed : int
        Of the noise.
    overwrite : bool
        Replace an existing file.
    """

    refiner: Refiner
    source: Path
    target: Path
    subarray: object
    tel_ids: list[int]
    n_images: int
    seed: int
    overwrite: bool

    def summary(self) -> str:
        """Description in a few lines."""
        meta = self.refiner.meta
        return "\n".join(
            (
                f"refiner: {self.refiner.path} ({meta.particle}, {meta.camera}, {meta.refiner_id})",
                f"images:  {self.n_images} of {self.source} ({', '.join(meta.channels)})",
                f"seed:    {self.seed}",
                f"output:  {self.target}",
            )
        )

    def write(self, progress: Callable[[int], None] = lambda n_images: None) -> None:
        """Refine and write; the file appears only when it is complete."""
        from ..sampling.refine import ImageRefiner

        refine, n_refined = ImageRefiner(self.refiner, self.seed), 0

        def make(pixels: np.ndarray) -> np.ndarray:
            nonlocal n_refined
            numbers = n_refined + np.arange(len(pixels), dtype=np.int64)
            n_refined += len(pixels)
            return refine(pixels, numbers)

        channels = self.refiner.meta.channels
        replacement = Replacement(
            self.subarray, self.tel_ids, channels, make, self.refiner.cleaning, progress
        )
        context = {"SYNTHETIC SEED": self.seed, **refiner_context(self.refiner)}
        context["SYNTHETIC SOFTWARE"] = f"ctlearn_gan_aug {__version__}"
        product = ProductInfo(_ACTIVITY, _DESCRIPTION, _SUBTYPE, context)
        with only_writer(self.target), atomic_file(self.target, self.overwrite) as part:
            replacement.copy(self.source, part, product)


def plan_refined_file(
    refiner: str | Path,
    source: str | Path,
    target: str | Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
) -> RefinedFile:
    """Check that the images of a DL1 file can be refined into another one.

    Parameters
    ----------
    refiner : path
        The bundle.
    source : path
        Simulated DL1 file.
    target : path
        The DL1 file to write.
    seed : int
        The same seed gives the same images.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    UserError
        If something asked for cannot be done.
    """
    source, target = Path(source), check_new(target, overwrite)
    if source.resolve() == target.resolve():
        raise UserError(f"{target}: would replace the file whose images are refined; rename it.")
    opened = load_refiner(refiner)
    check_dl1(source)
    subarray = read_subarray(source)
    with tables.open_file(source) as h5file:
        _check_unrefined(h5file, opened)
        known = [tel_id for tel_id in subarray.tel_ids if _images(h5file, tel_id) is not None]
        if not known:
            raise UserError(f"{source}: holds no image.")
        tel_ids = _suitable(subarray, known, opened)
        if not tel_ids:
            camera = Camera.from_subarray(subarray, known[0])
            opened.check_suits(source, camera, opened.meta.channels)
        _check_cleaning(h5file, subarray, tel_ids[0], opened)
        n_images = sum(_images(h5file, tel_id).nrows for tel_id in tel_ids)
    return RefinedFile(opened, source, target, subarray, tel_ids, n_images, seed, overwrite)


def _images(h5file: tables.File, tel_id: int) -> tables.Table | None:
    path = nodes.telescope_table(nodes.IMAGES, tel_id)
    table = h5file.get_node(path) if path in h5file else None
    return table if table is not None and table.nrows else None


def _suitable(subarray, tel_ids: list[int], refiner: Refiner) -> list[int]:
    """Telescopes with the refiner's camera; those of one type are alike."""
    by_type = {}
    for tel_id in tel_ids:
        by_type.setdefault(str(subarray.tel[tel_id]), []).append(tel_id)
    return [
        tel_id
        for alike in by_type.values()
        if refiner.camera.same_as(Camera.from_subarray(subarray, alike[0]))
        for tel_id in alike
    ]


def _check_unrefined(h5file: tables.File, refiner: Refiner) -> None:
    name = f"CONTEXT {_REFINER}"
    if name in h5file.root._v_attrs:
        raise UserError(
            f"{h5file.filename}: its images are refined already, by {h5file.root._v_attrs[name]}; "
            f"name the simulated file for {refiner.path}."
        )


def _check_cleaning(h5file: tables.File, subarray, tel_id: int, refiner: Refiner) -> None:
    """Refuse images that were cleaned with other tail cuts than the refiner's."""
    table = _images(h5file, tel_id)
    for name in refiner.meta.channels:
        if name not in table.colnames:
            raise UserError(
                f"{h5file.filename}: has no '{name}', which {refiner.path} refines; use a refiner "
                "trained without."
            )
    rows = table.read(0, _N_CLEANED)
    charges = np.asarray(decoder(table, "image")(rows["image"]), np.float32)
    geometry = subarray.tel[tel_id].camera.geometry
    if not reproduce(refiner.cleaning, charges, rows["image_mask"], geometry):
        cuts = refiner.cleaning
        raise UserError(
            f"{h5file.filename}: its images were not cleaned with {cuts.picture:g} and "
            f"{cuts.boundary:g} p.e. like those that {refiner.path} was trained on; use a refiner "
            "trained with its cleaning."
        )
