"""DL1 files that are right but unusual, or wrong: tables of named changes to a toy file."""

import os
from dataclasses import dataclass

import h5py
import numpy as np
import tables
from ctapipe.io.hdf5tableio import get_column_attrs
from ctapipe.io.tableio import FixedPointColumnTransform

from ctlearn_gan_aug.dl1 import nodes

IMAGES = nodes.telescope_table(nodes.IMAGES, 1)
PARAMETERS = nodes.telescope_table(nodes.PARAMETERS, 1)
POINTING = nodes.telescope_table(nodes.POINTING, 1)
LAYOUT, OPTICS, CAMERA = nodes.INSTRUMENT
GEOMETRY = f"{CAMERA}/geometry_0"
NAN, INFINITY = float("nan"), float("inf")
PLACE = ("POS", "DTYPE", "PREFIX")


@dataclass(frozen=True)
class FixedPoint:
    """How a float column becomes one of integers."""

    scale: float
    offset: float
    dtype: str = "u2"

    def transform(self):
        return FixedPointColumnTransform(self.scale, self.offset, "float32", np.dtype(self.dtype))

    def attributes(self):
        return {
            "TRANSFORM": "fixed_point",
            "TRANSFORM_SCALE": self.scale,
            "TRANSFORM_OFFSET": self.offset,
            "TRANSFORM_DTYPE": "float32",
        }


def rebuild(h5file, path, columns=None, fixed_point=None, extra=(), rows=None):
    """Write a table once more with other columns, another order of them, or other rows.

    ``columns`` maps names to changed values, ``fixed_point`` names to a `FixedPoint`, ``extra``
    are names of new columns in front.
    """
    table = h5file.get_node(path)
    content, attributes = table[:], get_column_attrs(table)
    others = {
        n: table.attrs[n] for n in table.attrs._v_attrnamesuser if not n.startswith("CTAFIELD_")
    }
    content = content if rows is None else content[rows]
    values = {name: content[name] for name in content.dtype.names} | (columns or {})
    values = {name: v for name, v in values.items() if v is not None}
    for name, change in (fixed_point or {}).items():
        values[name] = change.transform()(values[name])
        attributes[name] = attributes[name] | change.attributes()
    values = {name: np.arange(len(content), dtype="f4") for name in extra} | values
    dtype = [(name, v.dtype, v.shape[1:]) for name, v in values.items()]
    new = np.empty(len(content), dtype)
    for name, v in values.items():
        new[name] = v
    parent, name = os.path.split(path)
    h5file.remove_node(path)
    table = h5file.create_table(parent, name, new, filters=tables.Filters(1, "zlib"))
    for key, value in others.items():
        table.attrs[key] = value
    for place, column in enumerate(new.dtype.names):
        for key, value in attributes.get(column, {"NAME": column}).items():
            if key not in PLACE:
                table.attrs[f"CTAFIELD_{place}_{key}"] = value


def fixed_point(extra=(), **changes):
    return lambda f: rebuild(f, IMAGES, fixed_point=changes, extra=extra)


def reversed_images(f):
    n_rows = f.get_node(IMAGES).nrows
    rebuild(f, IMAGES, rows=np.arange(n_rows)[::-1])


def in_unit(name, unit, factor):
    def change(f):
        rebuild(f, nodes.SHOWER, columns={name: f.get_node(nodes.SHOWER).col(name) * factor})
        table = f.get_node(nodes.SHOWER)
        table.attrs[f"CTAFIELD_{table.colnames.index(name)}_UNIT"] = unit

    return change


#: The same events, stored otherwise.
SAME = {
    "as it is": lambda f: None,
    "fixed point": fixed_point(image=FixedPoint(100, 200), peak_time=FixedPoint(100, 0)),
    "large offset": fixed_point(image=FixedPoint(10, 2000)),
    "offset of a time": fixed_point(peak_time=FixedPoint(200, 500)),
    "negative offset": fixed_point(image=FixedPoint(50, -20, "i4")),
    "signed": fixed_point(image=FixedPoint(20, 0, "i2"), peak_time=FixedPoint(500, 3, "i2")),
    "times alone": fixed_point(peak_time=FixedPoint(1000, 0)),
    "column in front": fixed_point(extra=("quality",), image=FixedPoint(10, 200)),
    "two columns in front": fixed_point(extra=("one", "two"), peak_time=FixedPoint(100, 20)),
    "images in another order": reversed_images,
    "energies in GeV": in_unit("true_energy", "GeV", 1e3),
    "cores in km": in_unit("true_core_x", "km", 1e-3),
}


def repeat(path, *rows):
    """Some rows once more, at the end."""

    def change(f):
        table = f.get_node(path)
        table.append(table[:][list(rows)])

    return change


def set_values(path, name, value, *rows, everywhere=False):
    """Another value in some rows, of images in their first three pixels or everywhere."""

    def change(f):
        table = f.get_node(path)
        content = table[:]
        for row in rows:
            if content[name].ndim > 1 and not everywhere:
                content[name][row, :3] = value
            else:
                content[name][row] = value
        table[:] = content

    return change


def remove(path):
    return lambda f: f.remove_node(path, recursive=True)


def without_column(path, name):
    return lambda f: rebuild(f, path, columns={name: None})


