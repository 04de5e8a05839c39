"""How fast a bundle generates."""

import time

import numpy as np

from ..sampling.generate import Sampler

BATCHES = (1, 100, 1000, 10_000)
_SECONDS = 1.5  # spent on every batch size
_MAX_REPEATS = 20
_ENOUGH_SECONDS = 5.0  # of one call, after which it is not repeated


def generation_rates(
    bundle, labels, seed: int, longest: float = 40.0
) -> dict[str, dict[str, float]]:
    """Images per second for requests of several sizes, compilation not counted.

    Large requests are generated in parts, as everywhere.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    labels : astropy.table.Table
        Labels to generate for, repeated as needed.
    longest : float
        s; sizes of which one call would take longer are left out.

    Returns
    -------
    dict of str to dict
        ``batch_1`` ...: ``images_per_second`` and ``ms_per_image``, medians over calls.
    """
    sampler = Sampler(bundle, seed)
    rates, seconds_per_image = {}, 0.0
    for size in BATCHES:
        if size * seconds_per_image > longest:
            continue
        batch = labels[np.resize(np.arange(len(labels)), size)]
        sampler.generate(batch[: sampler.batch_size])
        seconds = _median_seconds(lambda rows=batch: sampler.generate(rows))
        seconds_per_image = seconds / size
        rates[f"batch_{size}"] = {
            "images_per_second": size / seconds,
            "ms_per_image": 1e3 * seconds / size,
        }
    return rates


def _median_seconds(call) -> float:
    durations = []
    while _too_few(durations):
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
    return float(np.median(durations))


def _too_few(durations: list[float]) -> bool:
    if len(durations) < 3:
        return sum(durations) < _ENOUGH_SECONDS
    return sum(durations) < _SECONDS and len(durations) < _MAX_REPEATS
