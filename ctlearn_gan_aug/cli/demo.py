"""``ctlearn-gan demo``: the whole way on toy data, in a few minutes."""

import contextlib
import json
import shutil
import time
from pathlib import Path

import click

#: Triggered toy events of every file: name, particle, events, seed.
_FILES = (
    ("train/gamma", "gamma", 5000, 1),
    ("train/proton", "proton", 2000, 1),
    ("test/gamma", "gamma", 2000, 2),
    ("test/proton", "proton", 1000, 2),
)
#: Few pixels: showers are learnt in minutes.
_CAMERA = "hex271"
_N_EXPORTED = 1000
_REGION = {"energy": ["1 TeV", "10 TeV"], "spectrum": {"index": -2}}


@click.command("demo", short_help="Everything in a row, on toy data.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder to fill.")
@click.option("--seed", type=click.IntRange(0, 10**8), default=1, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace an earlier demo in the folder.")
@click.option("--quick", is_flag=True, hidden=True, help="Far too short to learn, for tests.")
def command(output, seed, overwrite, quick):
    """Simulate toy showers, train a generator per particle, evaluate, export, mix.

    The last step trains a CTLearn model with generated images mixed in. Takes four to six minutes
    on two cores.
    """
    from ..files import check_new
    from ..logs import set_up_logging
    from .backend import need_tensorflow

    check_new(output, overwrite)
    set_up_logging()
    need_tensorflow()
    if output.exists():
        _clear(output)
    output.mkdir(parents=True, exist_ok=True)
    demo = Demo(output, seed, quick)
    for title, step in demo.steps():
        click.secho(f"\n== {title}", bold=True)
        started = time.monotonic()
        step()
        demo.seconds[title] = time.monotonic() - started
    demo.summarise()


def _clear(folder: Path) -> None:
    """Remove what an earlier demo has left, and nothing else."""
    for name in ("data", "gamma", "proton", "evaluation", "ctlearn_energy"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("preview.png", "synthetic_gamma.dl1.h5", "ctlearn.yaml"):
        (folder / name).unlink(missing_ok=True)


class Demo:
    """The steps of the demo and what they leave in its folder.

    Parameters
    ----------
    folder : Path
        Where everything goes.
    seed : int
        Of all steps.
    quick : bool
        Run every step on next to nothing, to test the plumbing.
    """

    def __init__(self, folder: Path, seed: int, quick: bool):
        self.folder = folder
        self.seed = seed
        self.quick = quick
        self.seconds: dict[str, float] = {}

    def steps(self):
        """Titles and functions, in order."""
        return (
            ("1/6 Simulate toy showers (training and held-out test files)", self.simulate),
            ("2/6 Train a generator of gammas, checked by a CTLearn model", self.train_gamma),
            ("3/6 Train a generator of protons", self.train_proton),
            ("4/6 Evaluate the gamma generator on the held-out files", self.evaluate),
            ("5/6 Export generated gammas to a DL1 file", self.export),
            ("6/6 Train a CTLearn energy model, generated gammas mixed in", self.train_model),
        )

    def simulate(self) -> None:
        """Toy files for training and testing."""
        from ..data.toy.simulate import simulate
        from ..progress import image_progress

        for name, particle, n_events, seed in _FILES:
            n_events = n_events // 10 if self.quick else n_events
            target = self.folder / "data" / f"{name}.dl1.h5"
            target = target.parent / target.name.removesuffix(".dl1.h5") / target.name
            target.parent.mkdir(parents=True)
            with image_progress(f"toy {particle}s", n_events) as progress:
                options = {"progress": progress, "camera": _CAMERA}
                simulate(particle, n_events, 2 * self.seed + seed, target, **options)

    def train_gamma(self) -> None:
        """Auxiliary, generator, bundle."""
        self._train("gamma")

    def train_proton(self) -> None:
        """The same for protons, shorter."""
        self._train("proton")

    def _train(self, particle: str) -> None:
        from ..config.base import load_yaml, parse
        from ..config.shipped import shipped_config
        from ..config.train import TrainConfig
        from ..training.run import train

        content = load_yaml(shipped_config(f"demo_{particle}"))
        content["data"]["files"] = [str(self.folder / "data" / "train" / particle)]
        content |= {"output": str(self.folder / particle), "seed": self.seed}
        if self.quick:
            content["training"] = {"steps": 3, "batch_size": 8}
            content.pop("auxiliary", None)
        train(parse(TrainConfig, content))

    def evaluate(self) -> None:
        """The report, and a preview."""
        from ..evaluate.run import evaluate
        from ..evaluate.stages import Effort

        # So few pixels are looked at quickly, and make weak judges if these learn little.
        effort = Effort(1280, 640, 0) if self.quick else Effort(48_000, 36_000, 0)
        evaluate(
            self.folder / "gamma" / "bundle",
            [self.folder / "data" / "test" / "gamma"],
            [self.folder / "data" / "test" / "proton"],
            self.folder / "evaluation",
            seed=self.seed,
            quick=True,
            effort=effort,
        )

    def export(self) -> None:
        """A synthetic DL1 file of a region, and a preview of the generator's images."""
        from ..config.base import parse
        from ..config.region import Region
        from ..export.run import export
        from ..progress import image_progress
        from .preview import command as preview

        bundle = self.folder / "gamma" / "bundle"
        with image_progress("generated gammas", _N_EXPORTED) as progress:
            export(
                bundle,
                self.folder / "synthetic_gamma.dl1.h5",
                n_events=_N_EXPORTED,
                region=parse(Region, _REGION),
                seed=self.seed,
                extrapolate=self.quick,
                progress=progress,
            )
        options = {"energy": None, "offset": None, "n_images": 8, "code": None, "seed": self.seed}
        options |= {"refine": None, "images_from": None}
        target = {"output": self.folder / "preview.png", "overwrite": True, "extrapolate": False}
        preview.callback(bundle, **options, **target)

    def train_model(self) -> None:
        """CTLearn's own training with the ``gan_augment:`` block in its configuration."""
        import yaml

        from ..augment.tool import TrainAugmentedCTLearnModel

        config = self.folder / "ctlearn.yaml"
        config.write_text(yaml.safe_dump(self._ctlearn_config(), sort_keys=False))
        data, output = self.folder / "data" / "train" / "gamma", self.folder / "ctlearn_energy"
        arguments = ["--config", config, "--signal", data, "--output", output, "--reco", "energy"]
        with contextlib.suppress(SystemExit):
            TrainAugmentedCTLearnModel().run([str(argument) for argument in arguments])

    def _ctlearn_config(self) -> dict:
        bundle = str(self.folder / "gamma" / "bundle")
        # A generator that has not learnt makes night sky alone, which no cut lets pass.
        cuts = {"TableQualityQuery": {"quality_criteria": []}} if self.quick else {}
        return {
            "TrainCTLearnModel": {
                "model_type": "SingleCNN",
                "n_epochs": 1 if self.quick else 2,
                "batch_size": 32 if self.quick else 64,
                "optimizer": {
                    "name": "Adam",
                    "base_learning_rate": 0.001,
                    "adam_epsilon": 1.0e-8,
                },
            },
            "SingleCNN": {"batchnorm": True, "attention_mechanism": "Spatial-SE"},
            "DLImageReader": {"image_mapper_type": "ShiftingMapper", **cuts},
            "gan_augment": {
                "generators": {"gamma": bundle},
                "fraction": 0.25,
                "seed": self.seed,
                "regions": [{"particle": "gamma", **_REGION}],
            },
        }

    def summarise(self) -> None:
        """What happened, in words a newcomer understands, and where to look next."""
        metrics = json.loads((self.folder / "evaluation" / "metrics.json").read_text())
        click.secho("\n== Done", bold=True)
        for title, seconds in self.seconds.items():
            click.echo(f"{seconds:6.0f} s  {title}")
        click.echo(_findings(metrics))
        click.echo(
            f"\nLook next at (in {self.folder}):\n"
            "  preview.png                gammas made by the generator\n"
            "  gamma/samples/             simulated and generated gammas of equal labels\n"
            "  evaluation/report.html     how good they are, on two minutes of reading\n"
            "  synthetic_gamma.dl1.h5     1000 generated gammas, 1 to 10 TeV, as a DL1 file\n"
            "  ctlearn.yaml               a CTLearn configuration with a gan_augment: block\n"
            "  ctlearn_energy/            the CTLearn model trained with it\n"
            "With your own DL1 files: ctlearn-gan config gamma --output gamma.yaml, then\n"
            "ctlearn-gan train gamma.yaml --input GAMMA_FILES --output runs/gamma"
        )


def _findings(metrics: dict) -> str:
    energy = metrics["energy"]
    return (
        "\nAn independent CTLearn model predicted the energies of held-out toy gammas and of "
        "generated\nimages of the same labels. Correlation of prediction and request: "
        f"{energy['generated']['correlation']:.2f} on generated images\n"
        f"({energy['simulated']['correlation']:.2f} on simulated ones; 1 is perfect, 0 means that "
        "images ignore their labels).\nToy showers teach nothing about real telescopes: these "
        "figures only show that the machinery works."
    )
