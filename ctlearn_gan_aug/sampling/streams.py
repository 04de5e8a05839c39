"""Random numbers of single images: streams of NumPy's, the same on every Keras backend."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

#: Images whose random numbers one thread draws at a time; NumPy does so without Python's lock.
_PER_THREAD = 32
#: Blocks of an image's numbers: of its generator, of a choice among candidates, of a refiner.
GENERATOR, CHOICE, REFINER = range(3)


def draw_each(
    seed: int,
    numbers: np.ndarray,
    draw: Callable[[int, np.random.Generator], None],
    block: int = GENERATOR,
) -> None:
    """Let every image draw from a stream of its own, on all processors.

    What an image draws depends on the seed, its number and the block alone, not on its batch.

    Parameters
    ----------
    seed : int
        Of all streams.
    numbers : ndarray of int64 (n,)
        Numbers of the images, not negative.
    draw : callable
        Is given the place of an image in ``numbers`` and its stream, which it must not keep.
    block : int
        Which part of the image's numbers; no two of them meet.
    """

    def draw_part(start: int) -> None:
        bits = np.random.Philox(0)
        stream, state = np.random.Generator(bits), bits.state
        state["state"]["counter"][-1] = block
        for i in range(start, min(start + _PER_THREAD, len(numbers))):
            # A generator of its own for every image would cost more than its numbers.
            state["state"]["key"][:] = seed, numbers[i]
            bits.state = state
            draw(i, stream)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        list(threads.map(draw_part, range(0, len(numbers), _PER_THREAD)))
