"""Events in the vicinity of a label: images for labels at which there is no event.

Continuous labels never repeat, so a critic sees one image per label and may learn events by heart.
Vicinal losses (Ding et al., CcGAN, arXiv 2011.07466) show it ``t = y + eps`` instead of an event's
label ``y``, ``eps`` normal, with the image of an event in the vicinity of ``t``: any within a
radius kappa (hard), or one drawn with weight exp(-nu |y' - t|^2) (soft). Weighting by drawing
rather than in the loss keeps it a property of the data, whatever the loss, and spends no update on
faint weights. Where events are few the vicinity may grow until it holds a minimum number of them
(CcGAN-AVAR, Ding et al., arXiv 2508.01725).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..config.vicinity import VicinityConfig
from ..errors import UserError
from ..labels import LABEL_COLUMNS, LabelSet

log = logging.getLogger(__name__)

#: Soft weights below this are left out, as in the authors' code.
FAINTEST_WEIGHT = 1e-3
#: Separates these random numbers from others of the same seed.
_STREAM = 2011_07466
#: Share of events whose nearest neighbour is within the automatic kappa.
_WITH_NEIGHBOUR = 0.95
#: Events from which the automatic kappa is taken.
_N_MEASURED = 10_000
#: Automatic kappa, in units of the labels' spread, above which images hardly tell labels apart.
_TOO_FAR = 0.5
#: A neighbour at just the radius is inside, whatever the rounding.
_SLACK = 1.0 + 1e-9


@dataclass(frozen=True)
class Vicinity:
    """Draws, for every event of a batch, a label to show and an event from its vicinity.

    Attributes
    ----------
    labels : ndarray float32 (n, n_labels)
        Encoded labels of all events.
    columns : sequence of int
        Those that are shifted and compared; the others stay those of the drawn event.
    sigma : ndarray (n_columns,)
        Width of the shift of every column.
    kappa : float
        Radius; a soft vicinity has nu = 1 / kappa^2.
    soft : bool
        Weigh events by their distance.
    min_events : int or None
        Widen kappa until so many events are within.
    """

    labels: np.ndarray
    columns: Sequence[int]
    sigma: np.ndarray
    kappa: float
    soft: bool = False
    min_events: int | None = None
    _tree: object = field(init=False, repr=False)

    def __post_init__(self):
        from scipy.spatial import cKDTree

        object.__setattr__(self, "_tree", cKDTree(self.labels[:, self.columns]))

    @classmethod
    def of(cls, config: VicinityConfig, labels: LabelSet, encoded: np.ndarray) -> "Vicinity":
        """Vicinity of a configuration.

        Raises
        ------
        UserError
            If a label is not the generator's, or more events are wanted than there are.
        """
        columns = _columns(config.labels, labels)
        if config.min_events is not None and config.min_events > len(encoded):
            raise UserError(
                f"vicinity.min_events: {config.min_events} events cannot be found among the "
                f"{len(encoded)} of the training; lower it."
            )
        points = encoded[:, columns].astype(float)
        sigma = rule_of_thumb(points) if config.sigma == "auto" else config.sigma
        sigma = np.broadcast_to(sigma, (len(columns),))
        soft, given = config.kind == "soft", config.nu if config.kind == "soft" else config.kappa
        if given == "auto":
            kappa = neighbour_distance(points)
            log.info("Vicinity: radius %.2g of the labels' spread.", kappa)
            if kappa > _TOO_FAR:
                log.warning(
                    "Vicinity: among %d labels no event is near another (%.2g of their spread); "
                    "name the two or three that matter in vicinity.labels.",
                    len(columns),
                    kappa,
                )
        else:
            kappa = given**-0.5 if soft else given
        if soft:  # events of equal labels are at distance 0, and nu must be finite
            kappa = max(kappa, 1e-6)
        return cls(encoded, columns, sigma, kappa, soft, config.min_events)

    def draw(self, index: np.ndarray, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Events (B,) and labels to show (B, n_labels) for the events at ``index`` of a batch.

        The same for the same seed and batch number, so that a resumed training goes on alike.
        """
        rng = np.random.default_rng((_STREAM, int(seed), int(number)))
        shift = self.sigma * rng.standard_normal((len(index), len(self.columns)))
        target = self.labels[index][:, self.columns] + shift
        chance = rng.random(len(index))
        events = np.array(
            [_pick(*member, u) for member, u in zip(self.members(target), chance, strict=True)],
            dtype=np.int64,
        )
        shown = self.labels[events].copy()
        shown[:, self.columns] = target
        return events, shown

    def radii(self, target: np.ndarray) -> np.ndarray:
        """Kappa (B,) of every label of ``target`` (B, n_columns), widened where events are few."""
        kappa = np.full(len(target), float(self.kappa))
        if self.min_events is None:
            return kappa
        distance, _ = self._tree.query(target, k=[self.min_events])
        return np.maximum(kappa, distance[:, 0] * _SLACK)

    def members(self, target: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Events in the vicinity of every label, and their weights; the nearest if there is none.

        Parameters
        ----------
        target : ndarray (B, n_columns)
            Labels, the compared columns alone.
        """
        kappa = self.radii(target)
        reach = kappa * (np.sqrt(-np.log(FAINTEST_WEIGHT)) if self.soft else 1.0)
        found = self._tree.query_ball_point(target, reach, return_sorted=True)
        _, nearest = self._tree.query(target)
        members = []
        for point, events, width, fallback in zip(target, found, kappa, nearest, strict=True):
            events = np.array(events or [fallback], dtype=np.int64)
            members.append((events, self._weights(point, events, width)))
        return members

    def _weights(self, point, events, width) -> np.ndarray:
        if not self.soft or len(events) == 1:
            return np.ones(len(events))
        away = self.labels[events][:, self.columns].astype(float) - point
        return np.exp(-np.sum(away**2, axis=1) / width**2)


def rule_of_thumb(points: np.ndarray) -> np.ndarray:
    """CcGAN's width of the shift, (4 s^5 / 3 n)^(1/5) for every column (n, n_columns)."""
    return points.std(axis=0) * (4.0 / (3.0 * len(points))) ** 0.2


def neighbour_distance(points: np.ndarray) -> float:
    """Distance within which most events of different labels have their nearest neighbour.

    CcGAN takes the largest gap between neighbouring labels. Simulated labels are continuous and
    some have long tails, where one gap would set the radius for all; where events are rarer than
    this, the nearest one is taken, or as many as `Vicinity.min_events` wants.
    """
    from scipy.spatial import cKDTree

    different = np.unique(points, axis=0)
    if len(different) < 2:
        return 0.0
    some = different[:: -(-len(different) // _N_MEASURED)]
    distance, _ = cKDTree(different).query(some, k=[2])
    return float(np.quantile(distance, _WITH_NEIGHBOUR))


def _pick(events: np.ndarray, weights: np.ndarray, chance: float) -> int:
    """The event at which the cumulated weights pass ``chance`` of their sum."""
    sums = np.cumsum(weights)
    place = np.searchsorted(sums, chance * sums[-1], side="right")
    return events[min(place, len(events) - 1)]


def _columns(names: Sequence[str] | None, labels: LabelSet) -> list[int]:
    allowed = [name for name in labels.names if name != "type"]
    for name in allowed if names is None else names:
        if name == "type":
            raise UserError(
                "vicinity.labels: the type is a class, nothing lies between its values; remove it."
            )
        if name not in allowed:
            raise UserError(
                f"vicinity.labels: '{name}' is not among the labels that this data informs; "
                f"choose from {', '.join(allowed)}."
            )
    chosen = allowed if names is None else names
    return [labels.columns.index(column) for name in chosen for column, _ in LABEL_COLUMNS[name]]
