r"""Harder protons: background that a CTLearn type model still takes for gammas.

    python examples/harder_protons.py --bundle runs/proton/bundle --model models/type \
        --ctlearn examples/ctlearn_type.yaml --gammas toy/test --protons toy/test_proton \
        --output results/harder_protons

generates protons and keeps those above the gammaness that 80 % of the gammas reach. Out come

    harder_protons.dl1.h5    the kept ones, marked as synthetic, for the background of a training
    harder_protons.ecsv      part of simulated and of generated protons above the cut, by energy
    harder_protons.png       gammaness of gammas, protons and generated protons

Look at the table first: generated protons should pass about as often as simulated ones. If they
pass more often, those kept are not hard but wrong, and teach a model what the generator gets wrong.
Hard protons alone are no background: train with the simulated ones beside them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.table import QTable
from common import bins, mean_in_bins, options_of, quarter_decades, show
from matplotlib.figure import Figure

from ctlearn_gan_aug.config.base import load_yaml
from ctlearn_gan_aug.dl1.subset import copy_events
from ctlearn_gan_aug.export.run import export
from ctlearn_gan_aug.files import atomic_file
from ctlearn_gan_aug.study.predict import predict


def main(argv: list[str] | None = None) -> QTable:
    """Generate, select, draw; returns the table."""
    parser = options_of(
        __doc__,
        bundle="generator of protons",
        model="CTLearn model of the type, or its folder",
        ctlearn="CTLearn configuration of that model",
        gammas="held-out simulated gammas, a file or folder",
        protons="held-out simulated protons, a file or folder",
        output="folder for file, table and figure",
    )
    parser.add_argument("--n-events", type=int, default=20_000, help="protons to generate")
    parser.add_argument("--efficiency", type=float, default=0.8, help="part of gammas that pass")
    options = parser.parse_args(argv)
    content = load_yaml(options.ctlearn)

    options.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=options.output) as folder:
        candidates = Path(folder) / "candidates.dl1.h5"
        export(options.bundle, candidates, n_events=options.n_events, seed=options.seed)
        files = {"gamma": options.gammas, "proton": options.protons, "generated": candidates}
        found = {
            name: predict(options.model, content, [path], [], Path(folder))
            for name, path in files.items()
        }
        cut = np.quantile(found["gamma"]["gammaness"], 1 - options.efficiency)
        n_kept = keep(candidates, options.output / "harder_protons.dl1.h5", found["generated"], cut)
    print(f"Gammaness above {cut:.3f}: {n_kept} of {options.n_events} generated protons are kept.")
    table = passing({"simulated": found["proton"], "generated": found["generated"]}, cut)
    show(table, drawn(found, cut), options.output / "harder_protons")
    return table


def keep(source: Path, target: Path, events: QTable, cut: float) -> int:
    """Write the events above the cut into a DL1 file; how many they are."""
    kept = events[events["gammaness"] > cut]["obs_id", "event_id"].as_array()
    with atomic_file(target, overwrite=True) as part:
        copy_events(source, part, kept.astype([("obs_id", int), ("event_id", int)]))
    return len(kept)


def passing(samples: dict[str, QTable], cut: float) -> QTable:
    """Events, and the part of them above the cut, in bins of true energy."""
    energies = {name: np.log10(x["true_energy"].to_value("TeV")) for name, x in samples.items()}
    edges = quarter_decades(np.concatenate(list(energies.values())))
    table = bins("energy", 10**edges, "TeV")
    for name, events in samples.items():
        table[name], _ = np.histogram(energies[name], edges)
        table[f"{name}_above"] = mean_in_bins(events["gammaness"] > cut, energies[name], edges)
    return table


def drawn(found: dict[str, QTable], cut: float) -> Figure:
    """Distributions of the gammaness."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for name, events in found.items():
        counts, edges = np.histogram(events["gammaness"], np.linspace(0, 1, 41))
        axis.stairs(counts / len(events), edges, label=name, linewidth=1.5)
    axis.axvline(cut, color="0.5", linestyle="--", label="cut")
    axis.set(xlabel="gammaness", ylabel="part of the events", yscale="log")
    axis.legend()
    return figure


if __name__ == "__main__":
    main()
