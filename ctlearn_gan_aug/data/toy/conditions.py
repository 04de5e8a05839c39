"""What differs between toy simulations of the same telescope: sky, optics, trigger."""

from dataclasses import dataclass

from ...errors import UserError


@dataclass(frozen=True)
class Conditions:
    """Conditions of a toy simulation; by default the usual ones.

    Attributes
    ----------
    night_sky : float
        Fluctuations of the night sky, as a multiple of the usual ones.
    point_spread : float
        Of the optics, per axis, deg.
    trigger : float
        Threshold of a pixel of the usual size, p.e.; it grows with the pixels' night sky.
    """

    night_sky: float = 1.0
    point_spread: float = 0.035
    trigger: float = 5.0

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 < value < 1000:
                raise UserError(
                    f"{name} is {value:g}; the toy telescope works with values above 0 and below "
                    "1000."
                )


USUAL = Conditions()
