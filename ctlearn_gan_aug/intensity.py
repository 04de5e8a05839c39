"""The one transform between p.e./ns and network units, and its inverse.

Charge: ``a = asinh(q / charge_scale) / CHARGE_UNIT``, linear around the night-sky noise and
logarithmic in the shower, negative charges included.

Peak time: ``b = gate(q) * asinh((t - time_center) / time_scale) / TIME_UNIT`` with
``gate(q) = sigmoid((asinh(q / charge_scale) - gate_center) * gate_slope)``. A pixel without signal
has a random time which no network should spend its capacity on: it is gated out. On the way back it
is what the image hides, or drawn from the training distribution of such times at that charge.

Pedestal: what a pixel shows without signal, charge and time. Pulse finders choose the largest of
the night sky's pulses, so its charges are neither centred nor normal; their quantiles are taken
from pixels far from any shower, and a generator need only put the signal on top.
"""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from .errors import UserError
from .intensity_fit import (
    PEDESTAL_SIGMAS,
    TIME_QUANTILES,
    dark_pixels,
    faintest_signal,
    fit_pedestal,
    fit_times,
)

#: Divides asinh so that bright pixels are of order 1 in network units.
CHARGE_UNIT = 2.0
#: Likewise for the asinh of times, which compresses the far outliers of accidental pixels.
TIME_UNIT = 2.0
#: Channels a generator can make.
CHANNELS = ("image", "peak_time")
_GATE_SLOPE = 4.0
_GATE_OPEN = 0.5
#: Keeps from dividing by zero; what a gate hides is there in float32 down to it.
_GATE_LEAST = 1e-12
_LIMITS = ("charge_limits", "time_limits")


