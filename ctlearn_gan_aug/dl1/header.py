"""Reference metadata of the files we write, as every CTAO data product has it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import tables

from .. import __version__

_SOFTWARE = "ctlearn_gan_aug"


@dataclass(frozen=True)
class ProductInfo:
    """What a written file says about itself.

    Attributes
    ----------
    activity : str
        The command that writes the file.
    description : str
        One sentence on the content.
    process_subtype : str
        Kind of simulation; the type stays ``Simulation``, without which no reader takes the file.
    context : dict of str to str or number
        Further entries, written as ``CONTEXT <key>``.
    """

    activity: str
    description: str
    process_subtype: str
    context: dict[str, str | int | float] = field(default_factory=dict)


def write_header(
    h5file: tables.File, product: ProductInfo, obs_ids: Sequence[int], start_time
) -> None:
    """Replace the header that came with the skeleton by one of a new product.

    Parameters
    ----------
    h5file : tables.File
        Open for writing.
    product : ProductInfo
        What the file is.
    obs_ids : sequence of int
        All runs in the file.
    start_time : astropy.time.Time
        When writing began.
    """
    import uuid

    from astropy.time import Time
    from ctapipe.io import metadata

    header = metadata.Reference.from_dict(metadata.read_hdf5_metadata(h5file))
    header.contact = metadata.Contact()
    header.product.id_ = str(uuid.uuid4())
    header.product.creation_time = Time.now()
    header.product.description = product.description
    header.process.type_ = "Simulation"
    header.process.subtype = product.process_subtype
    header.process.id_ = ",".join(map(str, obs_ids))
    header.activity = metadata.Activity(
        name=product.activity,
        id_=str(uuid.uuid4()),
        start_time=start_time,
        stop_time=Time.now(),
        software_name=_SOFTWARE,
        software_version=__version__,
    )
    context = {f"CONTEXT {key}": value for key, value in product.context.items()}
    metadata.write_to_hdf5(header.to_dict() | context, h5file)
