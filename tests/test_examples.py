"""The worked cases of examples/ on toy files: they leave what they promise, and it is true."""

import ast
import importlib
import json
import shlex
import shutil
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import QTable
from augment_fakes import TRAINING, make_untrained_bundle, write_config
from ctapipe.io import TableLoader, metadata
from ctlearn.core.model import SingleCNN
from matplotlib.figure import Figure
from safetensors.numpy import load_file, save_file
from test_repo import shell_lines

from ctlearn_gan_aug.config.base import load_yaml
from ctlearn_gan_aug.data.ctlearn_reader import open_ctlearn_reader
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.guide.reading import read_config
from ctlearn_gan_aug.study.predict import predict

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = (
    "export_for_another_analysis",
    "fill_high_energies",
    "harder_protons",
    "off_axis_gammas",
)
#: A training of seconds. An untrained generator's images would not pass CTLearn's usual cut.
READER = TRAINING["DLImageReader"] | {"TableQualityQuery": {"quality_criteria": []}}
QUICK = {"n_epochs": 1, "batch_size": 16, "DLImageReader": READER}


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """Folder of simulated files, untrained generators and untrained CTLearn models."""
    folder = tmp_path_factory.mktemp("examples")
    config = write_config(folder, **QUICK)
    keras.utils.set_random_seed(1)
    for particle in ("gamma", "proton"):
        simulate(particle, 200, 2, folder / f"{particle}.dl1.h5", camera="hex271")
    file = folder / "gamma" / "training.dl1.h5"
    file.parent.mkdir()
    simulate("gamma", 300, 1, file, camera="hex271")
    bundle = make_untrained_bundle(file, folder / "bundle_gamma")
    shutil.copytree(bundle, folder / "bundle_proton")
    meta = folder / "bundle_proton" / "bundle.yaml"
    meta.write_text(meta.read_text().replace("particle: gamma", "particle: proton"))
    brighten(bundle / "generator.safetensors")
    with open_ctlearn_reader([file], read_config([config])) as reader:
        keras.utils.set_random_seed(1)
        for task in ("type", "energy"):
            network = SingleCNN(reader.input_shape, [task], **TRAINING["SingleCNN"])
            (folder / task).mkdir()
            network.model.save(folder / task / "ctlearn_model.keras")
    return folder


def brighten(weights: Path) -> None:
    """Let a generator's images have pixels that survive cleaning."""
    tensors = load_file(weights)
    tensors["pixels0_value/0"] *= 3
    save_file(tensors, weights)


