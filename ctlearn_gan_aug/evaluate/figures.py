"""Figures of the report, each a PNG of its own."""

from pathlib import Path

import numpy as np

from ..pages import figure_of, save
from .image_fidelity import ImageResult
from .label_fidelity import LabelResult, TypeResult
from .observables import CHARGE_SCALE, title

SIMULATED = "0.35"
GENERATED = "tab:orange"
OTHER = "tab:blue"
_BINS = 40
_COLUMNS = 5


def draw_labels(target: Path, result: LabelResult, type_result: TypeResult | None) -> None:
    """Residuals by energy, migration matrices and type scores.

    Parameters
    ----------
    target : Path
        PNG file.
    result : LabelResult
        Reconstructed energies and directions.
    type_result : TypeResult, optional
        Scores of the particle type.
    """
    figure, axes = figure_of(3, 3)
    energy, direction = (result.metrics[name]["bins"] for name in ("energy", "direction"))
    _by_energy(axes[0, 0], energy, "bias", "energy bias [dex]")
    _by_energy(axes[0, 1], energy, "width68", "energy 68% width [dex]")
    _by_energy(axes[0, 2], direction, "width68", "direction 68% width [deg]")
    _migrations(figure, axes[1], result.metrics["energy"]["migration"])
    _distances(axes[2, 0], result)
    if type_result is None:
        axes[2, 1].set_axis_off()
        axes[2, 2].set_axis_off()
    else:
        _scores(axes[2, 1], type_result)
        _accuracies(axes[2, 2], type_result.metrics["bins"])
    save(figure, target)


def draw_parameters(target: Path, result: ImageResult) -> None:
    """Distributions of all observables and of the pixel charges, side by side."""
    parameters = result.metrics["images"]["parameters"]
    rows = -(-(len(parameters) + 1) // _COLUMNS)
    figure, axes = figure_of(rows, _COLUMNS, width=2.5, height=2.1)
    flat = list(axes.flat)
    for axis, (name, entry) in zip(flat, parameters.items(), strict=False):
        _distribution(axis, result.simulated[name], result.generated[name])
        axis.set_title(f"{title(name)}\nW1 {entry['w1']:.2f} (sim. {entry['w1_null']:.2f})")
    _charge_spectrum(flat[len(parameters)], result)
    for axis in flat[len(parameters) + 1 :]:
        axis.set_axis_off()
    for axis in flat:
        axis.title.set_fontsize(8)
        axis.tick_params(labelsize=7)
    flat[0].legend(fontsize=7)
    save(figure, target)


def _by_energy(axis, bins: list[dict], statistic: str, label: str) -> None:
    """One statistic of residuals against requested energy."""
    centre = [(b["log_energy_low"] + b["log_energy_high"]) / 2 for b in bins]
    # The relative error of a 68% width, and that of a median, from the number of events.
    error = [b["simulated"]["width68"] * 1.25 / np.sqrt(b["n"]) for b in bins]
    for name, colour in (("simulated", SIMULATED), ("generated", GENERATED)):
        values = [b[name][statistic] for b in bins]
        axis.errorbar(centre, values, error, fmt="o-", ms=4, color=colour, label=name)
    if statistic == "bias":
        axis.axhline(0, color="0.8", zorder=0)
    else:
        axis.set_ylim(bottom=0)
    axis.set(xlabel="requested log10 E/TeV", ylabel=label)
    axis.legend(fontsize=8)


def _migrations(figure, axes, migration: dict) -> None:
    """Both migration matrices and their difference."""
    edges = np.array(migration["edges"])
    real, made = (np.array(migration[kind]) for kind in ("simulated", "generated"))
    styles = (
        ("simulated", real, {"cmap": "Blues", "vmin": 0, "vmax": 1}),
        ("generated", made, {"cmap": "Blues", "vmin": 0, "vmax": 1}),
        ("generated minus simulated", made - real, {"cmap": "RdBu_r", "vmin": -0.5, "vmax": 0.5}),
    )
    for axis, (name, matrix, style) in zip(axes, styles, strict=True):
        image = axis.pcolormesh(edges, edges, matrix.T, **style)
        axis.plot(edges[[0, -1]], edges[[0, -1]], color="0.5", lw=0.8)
        axis.set(xlabel="requested log10 E/TeV", ylabel="reconstructed log10 E/TeV", title=name)
        axis.set_aspect("equal")
        figure.colorbar(image, ax=axis, shrink=0.8)


def _accuracies(axis, bins: list[dict]) -> None:
    """Share of images recognised as the generator's particle against requested energy."""
    centre = [(b["log_energy_low"] + b["log_energy_high"]) / 2 for b in bins]
    for name, colour in (("simulated", SIMULATED), ("generated", GENERATED)):
        values = np.array([b[name]["accuracy"] for b in bins])
        error = [np.sqrt(v * (1 - v) / b["n"]) for v, b in zip(values, bins, strict=True)]
        axis.errorbar(centre, values, error, fmt="o-", ms=4, color=colour, label=name)
    axis.set(xlabel="requested log10 E/TeV", ylabel="recognised particle type")
    axis.legend(fontsize=8)


def _scores(axis, result: TypeResult) -> None:
    edges = np.linspace(0, 1, _BINS + 1)
    for values, colour, label in (
        (result.simulated, SIMULATED, "simulated"),
        (result.generated, GENERATED, "generated"),
        (result.other, OTHER, "other particle"),
    ):
        axis.hist(values, edges, histtype="step", density=True, color=colour, label=label)
    axis.set(xlabel="score of the generator's particle", ylabel="density", yscale="log")
    axis.legend(fontsize=8)


def _distances(axis, result: LabelResult) -> None:
    """Angular distance of reconstructed and requested direction."""
    found = {}
    for name in ("simulated", "generated"):
        events = getattr(result, name)["direction"]
        found[name] = np.linalg.norm(events.predicted - events.requested, axis=1)
    _distribution(axis, found["simulated"], found["generated"])
    axis.set(xlabel="direction error [deg]", ylabel="density")


def _distribution(axis, simulated: np.ndarray, generated: np.ndarray) -> None:
    """Two histograms over the range of the simulated values, outliers in the last bins."""
    simulated, generated = (x[np.isfinite(x)] for x in (simulated, generated))
    low, high = np.percentile(simulated, [0.2, 99.8])
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    style = {"histtype": "stepfilled", "color": SIMULATED, "alpha": 0.35, "label": "simulated"}
    axis.hist(np.clip(simulated, low, high), edges, density=True, **style)
    style = {"histtype": "step", "color": GENERATED, "label": "generated"}
    axis.hist(np.clip(generated, low, high), edges, density=True, **style)
    axis.set_yticks([])


def _charge_spectrum(axis, result: ImageResult) -> None:
    simulated, generated = (CHARGE_SCALE * np.sinh(x) for x in result.charges)
    edges = CHARGE_SCALE * np.sinh(np.linspace(*np.arcsinh([-1.0, simulated.max() / 5 + 1]), 60))
    style = {"histtype": "stepfilled", "color": SIMULATED, "alpha": 0.35}
    axis.hist(simulated, edges, density=True, **style)
    axis.hist(generated, edges, density=True, histtype="step", color=GENERATED)
    axis.set_xscale("asinh", linear_width=CHARGE_SCALE)
    axis.set(yscale="log", xticks=[0, 10, 100, 1000], yticks=[])
    axis.xaxis.set_major_formatter("{x:g}")
    entry = result.metrics["images"]["pixel_charge"]
    axis.set_title(f"pixel charge [p.e.]\nW1 {entry['w1']:.2f} (sim. {entry['w1_null']:.2f})")
