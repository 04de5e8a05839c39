"""The refiner's bundle: a folder that is all a trained translator needs to be used.

``refiner.yaml`` (readable description), ``translator.safetensors`` (averaged weights of the
translator from source to target), ``skeleton.h5`` (structure of a source file, no events: the
camera). The model is rebuilt from its configuration; no code is loaded.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .bundle import Bundle
from .bundle_parts import model_weights, read_description, set_weights, skeleton_camera
from .camera import Camera
from .config.refine import TranslatorConfig
from .config.refiner import RefinerMeta
from .errors import UserError
from .files import atomic_folder
from .intensity import CHARGE_UNIT, IntensityTransform

FORMAT_VERSION = 1
_DESCRIPTION, _WEIGHTS, _SKELETON = "refiner.yaml", "translator.safetensors", "skeleton.h5"
#: Part by which tail cuts may differ: they are found from masks, in bright images loosely.
_CUT_TOLERANCE = 0.2


@dataclass
class Refiner:
    """A loaded bundle.

    Attributes
    ----------
    path : Path
        Its folder.
    meta : RefinerMeta
        Its description.
    camera : Camera
        Of the images.
    intensity : IntensityTransform
        Between p.e./ns and network units.
    """

    path: Path
    meta: RefinerMeta
    camera: Camera
    intensity: IntensityTransform

    @property
    def cleaning(self):
        """Cleaning settings of both domains."""
        from .dl1.cleaning import CleaningSettings

        return CleaningSettings(**self.meta.cleaning)

    @functools.cached_property
    def translator(self):
        """The Keras model with its averaged weights."""
        model = new_translator(self.meta.translator, self.camera, self.intensity)
        set_weights(model, self.path / _WEIGHTS)
        return model

    def check_suits(self, origin, camera: Camera, channels: Sequence[str], cleaning=None) -> None:
        """Refuse images that are not such as this refiner was trained on.

        Parameters
        ----------
        origin : path
            Where the images are from, for messages.
        camera : Camera
            Theirs.
        channels : sequence of str
            Theirs.
        cleaning : CleaningSettings, optional
            Theirs, if known.

        Raises
        ------
        UserError
            If camera, channels or tail cuts are others.
        """
        if not self.camera.same_as(camera):
            raise UserError(
                f"{self.path}: refines images of the camera {self.camera.name}, but {origin} has "
                f"{camera.name}; use a refiner trained on this camera."
            )
        if list(channels) != self.meta.channels:
            raise UserError(
                f"{self.path}: refines images with {', '.join(self.meta.channels)}, but {origin} "
                f"has {', '.join(channels)}; use a refiner trained with these channels."
            )
        if cleaning is not None and not _same_cuts(cleaning, self.cleaning):
            ours, theirs = (f"{c.picture:g} and {c.boundary:g}" for c in (self.cleaning, cleaning))
            raise UserError(
                f"{self.path}: was trained on images cleaned with {ours} p.e., but {origin} has "
                f"{theirs}; use a refiner trained with this cleaning."
            )

    def check_generator(self, bundle: Bundle) -> None:
        """Refuse a generator whose images are not such as this refiner was trained on.

        Raises
        ------
        UserError
            See `check_suits`.
        """
        self.check_suits(bundle.path, bundle.camera, bundle.meta.channels, bundle.cleaning)


def new_translator(config: TranslatorConfig, camera: Camera, intensity: IntensityTransform):
    """A translator of the sizes that camera and channels ask for, which changes nothing yet."""
    from .models.translator import build_translator

    slope = intensity.gate_slope
    gate = (slope * CHARGE_UNIT, -slope * intensity.gate_center)
    return build_translator(config, camera.grid_side, len(intensity.channels), gate)


def save_refiner(target: Path, meta: RefinerMeta, translator, skeleton_source: Path) -> None:
    """Write a bundle; the folder appears only when it is complete, replacing an older one.

    Parameters
    ----------
    target : Path
        Folder of the bundle.
    meta : RefinerMeta
        Description.
    translator : keras.Model
        Averaged translator.
    skeleton_source : Path
        A source DL1 file.
    """
    from safetensors.numpy import save_file

    from .dl1.skeleton import make_skeleton

    with atomic_folder(target, overwrite=True) as part:
        text = yaml.safe_dump(meta.model_dump(mode="json"), sort_keys=False, width=100)
        (part / _DESCRIPTION).write_text(text)
        save_file(model_weights(translator), part / _WEIGHTS)
        make_skeleton(skeleton_source, part / _SKELETON)


def is_refiner(path: str | Path) -> bool:
    """Whether a folder is a refiner's bundle, not a generator's."""
    return (Path(path) / _DESCRIPTION).is_file()


def load_refiner(path: str | Path) -> Refiner:
    """Open a bundle.

    Raises
    ------
    UserError
        If the folder is no bundle, is of another format version, or a part is missing or damaged.
    """
    path = Path(path)
    parts = _DESCRIPTION, _WEIGHTS, _SKELETON
    meta = read_description(path, parts, RefinerMeta, "refiner", FORMAT_VERSION)
    camera = skeleton_camera(path / _SKELETON, meta.tel_id, meta.focal_length_choice)
    return Refiner(path, meta, camera, IntensityTransform.from_dict(meta.intensity))


def _same_cuts(one, other) -> bool:
    pairs = (one.picture, other.picture), (one.boundary, other.boundary)
    return all(abs(a - b) <= _CUT_TOLERANCE * max(a, b) for a, b in pairs)