def of_pixels(function):
    """Every column of pixels as a function makes it, in another shape."""

    def change(f):
        table = f.get_node(IMAGES)
        names = ("image", "peak_time", "image_mask")
        rebuild(f, IMAGES, columns={name: function(table.col(name)) for name in names})

    return change


def link(path):
    def change(f):
        parent, name = os.path.split(path)
        f.remove_node(path, recursive=True)
        f.create_soft_link(parent, name, target="/dl1/event/subarray/trigger")

    return change


def link_outside(path):
    def change(f):
        parent, name = os.path.split(path)
        f.remove_node(path, recursive=True)
        f.create_external_link(parent, name, f"{f.filename}.other:{path}")

    return change


def damage(path):
    """Overwrite parts of a compressed chunk in the middle of a table."""

    def change(name):
        with h5py.File(name) as h5file:
            dataset = h5file[path]
            chunk = dataset.id.get_chunk_info(max(dataset.id.get_num_chunks() // 2 - 1, 0))
        with open(name, "r+b") as file:
            file.seek(chunk.byte_offset + chunk.size // 3)
            file.write(b"\xff" * min(200, chunk.size // 2))

    change.takes_path = True
    return change


#: Changes to refuse, with words of the sentence.
REFUSED = {
    "shower twice": (repeat(nodes.SHOWER, 3), (nodes.SHOWER, "obs_id", "event_id")),
    "all showers twice": (repeat(nodes.SHOWER, *range(50)), (nodes.SHOWER, "50 rows")),
    "trigger twice": (repeat(nodes.TRIGGER, 0, 1), (nodes.TRIGGER, "event_id")),
    "parameters twice": (repeat(PARAMETERS, 7), (PARAMETERS, "event_id")),
    "run twice": (repeat(nodes.SIMULATION_RUN, 0), (nodes.SIMULATION_RUN, "obs_id")),
    "pointing twice": (repeat(POINTING, 0), (POINTING, "obs_id")),
    "no trigger of telescopes": (remove(nodes.TELESCOPE_TRIGGER), (nodes.TELESCOPE_TRIGGER,)),
    "no cameras": (remove(CAMERA), ("telescope/camera",)),
    "no camera geometry": (remove(GEOMETRY), ("cameras", "incomplete")),
    "no optics": (remove(OPTICS), ("telescope/optics",)),
    "linked table": (link(nodes.SHOWER), ("link", nodes.SHOWER)),
    "table in another file": (link_outside(nodes.SHOWER), (nodes.SHOWER,)),
    "no truth of energies": (
        without_column(nodes.SHOWER, "true_energy"),
        (nodes.SHOWER, "'true_energy'"),
    ),
    "no trigger times": (without_column(nodes.TRIGGER, "time"), (nodes.TRIGGER, "'time'")),
    "images without numbers": (without_column(IMAGES, "obs_id"), (IMAGES, "'obs_id'")),
    "telescope nowhere": (set_values(LAYOUT, "pos_x", NAN, 0), ("telescope 1", "position")),
    "pixel nowhere": (set_values(GEOMETRY, "pix_x", NAN, 3), ("telescope 1", "pixels")),
    "no focal length": (
        set_values(OPTICS, "equivalent_focal_length", 0.0, 0),
        ("telescope 1", "focal length"),
    ),
    "energy without unit": (in_unit("true_energy", "", 1.0), ("true_energy", "unit")),
}
#: Changes to refuse where pixels are read.
REFUSED_PIXELS = {
    "charges not a number": (set_values(IMAGES, "image", NAN, *range(50)), ("'image'", "3 pixels")),
    "charges infinite": (set_values(IMAGES, "image", INFINITY, 5, 9), ("'image'", "3 pixels")),
    "times not a number": (
        set_values(IMAGES, "peak_time", NAN, *range(50)),
        ("'peak_time'", "event_id"),
    ),
    "no times": (without_column(IMAGES, "peak_time"), (IMAGES, "'peak_time'")),
    "no masks": (without_column(IMAGES, "image_mask"), (IMAGES, "'image_mask'")),
    "image missing": (lambda f: rebuild(f, IMAGES, rows=slice(1, None)), (IMAGES, "no image of 1")),
    "images damaged": (damage(IMAGES), ("damaged",)),
    "fewer pixels": (of_pixels(lambda values: values[:, :1000]), ("'image'", "(1000,)", "1069")),
    "images of a row": (of_pixels(lambda values: values[:, None]), ("'image'", "(1, 1069)")),
    "energy zero": (
        set_values(nodes.SHOWER, "true_energy", 0.0, *range(50)),
        ("true_energy", "finite"),
    ),
    "energy unknown": (set_values(nodes.SHOWER, "true_energy", NAN, 4), ("true_energy",)),
    "direction unknown": (set_values(nodes.SHOWER, "true_alt", NAN, 4), ("1 events", "true_alt")),
    "direction infinite": (set_values(nodes.SHOWER, "true_alt", INFINITY, 4), ("cannot be read",)),
    "pointing unknown": (
        set_values(POINTING, "telescope_pointing_altitude", NAN, 0),
        ("telescope pointing",),
    ),
}


def apply(change, path):
    """Change a file."""
    if getattr(change, "takes_path", False):
        change(path)
        return
    with tables.open_file(path, "a") as h5file:
        change(h5file)
