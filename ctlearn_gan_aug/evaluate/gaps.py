"""Gaps: regions of energy or offset in which a generator has had no training events."""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from ..units import interval
from .bins import log_energies, offsets

#: Unit of a gap's ends, and a label table's values in that unit, by label.
_LABELS = {
    "energy": ("TeV", lambda labels: 10 ** log_energies(labels)),
    "offset": ("deg", offsets),
}
#: Events that would lie in an interval if there were no gap, from both sides of it.
_EXPECTED = 25
_SMALLEST = {"energy": 0.05, "offset": 0.1}  # dex, deg


@dataclass(frozen=True)
class Gap:
    """An interval of one label.

    Attributes
    ----------
    label : str
        ``energy`` or ``offset``.
    low, high : float
        TeV or deg.
    found : bool
        Found in the training labels, rather than named by the user.
    """

    label: str
    low: float
    high: float
    found: bool = False

    @classmethod
    def parse(cls, label: str, low: str, high: str) -> "Gap":
        """A gap as users write it, e.g. ``energy``, ``1 TeV``, ``2 TeV``.

        Raises
        ------
        UserError
            If it is no gap.
        """
        if label not in _LABELS:
            raise UserError(f"--gap: '{label}' is unknown; there are {', '.join(_LABELS)}.")
        try:
            return cls(label, *interval([low, high], _LABELS[label][0]))
        except UserError as error:
            raise UserError(f"--gap {label}: {error}") from None

    def holds(self, labels) -> np.ndarray:
        """Boolean (n,): events of a label table inside."""
        values = _LABELS[self.label][1](labels)
        return (values > self.low) & (values < self.high)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        unit = _LABELS[self.label][0]
        ends = {"low": self.low, "high": self.high, "unit": unit, "found": self.found}
        return {"label": self.label} | ends


def find_gaps(labels) -> list[Gap]:
    """Intervals without events between regions with many, in a table of training labels.

    An interval is a gap if as wide ones beside it hold 25 events each: by chance it would then
    hardly be empty. The thin ends of a spectrum are none.
    """
    gaps = []
    for label, values in (("energy", log_energies(labels)), ("offset", offsets(labels))):
        values = np.sort(values)
        for i in np.flatnonzero(np.diff(values) > _SMALLEST[label]):
            low, high = values[i], values[i + 1]
            ends = (2 * low - high, low, high, 2 * high - low)
            at = np.searchsorted(values, ends, side="right")
            if min(at[1] - at[0], at[3] - at[2] + 1) >= _EXPECTED:
                ends = (10**low, 10**high) if label == "energy" else (low, high)
                gaps.append(Gap(label, *map(float, ends), found=True))
    return gaps
