"""Observed images get labels: those of the simulated events that the auxiliary takes them for."""

import logging
from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from ..data.events import Events
from ..intensity import IntensityTransform
from ..models import grid
from ..models.auxiliary import AuxiliaryLoss

log = logging.getLogger(__name__)

#: What names an observed image, which its labels do not replace.
_KEY = ("obs_id", "event_id", "tel_id")
#: Images that are looked at at once.
_BATCH = 256


def with_labels(
    observed: Events, simulated: Events, auxiliary: AuxiliaryLoss, intensity: IntensityTransform
) -> Events:
    """Observed events with true labels of simulated ones.

    Every observed image takes those of the simulated event whose predictions by the auxiliary are
    nearest to its own (predictive mean matching, Little, J. Bus. Econ. Stat. 6 (1988) 287). So
    labels scatter about predictions as in simulation, and none is one that no event has.

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
    found, known = (_predictions(auxiliary, intensity, events) for events in (observed, simulated))
    _, nearest = KDTree(known).query(found)
    labels = simulated.labels[nearest]
    for name in _KEY:
        labels[name] = observed.labels[name]
    log.info(
        "%d observed images have the labels of %d of the %d simulated events.",
        *(len(observed), len(np.unique(nearest)), len(simulated)),
    )
    return replace(observed, labels=labels)


def _predictions(
    auxiliary: AuxiliaryLoss, intensity: IntensityTransform, events: Events
) -> np.ndarray:
    """What the auxiliary takes events for, (n, k) as of `AuxiliaryLoss.predictions`."""
    parts = []
    for start in range(0, len(events), _BATCH):
        pixels = events.pixels[start : start + _BATCH]
        image = grid.images(intensity.encode(pixels), events.camera)
        parts.append(np.asarray(auxiliary.predictions(image)))
    return np.concatenate(parts)
