"""DL1 files written once more by `DL1Writer`, of their own data model or of v6.0.0."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tables
from ctapipe.core import run_tool
from ctapipe.fitting import lts_linear_regression
from ctapipe.image import timing
from ctapipe.io import read_table
from ctapipe.tools.process import ProcessorTool

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.cleaning import CleaningSettings
from ctlearn_gan_aug.dl1.header import ProductInfo
from ctlearn_gan_aug.dl1.skeleton import make_skeleton
from ctlearn_gan_aug.dl1.writer import DL1Writer

PRODUCT = ProductInfo("test", "Written by a test", "Test", {"ORIGIN": "test"})
CUTS = CleaningSettings(7, 4, False, 1)
#: Skeleton of a toy file that ctapipe-process 0.23.2 wrote, in data model v6.0.0.
V6_SKELETON = Path(__file__).parent / "data" / "toy_v6.skeleton.h5.gz"


class Source:
    """Content of a DL1 file as the writer takes it, one row per image, sorted by event."""

    def __init__(self, path: Path, n_events: int | None = None):
        with tables.open_file(path) as h5file:
            trigger = read_table(h5file, nodes.TELESCOPE_TRIGGER)
            shower = read_table(h5file, nodes.SHOWER, stop=n_events)
            event_row = {key: i for i, key in enumerate(self._keys(shower))}
            rows = [event_row.get(key, -1) for key in self._keys(trigger)]
            trigger, rows = trigger[np.array(rows) >= 0], [row for row in rows if row >= 0]
            self.labels = shower[rows]
            copied = {"tel_id", "time", "event_type", "n_trigger_pixels"}
            for name in copied & set(trigger.colnames):
                self.labels[name] = trigger[name]
            content = [self._image(h5file, *row) for row in trigger["obs_id", "event_id", "tel_id"]]
        self.images, self.times, self.true_images = map(np.array, zip(*content, strict=True))

    @staticmethod
    def _keys(table):
        return zip(table["obs_id"], table["event_id"], strict=True)

    @staticmethod
    def _image(h5file, obs_id, event_id, tel_id):
        where = f"(obs_id == {obs_id}) & (event_id == {event_id})"
        image, truth = (
            h5file.get_node(nodes.telescope_table(group, tel_id)).read_where(where)[0]
            for group in (nodes.IMAGES, nodes.TRUE_IMAGES)
        )
        return image["image"], image["peak_time"], truth["true_image"]


def rewrite(source: Path, target: Path, skeleton: Path | None = None, **options) -> Path:
    """Write the content of ``source`` once more, with its own or another structure."""
    content = Source(source)
    if skeleton is None:
        skeleton = target.with_name("skeleton.h5")
        make_skeleton(source, skeleton)
    arguments = {"cleaning": CUTS, "product": PRODUCT} | options
    with DL1Writer(target, skeleton, **arguments) as writer:
        writer.copy_runs(source)
        rows = np.arange(len(content.labels))
        for part in np.array_split(rows, 3 if len(rows) > 9 else 1):
            writer.append(
                content.labels[part],
                content.images[part],
                content.times[part],
                true_images=content.true_images[part],
            )
    return target


def process(source: Path, target: Path, *options: str) -> Path:
    """ctapipe-process on the images of ``source``, each of them the first one of its process.

    Its timing fits draw from one generator for all images otherwise, see `dl1.timing`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "lts_linear_regression", _fit_with_a_generator_of_its_own)
        arguments = [f"--input={source}", f"--output={target}", "--overwrite", *options]
        arguments += ["--write-images", "--write-parameters", "--recompute-dl1"]
        arguments += [f"--provenance-log={target}.log"]
        assert run_tool(ProcessorTool(), argv=arguments) == 0
    return target


def _fit_with_a_generator_of_its_own(*args, **kwargs):
    return lts_linear_regression(*args, **kwargs, rng=np.random.default_rng(0))


def rewrite_as_v6(source: Path, target: Path) -> Path:
    """Write the content of a toy file with the structure that ctapipe 0.23.2 gave it."""
    skeleton = target.with_name("v6.skeleton.h5")
    skeleton.write_bytes(gzip.decompress(V6_SKELETON.read_bytes()))
    return rewrite(source, target, skeleton)


def assert_same_tables(first: Path, second: Path, skip=()):
    """All tables of ``first`` are in ``second``, all their columns but ``skip`` are equal."""
    with tables.open_file(first) as one, tables.open_file(second) as other:
        for table in one.walk_nodes("/", "Table"):
            expected, found = table[:], other.get_node(table._v_pathname)[:]
            assert expected.dtype == found.dtype
            for name in set(expected.dtype.names) - set(skip):
                where = f"{table._v_pathname} {name}"
                if expected.dtype[name].base.kind == "f":
                    np.testing.assert_allclose(
                        found[name], expected[name], rtol=1e-6, atol=1e-9, err_msg=where
                    )
                else:
                    np.testing.assert_array_equal(found[name], expected[name], err_msg=where)