@dataclass(frozen=True)
class IntensityTransform:
    """Parameters of the transform, taken from training data by `fit`.

    Attributes
    ----------
    channels : tuple of str
        ``("image",)`` or ``("image", "peak_time")``.
    charge_scale : float
        p.e.; where the transform turns from linear to logarithmic.
    charge_limits : tuple of float
        p.e.; decoded charges are kept inside (training minimum, 2 x training maximum).
    time_center, time_scale : float
        ns; median and robust width of the times of signal pixels.
    time_limits : tuple of float
        ns; extreme training times.
    gate_center, gate_slope : float
        Of the gate, in units of asinh(q / charge_scale).
    noise_charges : list of float
        p.e.; upper edges of the charge bins of ``noise_times``.
    noise_times : list of list of float
        ns; quantiles of the times of pixels in every charge bin, one row per bin.
    pedestal : list of float
        p.e.; charges of pixels far from any signal at the quantiles of `PEDESTAL_SIGMAS`.
    """

    channels: tuple[str, ...]
    charge_scale: float
    charge_limits: tuple[float, float]
    time_center: float = 0.0
    time_scale: float = 1.0
    time_limits: tuple[float, float] = (0.0, 0.0)
    gate_center: float = 0.0
    gate_slope: float = _GATE_SLOPE
    noise_charges: tuple[float, ...] = ()
    noise_times: tuple[tuple[float, ...], ...] = ()
    pedestal: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls, pixels: np.ndarray, masks: np.ndarray, channels, neighbors=None
    ) -> "IntensityTransform":
        """Take scales from data.

        Parameters
        ----------
        pixels : ndarray (n, n_pixels, n_channels)
            p.e., ns.
        masks : ndarray of bool (n, n_pixels)
            Cleaned (signal) pixels.
        channels : sequence of str
            Names of the channels.
        neighbors : sparse matrix (n_pixels, n_pixels), optional
            Of the camera; keeps the faint light around the signal out of the pedestal.

        Raises
        ------
        UserError
            If the images hold no light.
        """
        channels = tuple(channels)
        charge = pixels[..., channels.index("image")]
        if charge.max(initial=0.0) <= max(charge.min(initial=np.inf), 0.0):
            raise UserError("data.files: images hold no light (none above 0 p.e., or all equal).")
        noise = charge[~masks]
        noise = noise if noise.size else charge.ravel()
        width = float(np.subtract(*np.percentile(noise, [84.1, 15.9]))) / 2
        scale = max(4.0 * width or faintest_signal(charge, masks), 1e-3)
        limits = (float(charge.min()), 2.0 * float(charge.max()))
        dark = dark_pixels(masks, neighbors)
        pedestal = fit_pedestal(charge[dark])
        if "peak_time" not in channels:
            return cls(channels, scale, limits, pedestal=pedestal)
        time = pixels[..., channels.index("peak_time")]
        times = fit_times(charge, time, masks, dark, scale)
        return cls(channels, scale, limits, **times, pedestal=pedestal)

    def covering(self, other: "IntensityTransform") -> "IntensityTransform":
        """The same with limits that hold what another one's do, too."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in _LIMITS}
        wide = {n: (min(a[0], b[0]), max(a[1], b[1])) for n, (a, b) in pairs.items()}
        return replace(self, **wide)

    @property
    def has_time(self) -> bool:
        """Whether there is a peak-time channel."""
        return "peak_time" in self.channels

    @property
    def reach(self) -> tuple[float, ...]:
        """Largest absolute value of every channel in network units."""
        charge = math.asinh(self.charge_limits[1] / self.charge_scale) / CHARGE_UNIT
        if not self.has_time:
            return (charge,)
        latest = max(abs(limit - self.time_center) for limit in self.time_limits)
        return charge, math.asinh(latest / self.time_scale) / TIME_UNIT

    @property
    def gate(self) -> tuple[float, float]:
        """Slope and offset of the time gate as a function of the charge in network units."""
        return self.gate_slope * CHARGE_UNIT, -self.gate_slope * self.gate_center

    def encode(self, pixels):
        """Pixels (..., n_channels) in p.e./ns to network units, as a tensor of Keras' backend."""
        from keras import ops

        asinh = arcsinh(pixels[..., :1] / self.charge_scale)
        if not self.has_time:
            return asinh / CHARGE_UNIT
        gate = ops.sigmoid((asinh - self.gate_center) * self.gate_slope)
        time = arcsinh((pixels[..., 1:2] - self.time_center) / self.time_scale)
        return ops.concatenate([asinh / CHARGE_UNIT, gate * time / TIME_UNIT], axis=-1)

    def decode_charge(self, encoded):
        """Charge channel (...) of network units in p.e.; differentiable."""
        from keras import ops

        return self.charge_scale * ops.sinh(encoded[..., 0] * CHARGE_UNIT)

    def decode(self, encoded, uniform=None):
        """Network units to p.e./ns, as a tensor of Keras' backend.

        Parameters
        ----------
        encoded : tensor (n, n_pixels, n_channels)
            Network units.
        uniform : tensor (n, n_pixels), optional
            U(0, 1) numbers that choose the times of pixels without signal, where those in the
            image mean nothing. By default all times are the image's own, as `encode` hides them.
        """
        from keras import ops

        charge = ops.clip(self.decode_charge(encoded), *self.charge_limits)
        if not self.has_time:
            return charge[..., None]
        asinh = encoded[..., 0] * CHARGE_UNIT
        gate = ops.sigmoid((asinh - self.gate_center) * self.gate_slope)
        least = _GATE_LEAST if uniform is None else _GATE_OPEN
        time = ops.sinh(encoded[..., 1] * TIME_UNIT / ops.maximum(gate, least))
        time = self.time_center + self.time_scale * time
        if uniform is not None:
            time = ops.where(gate > _GATE_OPEN, time, self._noise_time(charge, uniform))
        return ops.stack([charge, ops.clip(time, *self.time_limits)], axis=-1)

    def pedestals(self, normal):
        """Pixels without signal in network units, times not gated, as tensors of Keras' backend.

        Parameters
        ----------
        normal : tensor (..., 2 or more)
            Normal numbers; the first chooses the charge, the second the time.

        Returns
        -------
        list of tensor (..., 1)
            One per channel.
        """
        from keras import ops

        step = PEDESTAL_SIGMAS[1] - PEDESTAL_SIGMAS[0]
        position = (normal[..., 0] - PEDESTAL_SIGMAS[0]) / step
        position = ops.clip(position, 0.0, len(self.pedestal) - 1.001)
        charge = _interpolated(self.pedestal, position)
        asinh = arcsinh(charge / self.charge_scale) / CHARGE_UNIT
        if not self.has_time:
            return [asinh[..., None]]
        uniform = 0.5 * (1.0 + ops.erf(normal[..., 1] / math.sqrt(2.0)))
        time = self._noise_time(charge, uniform)
        time = arcsinh((time - self.time_center) / self.time_scale) / TIME_UNIT
        return [asinh[..., None], time[..., None]]

    def _noise_time(self, charge, uniform):
        """Draw times from the training quantiles of the pixel's charge bin."""
        from keras import ops

        edges = np.asarray(self.noise_charges, np.float32)
        row = ops.reshape(ops.searchsorted(edges, ops.reshape(charge, (-1,))), ops.shape(charge))
        row = ops.minimum(row, len(edges) - 1)
        # Below the last quantile, so that the next row of the table stays out of it.
        position = ops.minimum(uniform * (TIME_QUANTILES - 1), TIME_QUANTILES - 1.001)
        return _interpolated(np.ravel(self.noise_times), position, first=row * TIME_QUANTILES)

    def to_dict(self) -> dict:
        """Plain values for YAML; `from_dict` restores the same transform."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, content: dict) -> "IntensityTransform":
        """Inverse of `to_dict`."""
        return cls(**{key: _frozen(value) for key, value in content.items()})


def arcsinh(x):
    """Of numbers, by functions that backends calculate for many at once, which asinh is not."""
    from keras import ops

    size = ops.abs(x)
    return ops.sign(x) * ops.log(size + ops.sqrt(1.0 + ops.square(size)))


def _interpolated(table, position, first=0):
    """Values of a table (n,) between its entries: at ``position``, counted from entry ``first``."""
    from keras import ops

    table = np.asarray(table, np.float32)
    left = ops.cast(position, "int32")
    low, high = (ops.take(table, first + left + i, axis=0) for i in (0, 1))
    return low + (position - ops.cast(left, position.dtype)) * (high - low)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _frozen(value):
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