@pytest.fixture
def run(toy, tmp_path, monkeypatch):
    """Runs an example with the options given by name; its table and its output folder."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)  # ctapipe writes its provenance log there

    def call(name: str, *more: str, **options) -> tuple[QTable, Path]:
        output = tmp_path / "output"
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        table = importlib.import_module(name).main([*words, *more, "--output", str(output)])
        return table, output

    return call


def check_written(table: QTable, target: Path) -> None:
    """The table as it was returned, and a figure with something in it."""
    written = QTable.read(target.with_suffix(".ecsv"))
    assert written.colnames == table.colnames and len(written) == len(table)
    png = target.with_suffix(".png").read_bytes()
    assert png[:4] == b"\x89PNG" and len(png) > 10_000


def gammas(toy: Path) -> dict:
    """Options of the examples that train CTLearn."""
    files = {"training": toy / "gamma", "test": toy / "gamma.dl1.h5"}
    training = {"ctlearn": toy / "ctlearn.yaml", "epochs": 1}
    return {"bundle": toy / "bundle_gamma", **files, **training}


def test_fill_high_energies_adds_events_above_the_threshold_alone(toy, run):
    table, output = run("fill_high_energies", above="500 GeV", **gammas(toy))
    check_written(table, output / "high_energies")
    above = table["energy_low"].value >= 0.499
    assert (table["generated"][~above] == 0).all() and 3 < above.sum() < len(table)
    filled = table["generated"] > 0
    assert filled.any()
    level = (table["simulated"] + table["generated"])[filled]
    np.testing.assert_allclose(level, level.mean(), rtol=1e-3)
    record = json.loads((output / "augmented" / "gan_augment.json").read_text())
    (region,) = record["regions"]
    assert region["region"]["energy"][0] == "0.5 TeV"
    assert table["generated"].sum() == pytest.approx(region["images_mixed"], rel=1e-3)
    assert np.isfinite(table["error_augmented"][table["test_events"] > 0]).all()
    assert not np.array_equal(table["error_augmented"], table["error_simulation"])
    assert "gan_augment" not in load_yaml(output / "simulation.yaml")


def test_off_axis_gammas_adds_events_beyond_the_offset_alone(toy, run):
    table, output = run("off_axis_gammas", beyond="1.2 deg", fraction=0.5, **gammas(toy))
    check_written(table, output / "off_axis")
    assert table["generated"].sum() == table["simulated"].sum() == 300
    assert (table["generated"][table["offset_high"].value < 1.2] == 0).all()
    record = json.loads((output / "augmented" / "gan_augment.json").read_text())
    assert record["symmetries"] == 12
    assert record["generated_per_batch"] == record["simulated_per_batch"] == 8
    assert record["regions"][0]["region"]["offset"][0] == "1.2 deg"
    assert (table["resolution_simulation"].value > 0.1).all()
    assert not np.array_equal(table["resolution_augmented"], table["resolution_simulation"])


def test_harder_protons_are_those_that_the_model_takes_for_gammas(toy, run, tmp_path):
    files = {"gammas": toy / "gamma.dl1.h5", "protons": toy / "proton.dl1.h5"}
    model = {"model": toy / "type", "ctlearn": toy / "ctlearn.yaml"}
    table, output = run(
        "harder_protons", *("--n-events", "200"), bundle=toy / "bundle_proton", **model, **files
    )
    check_written(table, output / "harder_protons")
    assert sorted(path.suffix for path in output.iterdir()) == [".ecsv", ".h5", ".png"]
    kept = output / "harder_protons.dl1.h5"
    header = metadata.read_hdf5_metadata(kept)
    assert header["CONTEXT SYNTHETIC"] and header["CONTEXT SYNTHETIC PARTICLE"] == "proton"
    content = load_yaml(model["ctlearn"])
    hard, gamma = (
        predict(model["model"], content, [path], [], tmp_path / "store")["gammaness"]
        for path in (kept, files["gammas"])
    )
    assert 0 < len(hard) < 200
    assert hard.min() > np.quantile(gamma, 0.2)
    above = table["generated"] * np.nan_to_num(table["generated_above"])
    assert above.sum() == pytest.approx(len(hard), abs=0.5)
    assert table["generated"].sum() == table["simulated"].sum() == 200


def test_export_is_read_by_ctapipe_and_marked(toy, run, capsys):
    files = {"training": toy / "gamma" / "training.dl1.h5", "test": toy / "gamma.dl1.h5"}
    more = ("--energy", "1 TeV", "10 TeV", "--n-events", "150")
    table, output = run("export_for_another_analysis", *more, bundle=toy / "bundle_gamma", **files)
    check_written(table, output / "export")
    assert "CONTEXT SYNTHETIC: True" in capsys.readouterr().out
    with TableLoader(output / "synthetic.dl1.h5") as loader:
        energy = loader.read_telescope_events(simulated=True)["true_energy"]
    assert len(energy) == 150 and energy.min() >= 1 and energy.max() <= 10
    tested = table["test_events"] > 10
    assert (table["error_simulation"].value[tested] < 0.5).all()  # a forest learns at once
    assert not np.array_equal(table["error_augmented"], table["error_simulation"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_options_that_documents_show_are_the_scripts(name, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    script = importlib.import_module(name)
    with pytest.raises(SystemExit) as end:
        script.main(["--help"])
    assert end.value.code == 0
    known = set(capsys.readouterr().out.replace("[", " ").split())
    shown = [words for words in shell_lines(EXAMPLES / "README.md") if f"{name}.py" in words[1]]
    assert len(shown) == 1
    assert {word for word in shown[0] if word.startswith("--")} <= known
    usage = script.__doc__.replace("\\\n", "").replace("'s", "")
    assert shlex.join(shown[0]) in shlex.join(shlex.split(usage))


def run_cell(code: str, names: dict) -> Figure | None:
    """Run a cell as a notebook does; the figure it ends in, if any."""
    *statements, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        statements, last = [*statements, last], ast.parse("None").body[0]
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    return value if isinstance(value, Figure) else None


def test_notebook_draws_its_pictures(toy, tmp_path, monkeypatch):
    plt.switch_backend("Agg")
    plt.close("all")
    monkeypatch.chdir(tmp_path)
    paths = {
        "BUNDLE": toy / "bundle_gamma",
        "TRAINING": toy / "gamma",
        "TEST": toy / "gamma.dl1.h5",
        "MODEL": toy / "energy",
        "CTLEARN": toy / "ctlearn.yaml",
    }
    for name, path in paths.items():
        monkeypatch.setenv(f"CTLEARN_GAN_{name}", str(path))
    notebook = json.loads((EXAMPLES / "pictures.ipynb").read_text())
    names, figures = {}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            code = "".join(line for line in cell["source"] if not line.startswith("%"))
            figures.append(run_cell(code, names))
    figures += [plt.figure(number) for number in plt.get_fignums()]
    figures = [figure for figure in figures if figure is not None]
    assert len(figures) == 8
    for number, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 10_000
    assert (names["is_generated"].sum(axis=1) == 16).all()
    low, high = names["region"].energy
    generated = 10 ** names["mixed"][names["is_generated"]]
    assert generated.min() > 0.999 * low and generated.max() < 1.001 * high
    for images in (names["others"], names["by_energy"], names["by_direction"]):
        assert (np.abs(np.diff(images[..., 0], axis=0)).max(axis=1) > 0).all()
    assert "left  gamma" in names["advice"].block
