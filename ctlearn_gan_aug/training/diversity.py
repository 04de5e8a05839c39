"""How image parameters of generated events compare with simulated ones of the same labels."""

from dataclasses import dataclass

import numpy as np

#: Distance in standard deviations between an image without cleaned pixel and one that has some.
_MISSING = 2.0
#: Neighbours that span the ball around an image (Naeem et al., arXiv 2002.09797).
_NEIGHBOURS = 5


@dataclass(frozen=True)
class PairDistances:
    """Mean distances, in simulated standard deviations, between images of the same labels.

    If generated images have the distribution of simulated ones given the labels, both are equal.

    Attributes
    ----------
    across : float
        From a simulated image to a generated one.
    within : float
        Between two generated ones.
    """

    across: float
    within: float

    @classmethod
    def of(cls, simulated, first, second, sigma) -> "PairDistances":
        """Distances of two generated samples of the labels of simulated events.

        Parameters
        ----------
        simulated, first, second : ndarray (n, n_parameters)
            Rows of equal labels. An image without a value counts as two standard deviations away
            from one that has it.
        sigma : ndarray (n_parameters,)
            Units of distance.
        """

        def distance(a, b):
            apart = np.abs(a - b) / np.maximum(sigma, 1e-9)
            apart = np.where(np.isnan(a) == np.isnan(b), np.nan_to_num(apart), _MISSING)
            return float(np.mean(apart))

        across = 0.5 * (distance(simulated, first) + distance(simulated, second))
        return cls(across, distance(first, second))

    @property
    def score(self) -> float:
        """Energy score: the smaller, the closer the distributions given the labels.

        Strictly proper in every parameter (Gneiting & Raftery, JASA 102 (2007) 359).
        """
        return self.across - 0.5 * self.within

    @property
    def spread(self) -> float:
        """How much images of equal labels differ, against what simulation asks for.

        1 for the distribution of simulated images, 0 for a generator whose images of equal labels
        are all the same.
        """
        return self.within / self.across if self.across else 1.0


def mean_w1(simulated: np.ndarray, generated: np.ndarray, sigma: np.ndarray) -> float:
    """Wasserstein-1 distance in standard deviations, mean over parameters that have values."""
    from scipy.stats import wasserstein_distance

    found = []
    for a, b, width in zip(simulated.T, generated.T, sigma, strict=True):
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        if len(a) and len(b) and width > 0:
            found.append(wasserstein_distance(a, b) / width)
    return float(np.mean(found)) if found else float("nan")


def coverage(simulated: np.ndarray, generated: np.ndarray, sigma: np.ndarray) -> float:
    """Share of simulated images that have a generated one among their nearest neighbours.

    Naeem et al., arXiv 2002.09797: near is what is no further than the fifth nearest simulated
    image. Two samples of simulation of equal size have 0.97.

    Parameters
    ----------
    simulated, generated : ndarray (n, n_parameters)
        Rows that lack a value are left out.
    sigma : ndarray (n_parameters,)
        Units of distance; parameters that are constant in simulation do not count.
    """
    from scipy.spatial import cKDTree

    varies = sigma > 0
    a, b = (
        x[np.isfinite(x).all(axis=1)] / sigma[varies]
        for x in (simulated[:, varies], generated[:, varies])
    )
    if len(a) <= _NEIGHBOURS:
        return float("nan")
    if not len(b):
        return 0.0
    reach = cKDTree(a).query(a, [_NEIGHBOURS + 1])[0][:, 0]  # the first neighbour is itself
    return float(np.mean(cKDTree(b).query(a)[0] <= reach))
