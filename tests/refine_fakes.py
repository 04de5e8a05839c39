"""Refiners that do a known thing to images, without training."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ctlearn_gan_aug.config.refine import TranslatorConfig
from ctlearn_gan_aug.config.refiner import RefinerMeta
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.dl1.cleaning import infer_cleaning
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.refiner import FORMAT_VERSION, new_translator, save_refiner

CONFIG = TranslatorConfig(channels=[4, 6])


def set_random_weights(model, scale: float = 0.3) -> None:
    """Weights of a network that changes images, the same on every backend."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        weights = (
            rng.normal(0, scale / np.sqrt(max(np.prod(w.shape[:-1]), 1)), w.shape)
            for w in layer.get_weights()
        )
        layer.set_weights(list(weights))


def make_refiner(
    source: Path, target: Path, brighter: float | None = None, channels=("image", "peak_time")
) -> Path:
    """A refiner of the images of a file.

    Parameters
    ----------
    source : Path
        DL1 file.
    target : Path
        Folder of the bundle.
    brighter : float, optional
        What it adds to all charges in network units; by default it changes images at random.
    channels : sequence of str
        Of the images.
    """
    events = read_events([source], channels=channels)
    intensity = IntensityTransform.fit(events.pixels, events.masks, channels)
    model = new_translator(CONFIG, events.camera, intensity)
    if brighter is None:
        set_random_weights(model)
    else:
        layer = model.get_layer("change0_value")
        layer.set_weights(
            [np.zeros(w.shape) + (w.ndim == 1) * brighter for w in layer.get_weights()]
        )
    cleaning = infer_cleaning(events.pixels[..., 0], events.masks, events.camera.geometry)
    meta = RefinerMeta(
        format_version=FORMAT_VERSION,
        refiner_id=f"refiner-{brighter}",
        particle="gamma",
        camera=events.camera.name,
        tel_id=events.camera.tel_id,
        focal_length_choice=events.focal_length_choice,
        channels=list(channels),
        intensity=intensity.to_dict(),
        translator=CONFIG,
        cleaning=asdict(cleaning),
        source={"files": [source.name], "n_events": len(events)},
        target={"files": ["other.dl1.h5"], "n_events": 1},
    )
    save_refiner(target, meta, model, source)
    return target
