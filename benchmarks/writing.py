"""Writing: DL1 parameters and file of many images, against ctapipe image by image.

    python benchmarks/writing.py [--events 20000] [--images FILE.dl1.h5]

The same images (1039-pixel camera by default) are written by ctapipe's ImageProcessor and
DataWriter and by our DL1Writer, with ctapipe's own compression (zstd) and with lz4; and as bare
appends of the image table alone, which is the limit. Printed are events per second and ratios.
"""

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table
from lst_like import lst_like_subarray, random_images

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.toy import telescope as tel
from ctlearn_gan_aug.data.toy.simulate import CLEANING
from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.header import ProductInfo
from ctlearn_gan_aug.dl1.skeleton import skeleton_from_subarray
from ctlearn_gan_aug.dl1.writer import DL1Writer

N_PIXELS = 1039
PRODUCT = ProductInfo("benchmark", "random images for benchmarks", "Toy", {})
REPEATS = 3
CTAPIPE_EVENTS = 1000


def make_images(n: int, path: Path | None):
    """Subarray, telescope, labels, charges and peak times."""
    if path is not None:
        events = read_events([path], max_events=n)
        return (
            events.camera.subarray,
            events.camera.tel_id,
            events.labels,
            *np.moveaxis(events.pixels, -1, 0),
        )
    from lst_like import labels_of

    rng = np.random.default_rng(0)
    subarray = lst_like_subarray(N_PIXELS)
    geometry = subarray.tel[tel.TEL_ID].camera.geometry
    return subarray, tel.TEL_ID, labels_of(0, n, rng), *random_images(n, N_PIXELS, rng, geometry)


def write_ours(path, skeleton, data, compression):
    """Everything by DL1Writer, 2000 images at a time as export does."""
    from lst_like import benchmark_run

    _, _, labels, charges, times = data
    options = {"cleaning": CLEANING, "product": PRODUCT, "compression": compression}
    with DL1Writer(path, skeleton, **options) as writer:
        for obs_id in np.unique(labels["obs_id"]):
            writer.add_run(benchmark_run(int(obs_id)))
        for first in range(0, len(labels), 2000):
            part = slice(first, first + 2000)
            writer.append(labels[part], charges[part], times[part])


def write_ctapipe(path, data, restart: bool = False) -> None:
    """Event by event, as ctapipe-process does from images on.

    With ``restart`` each image finds ctapipe's random generator as if it were the first one: then
    its timing parameters are those that DL1Writer computes.
    """
    from ctapipe import fitting
    from ctapipe.core import Provenance
    from ctapipe.image import ImageProcessor
    from ctapipe.io import DataWriter
    from traitlets.config import Config

    from ctlearn_gan_aug.dl1 import dummy

    subarray, tel_id, labels, charges, times = data
    cleaning = {
        "picture_threshold_pe": CLEANING.picture,
        "boundary_threshold_pe": CLEANING.boundary,
        "keep_isolated_pixels": CLEANING.keep_isolated,
        "min_picture_neighbors": CLEANING.min_neighbors,
    }
    config = Config({"TailcutsImageCleaner": cleaning})
    event = dummy.dummy_event(subarray)
    # Generated images have no true images; ctapipe would compute parameters of those as well.
    event.simulation.tel[tel_id].true_image = None
    Provenance().start_activity("benchmark")
    processor = ImageProcessor(subarray=subarray, config=config)
    with DataWriter(
        dummy.dummy_source(subarray), output_path=path, write_dl1_images=True, overwrite=True
    ) as write:
        for row, charge, peak_time in zip(labels, charges, times, strict=True):
            fill(event, row, tel_id, charge, peak_time)
            if restart:
                fitting.FIT_RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
            processor(event)
            write(event)
    Provenance().finish_activity()


def fill(event, row: Table.Row, tel_id: int, charge, peak_time) -> None:
    """Put one image into ctapipe's event."""
    event.index.event_id = int(row["event_id"])
    dl1 = event.dl1.tel[tel_id]
    dl1.image, dl1.peak_time = charge, peak_time
    dl1.is_valid = True
    dl1.image_mask = None


def write_bare(path, skeleton, data, compression) -> None:
    """Append the image table alone: no parameters, no other tables."""
    from ctlearn_gan_aug.dl1 import rows
    from ctlearn_gan_aug.dl1.skeleton import start_file

    _, tel_id, labels, charges, times = data
    h5file = start_file(skeleton, path, compression)
    table = h5file.get_node(nodes.telescope_table(nodes.IMAGES, tel_id))
    content = {"image": charges, "peak_time": times}
    table.append(rows.image_rows(table, labels, content))
    h5file.close()


def rate(n: int, write) -> float:
    """Median events/s of some repetitions after one."""
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        write()
        seconds.append(time.perf_counter() - start)
    return n / statistics.median(seconds[1:])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--images", type=Path, help="take images from this DL1 file")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    data = make_images(args.events, args.images)
    n, few = len(data[2]), min(CTAPIPE_EVENTS, len(data[2]))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        skeleton = folder / "skeleton.h5"
        skeleton_from_subarray(data[0], skeleton)
        sample = (*data[:2], *(values[:few] for values in data[2:]))
        theirs = rate(few, lambda: write_ctapipe(folder / "theirs.h5", sample))
        print(f"{n} images of {data[3].shape[1]} pixels\n")
        print(f"ctapipe ImageProcessor + DataWriter {theirs:9.0f} events/s")
        for name in ("blosc:zstd", "lz4"):
            kind = None if name == "blosc:zstd" else name
            ours = rate(n, lambda kind=kind: write_ours(folder / "ours.h5", skeleton, data, kind))
            bare = rate(n, lambda kind=kind: write_bare(folder / "bare.h5", skeleton, data, kind))
            print(
                f"DL1Writer, {name:10s}               {ours:9.0f} events/s {ours / theirs:7.1f} x"
            )
            print(
                f"  bare append of the images         {bare:9.0f} events/s {bare / theirs:7.1f} x"
            )
        write_ctapipe(folder / "theirs.h5", sample, restart=True)
        check_equal(folder / "theirs.h5", folder / "ours.h5", few)


def check_equal(theirs: Path, ours: Path, n: int) -> None:
    """A ratio counts only between equal results: every parameter column."""
    with tables.open_file(theirs) as a, tables.open_file(ours) as b:
        path = f"{nodes.PARAMETERS}/tel_001"
        expected, found = a.get_node(path)[:n], b.get_node(path)[:n]
        assert expected.dtype == found.dtype
        for name in expected.dtype.names:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)
    print(f"\nAll {len(expected.dtype.names)} columns agree (1e-6 relative, same NaN).")


if __name__ == "__main__":
    main()
