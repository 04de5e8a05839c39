"""Tail-cut image cleaning on batches, and finding the cuts that made given masks."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse.csgraph import connected_components

_MAX_IMAGES = 400
_ROUNDINGS_PE = (1.0, 0.5, 0.25, 0.1, 0.01)
#: Shares of outliers tolerated when a cut is read off the faintest cleaned pixels.
_OUTLIER_SHARES = (0.0, 0.002, 0.02)
_WHOLE_CUTS = 8
#: Settings whose scores differ by less than this are told apart by their roundness only.
_INDISTINCT = 0.02
#: Share of exact masks that other settings may miss more than the best ones.
_MISSED = 0.1


@dataclass(frozen=True)
class CleaningSettings:
    """Settings of ctapipe's ``tailcuts_clean``.

    Attributes
    ----------
    picture, boundary : float
        Thresholds, p.e.
    keep_isolated : bool
        Keep picture pixels that have no neighbour in picture or boundary.
    min_neighbors : int
        Neighbours above ``picture`` that a picture pixel needs.
    agreement : float
        Fraction of the inspected images whose mask these settings reproduce exactly.
    """

    picture: float = 10.0
    boundary: float = 5.0
    keep_isolated: bool = False
    min_neighbors: int = 2
    agreement: float = field(default=1.0, compare=False)


def clean(images: np.ndarray, geometry, settings: CleaningSettings) -> np.ndarray:
    """Mask of the pixels that survive tail cuts, as ctapipe's ``tailcuts_clean``.

    Parameters
    ----------
    images : ndarray, shape (n, n_pixels)
        Charges, p.e.
    geometry : ctapipe.instrument.CameraGeometry
        The camera.
    settings : CleaningSettings
        The cuts.

    Returns
    -------
    ndarray of bool, shape (n, n_pixels)
    """
    from .tailcuts import tail_cuts

    neighbors = geometry.neighbor_matrix_sparse
    cuts = np.array([settings.picture, settings.boundary], images.dtype)
    return tail_cuts(
        for_kernel(images),
        neighbors.indices,
        neighbors.indptr,
        *cuts,
        settings.keep_isolated,
        settings.min_neighbors,
    )


def for_kernel(array: np.ndarray, dtype=None) -> np.ndarray:
    """``array`` as the compiled loops know it: for other layouts they would compile once more."""
    return np.require(array, dtype, ("C_CONTIGUOUS", "WRITEABLE"))


def infer_cleaning(images: np.ndarray, masks: np.ndarray, geometry) -> CleaningSettings:
    """Find the tail cuts that made ``masks`` from ``images``.

    The faintest cleaned pixel bounds the boundary cut from above, the faintest island the picture
    cut; rounded values below these bounds are tried and the best reproduction wins.

    Parameters
    ----------
    images : ndarray, shape (n, n_pixels)
        Charges, p.e.
    masks : ndarray of bool, shape (n, n_pixels)
        Cleaning masks of the same images.
    geometry : ctapipe.instrument.CameraGeometry
        The camera.

    Returns
    -------
    CleaningSettings
        With the fraction of exactly reproduced masks as ``agreement``; ctapipe's defaults where
        no image has a cleaned pixel.
    """
    if not masks.any():
        return CleaningSettings()
    few = np.linspace(0, len(masks) - 1, min(len(masks), _MAX_IMAGES)).astype(int)
    images, masks = np.nan_to_num(images[few]), np.asarray(masks[few], bool)
    trials = [
        (_score(clean(images, geometry, settings), masks), settings)
        for settings in _trial_settings(images, masks, geometry)
    ]
    best = max(score for score, _ in trials)
    good = [trial for trial in trials if sum(trial[0]) >= sum(best) - _INDISTINCT]
    score, settings = min(good, key=lambda trial: _digits(trial[1]))
    return replace(settings, agreement=score[0])


def reproduce(settings: CleaningSettings, images, masks, geometry) -> bool:
    """Whether tail cuts reproduce masks about as well as the best that can be found.

    Parameters
    ----------
    settings : CleaningSettings
        The cuts.
    images, masks, geometry
        See `infer_cleaning`.
    """
    agreement = np.all(clean(images, geometry, settings) == masks, axis=1).mean()
    return bool(agreement >= infer_cleaning(images, masks, geometry).agreement - _MISSED)


def _trial_settings(images: np.ndarray, masks: np.ndarray, geometry) -> list[CleaningSettings]:
    """Cuts that may have made ``masks``, ctapipe's defaults first."""
    trials = [CleaningSettings()]
    boundaries = _candidates(images[masks])
    islands = _islands(images, masks, geometry)
    for keep_isolated, min_neighbors in ((False, 2), (False, 1), (False, 0), (False, 3), (True, 0)):
        peaks = np.array([x[min_neighbors] for x in islands if len(x) > min_neighbors])
        trials += [
            CleaningSettings(picture, boundary, keep_isolated, min_neighbors)
            for picture in (*_candidates(peaks), *_whole_below(peaks))
            for boundary in boundaries
            if boundary <= picture
        ]
    return list(dict.fromkeys(trials))


def _candidates(charges: np.ndarray) -> list[float]:
    """Cuts just below the faintest of ``charges``, most of them rounded."""
    if len(charges) == 0:
        return []
    lowest = np.quantile(charges, _OUTLIER_SHARES, method="lower")
    rounded = [
        round(float(np.floor(low / step + 1e-6) * step), 6)
        for step in _ROUNDINGS_PE
        for low in lowest
    ]
    return list(dict.fromkeys([*rounded, *map(float, lowest)]))


def _whole_below(charges: np.ndarray) -> list[float]:
    """Whole-numbered cuts further below; few islands bound the picture cut only loosely."""
    if len(charges) == 0:
        return []
    lowest = int(charges.min())
    return [float(cut) for cut in range(max(lowest - _WHOLE_CUTS, 1), lowest)]


def _islands(images: np.ndarray, masks: np.ndarray, geometry) -> list[np.ndarray]:
    """Charges of every island of cleaned pixels, the brightest first.

    A picture cut of k neighbours is no higher than the (k + 1)th of any.
    """
    charges = []
    for image, mask in zip(images, masks, strict=True):
        pixels = np.flatnonzero(mask)
        inside = geometry.neighbor_matrix_sparse[pixels][:, pixels]
        n_islands, island = connected_components(inside, directed=False)
        charges += [np.sort(image[pixels[island == i]])[::-1] for i in range(n_islands)]
    return charges


def _score(found: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Fraction of exactly reproduced masks, then the shared fraction of cleaned pixels."""
    exact = np.all(found == wanted, axis=1).mean()
    either = np.count_nonzero(found | wanted)
    return float(exact), float(np.count_nonzero(found & wanted) / max(either, 1))


def _digits(settings: CleaningSettings) -> int:
    return len(f"{settings.picture:g}{settings.boundary:g}".replace(".", ""))
