"""Camera displays: images of showers, generated beside simulated, drawn pixel by pixel.

Every figure is a `matplotlib.figure.Figure` of its own, never pyplot's current one, so drawing
from a training callback or a test leaves no global state behind and needs no screen.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import atomic_file

CHARGE_CHANNEL = "image"
TIME_CHANNEL = "peak_time"
CHARGE_COLOURS, TIME_COLOURS = "inferno", "viridis"
LINEAR_CHARGE = 5.0  # p.e.; charges below are shown linearly, above logarithmically
NOISE_SIGMAS = 4.0  # peak times are drawn only where the charge stands out this far
PANEL_INCHES = 2.1
FIELD_OF_VIEW = 1.15  # half width of a panel in camera radii; sources may lie just outside
NOISE_FLOOR = 0.5  # p.e.; keeps the threshold above zero in an image without noise


@dataclass(frozen=True)
class Panel:
    """One camera image of a figure: what is drawn, in which colours."""

    values: np.ndarray
    colours: str
    norm: object
    label: str


def event_titles(labels) -> list[str]:
    """
    Name each event by what it was requested with, e.g. ``"3.2 TeV, 1.1°"``.

    Parameters
    ----------
    labels : astropy.table.Table
        Label table; uses ``true_energy`` [TeV], ``fov_lon`` and ``fov_lat`` [deg].

    Returns
    -------
    list of str
        One title per row; what is unknown (NaN or no such column) is left out.
    """
    energy = _column(labels, "true_energy")
    offset = np.hypot(_column(labels, "fov_lon"), _column(labels, "fov_lat"))
    titles = []
    for tev, degrees in zip(energy, offset, strict=True):
        parts = []
        if np.isfinite(tev):
            parts.append(f"{tev:.3g} TeV")
        if np.isfinite(degrees):
            parts.append(f"{degrees:.2f}°")
        titles.append(", ".join(parts))
    return titles


def source_positions(labels) -> np.ndarray | None:
    """
    Source position of each event in the camera, as `pairs_figure` wants it.

    Parameters
    ----------
    labels : astropy.table.Table
        Label table with ``cam_coord_offset_x`` and ``cam_coord_offset_y`` [m].

    Returns
    -------
    numpy.ndarray of shape (n, 2) or None
        Positions [m] in dl1-data-handler's derotated camera frame; None without the columns.
    """
    xy = np.stack([_column(labels, f"cam_coord_offset_{axis}") for axis in "xy"], axis=1)
    return xy if np.isfinite(xy).any() else None


def draw_pairs(target: Path, geometry, generated: np.ndarray, **options) -> None:
    """
    Draw the figure of `pairs_figure`, whose arguments follow ``target``, to a PNG.

    Parameters
    ----------
    target : pathlib.Path
        PNG file to write; an existing one is replaced.
    """
    with atomic_file(Path(target), overwrite=True) as part:
        pairs_figure(geometry, generated, **options).savefig(part, format="png", dpi=90)


def pairs_figure(
    geometry,
    generated: np.ndarray,
    *,
    real: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    source_xy: np.ndarray | None = None,
    channels: Sequence[str] = (CHARGE_CHANNEL, TIME_CHANNEL),
    columns: int = 4,
    heading: str = "",
    names: tuple[str, str] = ("simulated", "generated"),
):
    """
    Draw generated camera images, each under the simulated one of the same labels.

    The two images of a pair share one colour scale. Charges are drawn on an asinh scale (night-sky
    noise stays visible beside the shower), peak times only where the charge stands out of the
    noise.

    Parameters
    ----------
    geometry : ctapipe.instrument.CameraGeometry
        Camera as in the DL1 file (not derotated); it is left untouched.
    generated : numpy.ndarray of shape (n, n_pixels, n_channels)
        Generated images [p.e., ns].
    real : numpy.ndarray of shape (n, n_pixels, n_channels), optional
        Simulated images of the same labels; left out, only the generated ones are drawn.
    titles : sequence of str, optional
        One title per event, see `event_titles`.
    source_xy : numpy.ndarray of shape (n, 2), optional
        Source positions [m] in the derotated camera frame (``cam_coord_offset_x/y``), marked by a
        star; see `source_positions`.
    channels : sequence of str
        Name of each channel of the images.
    columns : int
        Events per line.
    heading : str
        Line above the figure.
    names : (str, str)
        What to call the two images of a pair.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    derotated = _derotate(geometry)
    n_events = len(generated)
    columns = max(1, min(columns, n_events))
    stacks = [
        _panels_of_event(generated[i], None if real is None else real[i], channels, names)
        for i in range(n_events)
    ]
    n_panels = len(stacks[0]) if stacks else 1
    lines = max(1, -(-n_events // columns))

    size = (PANEL_INCHES * 1.2 * columns, PANEL_INCHES * n_panels * lines + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(heading or None)
    axes = figure.subplots(n_panels * lines, columns, squeeze=False)
    display_class = _display_class()
    for axis in axes.flat:
        axis.set_axis_off()
    for event, panels in enumerate(stacks):
        line, column = divmod(event, columns)
        cells = axes[line * n_panels : (line + 1) * n_panels, column]
        star = None if source_xy is None else source_xy[event]
        displays = _draw_event(display_class, cells, derotated, panels, star)
        cells[0].set_title(
            "\n".join(filter(None, (titles[event] if titles else "", panels[0].label)))
        )
        _colour_bars(figure, cells, panels, displays)
    for axis in axes.flat:
        axis.title.set_fontsize(8)
    return figure


def _derotate(geometry):
    """Copy of a camera in dl1-data-handler's frame, where pixel rows are horizontal."""
    import astropy.units as u

    derotated = copy.deepcopy(geometry)
    derotated.rotate(derotated.pix_rotation)
    # CameraDisplay undoes cam_rotation before drawing; the turn above must stay.
    derotated.cam_rotation = 0 * u.deg
    return derotated


def _panels_of_event(generated, real, channels, names) -> list[Panel]:
    """Panels of one event from top to bottom: per channel the simulated, then the generated."""
    pair = [("", generated)] if real is None else list(zip(names, (real, generated), strict=True))
    panels = []
    for index, channel in enumerate(channels):
        images = [image[:, index].astype(float) for _, image in pair]
        if "peak_time" in channel and CHARGE_CHANNEL in channels:
            charge_index = channels.index(CHARGE_CHANNEL)
            charges = [image[:, charge_index] for _, image in pair]
            images = [
                np.where(charge > _signal_threshold(charge), time, np.nan)
                for time, charge in zip(images, charges, strict=True)
            ]
        norm, colours = _colour_scale(channel, images)
        for (label, _), image in zip(pair, images, strict=True):
            panels.append(Panel(image, colours, norm, label))
    return panels


def _signal_threshold(charge: np.ndarray) -> float:
    """Charge [p.e.] above which a pixel stands out of the image's own noise."""
    # The lower half of the charges is night sky alone, so its spread is the noise's.
    low, median = np.percentile(charge, [16, 50])
    return median + NOISE_SIGMAS * max(median - low, NOISE_FLOOR)


def _colour_scale(channel: str, images: list[np.ndarray]):
    """Colour normalisation shared by the images of a pair, and the colour map's name."""
    from matplotlib.colors import AsinhNorm, Normalize

    finite = np.concatenate([image[np.isfinite(image)] for image in images])
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if "peak_time" in channel:
        # The extremes belong to single noisy pixels, the shower to the bulk.
        low, high = np.percentile(finite, [5, 95]) if finite.size else (0.0, 1.0)
        return Normalize(low, max(high, low + 1.0)), TIME_COLOURS
    high = max(high, low + 1e-3)
    return AsinhNorm(linear_width=LINEAR_CHARGE, vmin=low, vmax=high), CHARGE_COLOURS


def _display_class() -> type:
    """A CameraDisplay for one figure, whose panels share the pixels' outlines.

    Making a thousand outlines takes longer than everything else about a panel.
    """
    from ctapipe.visualization import CameraDisplay

    outlines = []

    class SharingDisplay(CameraDisplay):
        @staticmethod
        def create_patches(**pixels):
            if not outlines:
                outlines.extend(CameraDisplay.create_patches(**pixels))
            return outlines

    return SharingDisplay


def _draw_event(display_class, cells, geometry, panels: list[Panel], star) -> list:
    """Draw one event's panels into its column of cells; returns their displays."""
    radius = np.hypot(geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m")).max()
    half_width = FIELD_OF_VIEW * radius
    displays = []
    for axis, panel in zip(cells, panels, strict=True):
        axis.set_axis_on()
        display = display_class(
            geometry, ax=axis, title="", cmap=panel.colours, autoupdate=False, show_frame=False
        )
        display.image = np.asarray(panel.values, dtype=float)
        display.pixels.set_norm(panel.norm)
        display.pixels.set(edgecolor="face", linewidth=0.3)  # no white seams between pixels
        axis.set_title(panel.label)
        axis.set(xticks=[], yticks=[], xlabel="", ylabel="", facecolor="0.85")
        axis.set_aspect("equal", "box")
        axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
        if star is not None and np.isfinite(star).all():
            axis.plot(*star, "*", color="cyan", markeredgecolor="black", markersize=9, zorder=9)
        displays.append(display)
    return displays


def _colour_bars(figure, cells, panels: list[Panel], displays) -> None:
    """One colour bar beside all neighbouring panels that share a scale."""
    start = 0
    for stop in range(1, len(panels) + 1):
        if stop < len(panels) and panels[stop].norm is panels[start].norm:
            continue
        panel = panels[start]
        is_charge = panel.colours == CHARGE_COLOURS
        bar = figure.colorbar(
            displays[start].pixels,
            ax=list(cells[start:stop]),
            ticks=_charge_ticks(panel.norm.vmin, panel.norm.vmax) if is_charge else None,
            format="{x:g}" if is_charge else None,
            shrink=0.8,
            pad=0.02,
        )
        bar.minorticks_off()
        bar.set_label("p.e." if is_charge else "ns", fontsize=7)
        bar.ax.tick_params(labelsize=6)
        start = stop


def _charge_ticks(low: float, high: float) -> list[float]:
    """Round charges [p.e.] inside a range, far enough apart to be read."""
    decades = [digit * 10.0**power for power in range(1, 7) for digit in (1, 3)]
    return [charge for charge in (0.0, *decades) if low <= charge <= high]


def _column(labels, name: str) -> np.ndarray:
    """Label column as floats, all NaN where the table has no such column."""
    if name not in labels.colnames:
        return np.full(len(labels), np.nan)
    return np.asarray(labels[name], dtype=float)
