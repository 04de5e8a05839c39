"""How many images a network is given at once: as many as fit into a fixed number of bytes.

Every room that runs a network over images asks here, whatever the number of images, the camera and
the width of the network.
"""

import math
from collections.abc import Iterator

#: What the features of a batch may take, in bytes: half a GiB.
BATCH_BYTES = 2**29
#: Outputs as large as the largest one that are in memory at the same time (5 were measured).
_AT_ONCE = 6
_FLOAT_BYTES = 4


def images_per_batch(network, most: int) -> int:
    """Images to give a network at once, at least one.

    Parameters
    ----------
    network : keras.Model
        Of fixed input sizes.
    most : int
        Not more than this, however small they are.
    """
    needed = _FLOAT_BYTES * _AT_ONCE * max(_output_sizes(network))
    return max(1, min(most, BATCH_BYTES // needed))


def _output_sizes(network) -> Iterator[int]:
    """Numbers per image that each layer makes, those of models within it too."""
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _output_sizes(layer)
            continue
        outputs = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
        yield from (math.prod(output.shape[1:]) for output in outputs)
