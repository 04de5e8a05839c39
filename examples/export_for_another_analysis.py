r"""Export for another analysis: a DL1 file of generated gammas that any ctapipe tool reads.

    python examples/export_for_another_analysis.py --bundle runs/gamma/bundle \
        --training toy/gamma/gamma_1.dl1.h5 --test toy/test/gamma_3.dl1.h5 \
        --energy "3 TeV" "20 TeV" --output results/export

writes gammas of 3 to 20 TeV, reads their image parameters with ctapipe's TableLoader, and trains
scikit-learn's random forest to tell energies from them: on the simulated training events alone and
on both. Out come

    synthetic.dl1.h5    the file; its header says that it is synthetic
    export.ecsv         energy error of the held-out simulated events, without and with
    export.png          image parameters of generated gammas beside simulated ones of these energies
"""

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table, vstack
from common import bins, mean_in_bins, options_of, quarter_decades, show
from ctapipe.io import TableLoader, metadata
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.export.run import export

FEATURES = ["hillas_intensity", "hillas_length", "hillas_width", "hillas_r"]
FEATURES += ["concentration_cog", "leakage_intensity_width_2", "timing_slope"]


def main(argv: list[str] | None = None) -> QTable:
    """Export, read, compare; returns the table."""
    parser = options_of(
        __doc__,
        bundle="generator of gammas",
        training="DL1 file of simulated gammas to train on",
        test="DL1 file of held-out simulated gammas",
        output="folder for file, table and figure",
    )
    parser.add_argument("--energy", nargs=2, required=True, help='e.g. "3 TeV" "20 TeV"')
    parser.add_argument("--n-events", type=int, default=5000, help="gammas to generate")
    options = parser.parse_args(argv)

    options.output.mkdir(parents=True, exist_ok=True)
    synthetic = options.output / "synthetic.dl1.h5"
    region = Region(energy=options.energy, spectrum="index=-2")
    wanted = {"n_events": options.n_events, "region": region, "seed": options.seed}
    export(options.bundle, synthetic, **wanted, overwrite=True)
    for key, value in metadata.read_hdf5_metadata(synthetic).items():
        if "SYNTHETIC" in key or "PRODUCT DESCRIPTION" in key:
            print(f"{key}: {value}")

    training, generated, test = map(parameters, (options.training, synthetic, options.test))
    print(f"{len(training)} simulated and {len(generated)} generated events have all parameters.")
    both = vstack([training, generated])
    table = compared({"simulation": training, "augmented": both}, test, options.seed)
    low, high = np.log10(region.energy)
    alike = training[(training["log_energy"] >= low) & (training["log_energy"] <= high)]
    show(table, drawn({"simulated": alike, "generated": generated}), options.output / "export")
    return table


def parameters(path: Path) -> Table:
    """Image parameters of a DL1 file, where all are known, and log10 of the true energy in TeV."""
    with TableLoader(path) as loader:
        events = loader.read_telescope_events(dl1_parameters=True, simulated=True)
    table = Table({name: np.asarray(events[name], float) for name in FEATURES})
    table["log_energy"] = np.log10(events["true_energy"].quantity.to_value("TeV"))
    return table[np.isfinite(features(table)).all(axis=1)]


def features(table: Table) -> np.ndarray:
    """What the forest sees (n, n_features)."""
    return np.stack([table[name] for name in FEATURES], axis=1)


def compared(trainings: dict[str, Table], test: Table, seed: int) -> QTable:
    """Mean of |log10(reconstructed / true energy)| of the test events, in bins of true energy."""
    edges = quarter_decades(test["log_energy"])
    table = bins("energy", 10**edges, "TeV")
    table["test_events"], _ = np.histogram(test["log_energy"], edges)
    for name, events in trainings.items():
        forest = RandomForestRegressor(100, min_samples_leaf=5, random_state=seed)
        forest.fit(features(events), events["log_energy"])
        error = np.abs(forest.predict(features(test)) - test["log_energy"])
        table[f"error_{name}"] = mean_in_bins(error, test["log_energy"], edges) * u.dex
    return table


def drawn(samples: dict[str, Table]) -> Figure:
    """Distributions of all image parameters."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for axis, name in zip(axes, FEATURES, strict=False):
        low, high = np.percentile(np.concatenate([x[name] for x in samples.values()]), [1, 99])
        spaced, scale = np.linspace, "linear"
        if name == "hillas_intensity":
            spaced, scale = np.geomspace, "log"
        for label, events in samples.items():
            axis.hist(
                events[name], spaced(low, high, 31), density=True, histtype="step", label=label
            )
        axis.set(xlabel=name, yticks=[], xscale=scale)
    axes[-1].set_axis_off()
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center")
    return figure


if __name__ == "__main__":
    main()
