"""Regions of the label space and spectra, shared by mixing and export."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from .base import Section
from .values import (
    AngleRange,
    EnergyRange,
    LengthRange,
    Number,
    OffsetRange,
    Part,
    Particle,
    Weight,
)

#: Steeper ones overflow, and leave one end of a region empty.
Index = Annotated[Number, Field(ge=-20, le=20)]
SPECTRA = ("powerlaw", "empirical", "uniform", "fill")
#: What the spectrum fill can look at.
_AXES = ("energy", "energy x offset")
#: Spectra that are named by a word alone.
_WORDS = SPECTRA[1:]


class Spectrum(Section):
    """How energies are distributed inside a region.

    Attributes
    ----------
    kind : str
        ``powerlaw`` (dN/dE ~ E^index), ``empirical`` (as the training events), ``uniform`` (flat
        in log10 E) or ``fill`` (what simulated and generated events together lack for a flat
        distribution, or for a power law if an index is given).
    index : float or None
        Spectral index of a power law, e.g. -2.
    over : str
        What ``fill`` looks at: ``energy``, or ``energy x offset``.
    """

    kind: str = "empirical"
    index: Index | None = None
    over: str = "energy"

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: Any) -> Any:
        """Accept ``empirical``, ``uniform``, ``fill``, ``index=-2`` and ``{index: -2}``."""
        if isinstance(value, str):
            key, _, number = value.partition("=")
            if key.strip() == "index":
                try:
                    return {"kind": "powerlaw", "index": float(number)}
                except ValueError:
                    raise ValueError(f"'{value}' is no spectrum: write index=-2.") from None
            if value not in _WORDS:
                raise ValueError(
                    f"'{value}' is no spectrum: write index=-2, {', '.join(_WORDS[:-1])} or "
                    f"{_WORDS[-1]}."
                )
            return {"kind": value}
        if isinstance(value, dict) and "index" in value and "kind" not in value:
            return {**value, "kind": "powerlaw"}
        return value

    @model_validator(mode="after")
    def _consistent(self):
        if self.kind not in SPECTRA:
            raise ValueError(f"unknown spectrum '{self.kind}': one of {', '.join(SPECTRA)}.")
        if self.kind != "fill" and (self.kind == "powerlaw") != (self.index is not None):
            raise ValueError("a power law needs an index, empirical and uniform have none.")
        if self.over not in _AXES:
            raise ValueError(f"over: '{self.over}' is unknown: one of {', '.join(_AXES)}.")
        if self.over != _AXES[0] and self.kind != "fill":
            raise ValueError("only the spectrum fill looks 'over' something.")
        return self

    def __str__(self):
        if self.kind != "fill":
            return f"E^{self.index:g}" if self.kind == "powerlaw" else self.kind
        shape = "flat" if self.index is None else f"E^{self.index:g}"
        return f"fill {self.over} to {shape}"


class Region(Section):
    """A part of the label space to generate in; an absent limit means the training domain.

    Attributes
    ----------
    particle : str or None
        Key of the generator to use.
    energy : tuple of float or None
        True energy, TeV.
    offset : tuple of float or None
        Angular distance from the camera centre, deg.
    fov_lon, fov_lat : tuple of float or None
        Box on the sky, deg.
    cam_coord_offset_x, cam_coord_offset_y : tuple of float or None
        Box in the camera, m.
    spectrum : Spectrum
        Distribution of energies inside the region.
    weight : float
        Relative number of images among the regions without a fraction of their own.
    fraction : float or None
        Part of every training batch; None shares what is left, by weight.
    """

    particle: Particle | None = None
    energy: EnergyRange | None = None
    offset: OffsetRange | None = None
    fov_lon: AngleRange | None = None
    fov_lat: AngleRange | None = None
    cam_coord_offset_x: LengthRange | None = None
    cam_coord_offset_y: LengthRange | None = None
    spectrum: Spectrum = Spectrum()
    weight: Weight = Field(1.0, gt=0)
    fraction: Part | None = Field(None, gt=0)

    def describe(self) -> str:
        """One line for logs, e.g. ``gamma, energy 3-30 TeV, offset 0-1.5 deg, E^-2``."""
        units = {"energy": "TeV", "offset": "deg", "fov_lon": "deg", "fov_lat": "deg"}
        parts = [self.particle or "any particle"]
        for name in type(self).model_fields:
            limits = getattr(self, name)
            if isinstance(limits, tuple):
                parts.append(f"{name} {limits[0]:g} to {limits[1]:g} {units.get(name, 'm')}")
        return ", ".join([*parts, f"spectrum {self.spectrum}"])
