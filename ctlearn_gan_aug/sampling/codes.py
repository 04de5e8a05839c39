"""What the codes of a generator do: images that differ in one of them alone."""

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..errors import UserError
from ..models.codes import chosen_latents
from .generate import Sampler

#: Values of a continuous code that are shown, of a normal distribution.
_VALUES = (-2.0, -1.0, 0.0, 1.0, 2.0)


def code_values(bundle: Bundle, code: int) -> tuple[float, ...]:
    """Values of a code worth a look: two standard deviations each way, or all categories.

    Raises
    ------
    UserError
        If the generator has no such code.
    """
    config = bundle.meta.generator.codes
    n_codes = len(config.parts) if config else 0
    if not 0 <= code < n_codes:
        have = f"codes 0 to {n_codes - 1}" if n_codes else "no codes (generator.codes)"
        raise UserError(f"{bundle.path}: there is no code {code}; this generator has {have}.")
    if code < config.continuous:
        return _VALUES
    part = config.parts[code]
    return tuple(float(i) for i in range(part.stop - part.start))


def scan_code(sampler: Sampler, labels: Table, code: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of events with every value of a code; all else of an event stays as it is.

    Parameters
    ----------
    sampler : Sampler
        Of a generator with codes.
    labels : Table (n rows)
        Event label table.
    code : int
        Number of the code, continuous ones first.

    Returns
    -------
    (ndarray (n, k, n_pixels, n_channels), ndarray (k,))
        Images in p.e. and ns, and values of the code.

    Raises
    ------
    UserError
        If the generator has no such code.
    """
    values = np.array(code_values(sampler.bundle, code))
    config = sampler.bundle.meta.generator.codes
    latents = np.stack([chosen_latents(config, code, value) for value in values])
    n, k = len(labels), len(values)
    encoded = np.repeat(sampler.bundle.labels.encode(labels), k, axis=0)
    numbers = np.repeat(np.arange(n, dtype=np.int64), k)
    images = sampler.images(numbers, encoded, np.tile(latents, (n, 1)))
    return images.reshape(n, k, *images.shape[1:]), values
