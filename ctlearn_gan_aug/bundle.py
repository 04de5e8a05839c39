"""The generator bundle: a folder that is all a trained generator needs to be used.

``bundle.yaml`` (readable description), ``generator.safetensors`` (averaged weights),
``labels.safetensors`` (training label table), ``skeleton.h5`` (structure and configuration of a
training DL1 file, no events), ``critic.safetensors`` (the critic's weights, for a choice among
images). Models are rebuilt from their configuration; no code is loaded.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .bundle_parts import (
    load_tensors,
    model_weights,
    read_description,
    set_weights,
    skeleton_camera,
)
from .camera import Camera
from .config.bundle import BundleMeta
from .config.networks import CodesConfig, CriticConfig, GeneratorConfig
from .errors import UserError
from .files import atomic_folder
from .intensity import IntensityTransform
from .labels import LabelSet

FORMAT_VERSION = 2
_DESCRIPTION, _WEIGHTS, _TABLE, _SKELETON = (
    "bundle.yaml",
    "generator.safetensors",
    "labels.safetensors",
    "skeleton.h5",
)
_CRITIC = "critic.safetensors"


@dataclass
class Bundle:
    """A loaded bundle.

    Attributes
    ----------
    path : Path
        Its folder.
    meta : BundleMeta
        Its description.
    camera : Camera
        Camera with the subarray it belongs to.
    labels : LabelSet
        Labels the generator follows.
    intensity : IntensityTransform
        Between p.e./ns and network units.
    label_table : astropy.table.Table
        Labels of the training events.
    """

    path: Path
    meta: BundleMeta
    camera: Camera
    labels: LabelSet
    intensity: IntensityTransform
    label_table: Any

    @property
    def subarray(self):
        """ctapipe SubarrayDescription of the training files."""
        return self.camera.subarray

    @property
    def tel_id(self) -> int:
        """Telescope whose camera this is."""
        return self.camera.tel_id

    @property
    def skeleton(self) -> Path:
        """Structure of the training DL1 files."""
        return self.path / _SKELETON

    @property
    def cleaning(self):
        """Cleaning settings that reproduce the training files' masks."""
        from .dl1.cleaning import CleaningSettings

        return CleaningSettings(**self.meta.cleaning)

    @functools.cached_property
    def maps(self):
        """Label maps of this camera and label set."""
        from .models.maps import LabelMaps

        return LabelMaps(self.camera, self.labels)

    @functools.cached_property
    def generator(self):
        """The Keras model with its averaged weights."""
        model = new_generator(self.meta.generator, self.camera, self.labels, self.intensity)
        set_weights(model, self.path / _WEIGHTS)
        return model

    @functools.cached_property
    def critic(self):
        """The Keras model that judged the generator's images when it was trained.

        Raises
        ------
        UserError
            If the bundle has none.
        """
        if self.meta.critic is None:
            raise UserError(
                f"{self.path}: holds no critic to choose images by; train it again with this "
                "version, or leave the choice out."
            )
        sizes = self.camera, self.labels, len(self.meta.channels)
        model = new_critic(self.meta.critic, *sizes, self.meta.generator.codes)
        set_weights(model, self.path / _CRITIC)
        return model


def new_generator(
    config: GeneratorConfig,
    camera: Camera,
    labels: LabelSet,
    intensity: IntensityTransform,
    growth=None,
):
    """A generator of the sizes that camera, labels and channels ask for, untrained.

    ``growth`` is how far it has grown, if not fully (`models.growth.Growth`).
    """
    from .models.generator import build_generator
    from .models.maps import LabelMaps

    sizes = LabelMaps(camera, labels).sizes
    gate = intensity.gate
    return build_generator(config, camera.grid_side, sizes, intensity.reach, gate, growth)


def new_critic(
    config: CriticConfig,
    camera: Camera,
    labels: LabelSet,
    n_channels: int,
    codes: CodesConfig | None = None,
    growth=None,
):
    """A critic of the sizes that camera, labels, channels and codes ask for, untrained.

    ``growth`` is how far it has grown, if not fully (`models.growth.Growth`).
    """
    from .models.critic import build_critic
    from .models.maps import LabelMaps

    told = LabelMaps(camera, labels).sizes
    n_codes = codes.size if codes else 0
    sizes = camera.grid_side, told, n_channels, labels.size, n_codes
    return build_critic(config, *sizes, growth)


def save_bundle(
    target: Path, meta: BundleMeta, generator, label_table, skeleton_source: Path, critic=None
) -> None:
    """Write a bundle; the folder appears only when it is complete, replacing an older one.

    Parameters
    ----------
    target : Path
        Folder of the bundle.
    meta : BundleMeta
        Description.
    generator : keras.Model
        Averaged generator.
    label_table : astropy.table.Table
        Labels of the training events, numeric columns.
    skeleton_source : Path
        A training DL1 file.
    critic : keras.Model, optional
        The critic that ``meta.critic`` describes.
    """
    from safetensors.numpy import save_file

    from .dl1.skeleton import make_skeleton

    with atomic_folder(target, overwrite=True) as part:
        text = yaml.safe_dump(meta.model_dump(mode="json"), sort_keys=False, width=100)
        (part / _DESCRIPTION).write_text(text)
        save_file(model_weights(generator), part / _WEIGHTS)
        if critic is not None:
            save_file(model_weights(critic), part / _CRITIC)
        columns = {name: np.ascontiguousarray(label_table[name]) for name in label_table.colnames}
        save_file(columns, part / _TABLE)
        make_skeleton(skeleton_source, part / _SKELETON)


def load_bundle(path: str | Path) -> Bundle:
    """Open a bundle.

    Raises
    ------
    UserError
        If the folder is no bundle, is of another format version, or a part is missing or damaged.
    """
    from astropy.table import Table

    path = Path(path)
    parts = _DESCRIPTION, _WEIGHTS, _TABLE, _SKELETON
    meta = read_description(path, parts, BundleMeta, "generator", FORMAT_VERSION)
    camera = skeleton_camera(path / _SKELETON, meta.tel_id, meta.focal_length_choice)
    return Bundle(
        path,
        meta,
        camera,
        LabelSet.from_dict(meta.labels),
        IntensityTransform.from_dict(meta.intensity),
        Table(load_tensors(path / _TABLE)),
    )
