"""Observed images get labels: those of the simulated events that they are most alike."""

import logging
from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from ..data.events import Events
from ..dl1.parameters import parametrise
from ..intensity import IntensityTransform
from ..models import grid
from ..models.auxiliary import AuxiliaryLoss

log = logging.getLogger(__name__)

#: What names an observed image, which its labels do not replace.
_KEY = ("obs_id", "event_id", "tel_id")
#: Where how much light is, and how much that counts beside a prediction, both by their spread.
_LIGHT, _WEIGHT = ("hillas_intensity", "hillas_fov_lon", "hillas_fov_lat"), 0.3
_TINY = 1e-6
#: Images that are looked at at once.
_BATCH = 256


def with_labels(
    observed: Events, simulated: Events, auxiliary: AuxiliaryLoss, intensity: IntensityTransform
) -> Events:
    """Observed events with true labels of simulated ones.

    Every observed image takes those of the simulated event that the auxiliary predicts most alike
    (predictive mean matching, Little, J. Bus. Econ. Stat. 6 (1988) 287), with light of about the
    same amount at about the same place, which tells the impact. So labels scatter about predictions
    as in simulation, and none is one that no event has.

    Parameters
    ----------
    observed, simulated : Events
        The former without labels.
    auxiliary : AuxiliaryLoss
        Its models predict.
    intensity : IntensityTransform
        Of the generator.

    Returns
    -------
    Events
        The observed images.
    """
    found, known = (_looks(auxiliary, intensity, events) for events in (observed, simulated))
    scale = np.maximum(np.std(known[:, -len(_LIGHT) :], axis=0), _TINY) / _WEIGHT
    for looks in (found, known):
        looks[:, -len(_LIGHT) :] /= scale
    _, nearest = KDTree(known).query(found)
    labels = simulated.labels[nearest]
    for name in _KEY:
        labels[name] = observed.labels[name]
    log.info(
        "%d observed images have the labels of %d of the %d simulated events.",
        *(len(observed), len(np.unique(nearest)), len(simulated)),
    )
    return replace(observed, labels=labels)


def _looks(auxiliary: AuxiliaryLoss, intensity: IntensityTransform, events: Events) -> np.ndarray:
    """What the auxiliary takes events for, and where how much light is: (n, k + `_LIGHT`)."""
    parts = []
    for start in range(0, len(events), _BATCH):
        some = events.select(slice(start, start + _BATCH))
        image = grid.images(intensity.encode(some.pixels[:]), events.camera)
        parts.append(np.hstack([auxiliary.predictions(image), _light(some)]))
    return np.concatenate(parts)


def _light(events: Events) -> np.ndarray:
    """Logarithm of the cleaned charge, p.e., and where it is on the camera, deg: (n, 3)."""
    charges, masks = events.pixels[:][..., events.channels.index("image")], events.masks[:]
    columns = parametrise(charges, masks, None, events.camera.geometry)
    intensity, *place = (np.nan_to_num(columns[name]) for name in _LIGHT)
    return np.stack([np.log10(np.maximum(intensity, 1.0)), *place], axis=1)
