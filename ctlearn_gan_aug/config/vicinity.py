"""The ``vicinity`` section of a training: which events the critic sees for a label."""

from typing import Annotated, Literal

from pydantic import PlainValidator, model_validator

from .base import Section
from .values import Labels, Positive

#: In units of the spread of the labels.
_LARGEST = 1e6


def _number_or_auto(value):
    if value == "auto":
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _LARGEST:
        raise ValueError(
            f"must be auto or a number of at least 0, not {value!r}; {_LARGEST:g} is the largest."
        )
    return float(value)


NumberOrAuto = Annotated[float | Literal["auto"], PlainValidator(_number_or_auto)]


class VicinityConfig(Section):
    """Vicinal conditioning on continuous labels (Ding et al., CcGAN, arXiv 2011.07466).

    Lengths are in units of the labels' spread over the training events.

    Attributes
    ----------
    kind : str
        ``hard``: events within ``kappa`` of the label, all alike; ``soft``: any event, with
        probability proportional to exp(-``nu`` distance^2).
    labels : list of str or None
        Labels that are shifted and compared; None takes all but the type.
    sigma : float or "auto"
        Width of the normal shift of every label; auto: the paper's rule of thumb.
    kappa : float or "auto"
        Radius (``hard``); auto: 19 of 20 events have their nearest neighbour within.
    nu : float or "auto"
        Steepness (``soft``); auto: 1 / kappa^2 of the automatic kappa.
    min_events : int or None
        Widen the vicinity of a label until it holds so many events.
    """

    kind: Literal["hard", "soft"] = "hard"
    labels: Labels | None = None
    sigma: NumberOrAuto = "auto"
    kappa: NumberOrAuto = "auto"
    nu: NumberOrAuto = "auto"
    min_events: Positive | None = None

    @model_validator(mode="after")
    def _only_what_counts(self):
        if self.kind == "hard" and self.nu != "auto":
            raise ValueError("nu belongs to kind: soft; a hard vicinity has a kappa.")
        if self.kind == "soft" and self.kappa != "auto":
            raise ValueError("kappa belongs to kind: hard; a soft vicinity has a nu.")
        if self.nu == 0:
            raise ValueError("nu must be larger than 0: at 0 every event suits every label.")
        return self
