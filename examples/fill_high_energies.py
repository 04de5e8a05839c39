r"""Fill high energies: few training events lie there, and CTLearn reconstructs energies poorly.

    python examples/fill_high_energies.py --bundle runs/gamma/bundle --training toy/gamma \
        --test toy/test --above "3 TeV" --output results/high_energies

trains CTLearn's energy task on simulated gammas alone, and with a quarter of every batch generated
above 3 TeV, most where the histogram of training events is emptiest (spectrum: fill). Out come

    high_energies.ecsv    training events and energy error by true energy, without and with
    high_energies.png     the same as a figure
    augmented.yaml        the CTLearn configuration with the gan_augment block
    simulation/, augmented/    the models
"""

import json
import math
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable
from common import bins, mean_in_bins, show
from matplotlib.figure import Figure
from without_and_with import arguments, reconstructed

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.guide.reading import read_config, read_labels
from ctlearn_gan_aug.sampling.fill import Cells, lacking


def main(argv: list[str] | None = None) -> QTable:
    """Train, compare, draw; returns the table."""
    parser = arguments(__doc__)
    parser.add_argument("--above", default="3 TeV", help="lowest energy to generate")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    highest = f"{bundle.label_table['true_energy'].max():.4g} TeV"  # its generator knows no higher
    region = {"energy": [options.above, highest], "spectrum": "fill"}
    found = reconstructed("energy", {"regions": [region]}, options)

    labels = read_labels([options.training], read_config([options.ctlearn]))
    cells = Cells.of(bundle, Region(**region))
    edges = with_bins_below(cells.log_energy, labels["log_true_energy"].min())
    table = bins("energy", 10**edges, "TeV")
    table["simulated"], _ = np.histogram(labels["log_true_energy"], edges)
    table["generated"] = 0.0
    inside = cells.counts(bundle.camera, labels)
    n_generated = per_epoch(options.output / "augmented" / "gan_augment.json")
    table["generated"][-len(inside) :] = lacking(inside, cells.wanted(), n_generated)[:, 0]
    for name, events in found.items():
        error = np.abs(np.log10((events["reco_energy"] / events["true_energy"]).value))
        log_energy = np.log10(events["true_energy"].to_value("TeV"))
        table[f"error_{name}"] = mean_in_bins(error, log_energy, edges) * u.dex
    table["test_events"], _ = np.histogram(log_energy, edges)
    show(table, drawn(edges, table), options.output / "high_energies")
    return table


def with_bins_below(edges: np.ndarray, lowest: float) -> np.ndarray:
    """The bins that are filled, and as wide ones below down to the lowest log10 energy."""
    width = edges[1] - edges[0]
    n_below = max(math.ceil((edges[0] - lowest) / width), 0)
    return np.concatenate([edges[0] - width * np.arange(n_below, 0, -1), edges])


def per_epoch(path: Path) -> float:
    """Generated images of an epoch, as train-model has noted them beside the model."""
    record = json.loads(path.read_text())
    return sum(region["images_mixed"] for region in record["regions"]) / record["epochs"]


def drawn(edges: np.ndarray, table: QTable) -> Figure:
    """Training events and errors against the energy."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    events, errors = figure.subplots(1, 2)
    events.stairs(table["simulated"], edges, label="simulated", fill=True, color="0.7")
    both = table["simulated"] + table["generated"]
    events.stairs(both, edges, label="with generated ones of an epoch")
    events.set(yscale="log", ylabel="training events", ylim=(0.5, None))
    for name in ("simulation", "augmented"):
        errors.stairs(table[f"error_{name}"].value, edges, label=name, baseline=None)
    errors.set(ylabel="mean energy error [dex]", ylim=(0, None))
    for axis in (events, errors):
        axis.set_xlabel("true log10(E / TeV)")
        axis.legend()
    return figure


if __name__ == "__main__":
    main()
