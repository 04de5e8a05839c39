"""Regions of the label space and spectra, shared by mixing and export."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from .base import Section
from .values import AngleRange, EnergyRange, LengthRange, Number, OffsetRange, Particle, Weight

#: Steeper ones overflow, and leave one end of a region empty.
Index = Annotated[Number, Field(ge=-20, le=20)]
SPECTRA = ("powerlaw", "empirical", "uniform")


class Spectrum(Section):
    """How energies are distributed inside a region.

    Attributes
    ----------
    kind : str
        ``powerlaw`` (dN/dE ~ E^index), ``empirical`` (as the training events) or ``uniform``
        (flat in log10 E).
    index : float or None
        Spectral index of a power law, e.g. -2.
    """

    kind: str = "empirical"
    index: Index | None = None

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: Any) -> Any:
        """Accept ``empirical``, ``uniform``, ``index=-2`` and ``{index: -2}``."""
        if isinstance(value, str):
            key, _, number = value.partition("=")
            if key.strip() == "index":
                try:
                    return {"kind": "powerlaw", "index": float(number)}
                except ValueError:
                    raise ValueError(f"'{value}' is no spectrum: write index=-2.") from None
            if value not in ("empirical", "uniform"):
                raise ValueError(f"'{value}' is no spectrum: write index=-2, empirical or uniform.")
            return {"kind": value}
        if isinstance(value, dict) and "index" in value and "kind" not in value:
            return {**value, "kind": "powerlaw"}
        return value

    @model_validator(mode="after")
    def _consistent(self):
        if self.kind not in SPECTRA:
            raise ValueError(f"unknown spectrum '{self.kind}': one of {', '.join(SPECTRA)}.")
        if (self.kind == "powerlaw") != (self.index is not None):
            raise ValueError("a power law needs an index, the other spectra have none.")
        return self

    def __str__(self):
        return f"E^{self.index:g}" if self.kind == "powerlaw" else self.kind


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
        Relative number of images among the regions.
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

    def describe(self) -> str:
        """One line for logs, e.g. ``gamma, energy 3-30 TeV, offset 0-1.5 deg, E^-2``."""
        units = {"energy": "TeV", "offset": "deg", "fov_lon": "deg", "fov_lat": "deg"}
        parts = [self.particle or "any particle"]
        for name in type(self).model_fields:
            limits = getattr(self, name)
            if isinstance(limits, tuple):
                parts.append(f"{name} {limits[0]:g} to {limits[1]:g} {units.get(name, 'm')}")
        return ", ".join([*parts, f"spectrum {self.spectrum}"])
