r"""Off-axis gammas: directions far from the camera centre, for extended sources and surveys.

    python examples/off_axis_gammas.py --bundle runs/gamma/bundle --training toy/gamma \
        --test toy/test --beyond "1 deg" --output results/off_axis

trains CTLearn's cameradirection task on simulated gammas alone, and with a quarter of every batch
generated beyond 1 deg from the camera centre and the simulated images turned by the camera's
symmetries. Out come

    off_axis.ecsv     training events and angular resolution by offset, without and with
    off_axis.png      where the training events come from, and the angular resolution
    augmented.yaml    the CTLearn configuration with the gan_augment block
    simulation/, augmented/    the models
"""

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table
from common import bins, show
from matplotlib.figure import Figure
from without_and_with import arguments, reconstructed

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.guide.reading import read_config, read_labels
from ctlearn_gan_aug.sampling.regions import offsets, sample_labels

N_RINGS = 6


def main(argv: list[str] | None = None) -> QTable:
    """Train, compare, draw; returns the table."""
    parser = arguments(__doc__)
    parser.add_argument("--beyond", default="1 deg", help="smallest offset to generate")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    furthest = offsets(bundle.camera, bundle.label_table).max()  # that its generator knows
    region = {"offset": [options.beyond, f"{furthest:.4g} deg"]}
    found = reconstructed("cameradirection", {"regions": [region], "symmetries": True}, options)

    simulated = read_labels([options.training], read_config([options.ctlearn]))
    n_generated = round(len(simulated) * options.fraction / (1 - options.fraction))
    rng = np.random.default_rng(options.seed)
    generated = sample_labels(bundle, Region(**region), n_generated, rng)
    edges = furthest * np.sqrt(np.linspace(0, 1, N_RINGS + 1))  # rings of equal solid angle
    table = bins("offset", edges, "deg")
    for name, labels in (("simulated", simulated), ("generated", generated)):
        table[name], _ = np.histogram(offsets(bundle.camera, labels), edges)
    for name, events in found.items():
        table[f"resolution_{name}"] = angular_resolution(events, edges)
    show(table, drawn(simulated, generated, edges, table), options.output / "off_axis")
    return table


def angular_resolution(events: QTable, edges: np.ndarray) -> u.Quantity:
    """Angle that holds 68 % of the reconstructed directions, by offset; NaN where no event is."""
    ring = np.digitize(events["offset"].to_value("deg"), edges) - 1
    theta = [events["theta"][ring == number] for number in range(len(edges) - 1)]
    return u.Quantity([np.quantile(x, 0.68) if len(x) else np.nan * u.deg for x in theta])


def drawn(simulated: Table, generated: Table, edges: np.ndarray, table: QTable) -> Figure:
    """Directions of the training events, and the angular resolution against the offset."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    sky, resolution = figure.subplots(1, 2)
    sky.plot(simulated["fov_lon"], simulated["fov_lat"], ".", ms=2, c="0.6", label="simulated")
    sky.plot(generated["fov_lon"], generated["fov_lat"], ".", ms=2, label="generated")
    sky.set(xlabel="fov_lon [deg]", ylabel="fov_lat [deg]", aspect="equal")
    sky.set_title("training events of an epoch")
    for name in ("simulation", "augmented"):
        values = table[f"resolution_{name}"].value
        resolution.stairs(values, edges, label=name, baseline=None)
    resolution.set(xlabel="offset [deg]", ylabel="68 % angular resolution [deg]", ylim=(0, None))
    sky.legend(loc="upper right")
    resolution.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    main()
