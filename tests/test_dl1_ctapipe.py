"""Files that ctapipe wrote are reproduced from their images, in each data model."""

import pytest
import tables
from ctapipe.instrument import SubarrayDescription
from dl1_copies import CUTS, assert_same_tables, process, rewrite

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.cleaning import CleaningSettings

#: The fit of peak times starts from random pixels, which ctapipe draws otherwise in each version.
TIMING = ("timing_slope", "timing_intercept", "timing_deviation")


@pytest.mark.parametrize("cuts", [CUTS, CleaningSettings(9, 9, True, 0)], ids=["usual", "lone"])
def test_a_ctapipe_file_is_reproduced(toy_gamma, tmp_path, cuts):
    """What ctapipe-process makes of images: every table, every column, every count.

    The second cuts leave images of one pixel and of none.
    """
    options = {
        "picture_threshold_pe": cuts.picture,
        "boundary_threshold_pe": cuts.boundary,
        "keep_isolated_pixels": cuts.keep_isolated,
        "min_picture_neighbors": cuts.min_neighbors,
    }
    options = [f"--TailcutsImageCleaner.{name}={value}" for name, value in options.items()]
    source = process(toy_gamma, tmp_path / "processed.dl1.h5", *options)
    with tables.open_file(source) as h5file:
        counts = h5file.get_node(nodes.IMAGE_STATISTICS).col("counts").tolist()
    assert (counts[0] > counts[1] > counts[2]) == (cuts != CUTS)
    assert_same_tables(source, rewrite(source, tmp_path / "again.dl1.h5", cleaning=cuts))


@pytest.mark.parametrize(
    "name, choice",
    [
        ("lst_muons", "EQUIVALENT"),
        ("camsettings_v6", "EFFECTIVE"),
        ("gct_checs_muons", "EFFECTIVE"),
    ],
)
def test_real_images_are_reproduced(shared_data, tmp_path, name, choice):
    """Files that ctapipe-process wrote: every table, every column."""
    option = f"--HDF5EventSource.focal_length_choice={choice}"
    source = process(shared_data / f"{name}.dl1.h5", tmp_path / "processed.dl1.h5", option)
    found = rewrite(source, tmp_path / "again.dl1.h5", cleaning=CleaningSettings())
    assert_same_tables(source, found)


@pytest.mark.parametrize("name", ["lst_muons", "camsettings_v6", "gct_checs_muons"])
def test_real_files_of_v6_are_reproduced(shared_data, tmp_path, name):
    """Files that ctapipe 0.23 wrote: all but the fit of peak times."""
    source = shared_data / f"{name}.dl1.h5"
    # one of them was processed with the nominal focal length although it knows an effective one
    choice = "EFFECTIVE" if name == "camsettings_v6" else "EQUIVALENT"
    subarray = SubarrayDescription.from_hdf(source, focal_length_choice=choice)
    options = {"cleaning": CleaningSettings(), "subarray": subarray}
    assert_same_tables(source, rewrite(source, tmp_path / "again.dl1.h5", **options), TIMING)
