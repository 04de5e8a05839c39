"""Compiled tail-cut cleaning of batches of images."""

import numpy as np

from ..compiled import compiled


@compiled
def tail_cuts(images, indices, indptr, picture, boundary, keep_isolated, min_neighbors):
    """Masks (n, n_pixels) of ctapipe's ``tailcuts_clean``; neighbours as CSR indices/indptr."""
    n_images, n_pixels = images.shape
    masks = np.zeros((n_images, n_pixels), np.bool_)
    in_picture = np.zeros(n_pixels, np.bool_)
    for i in range(n_images):
        image = images[i]
        for pixel in range(n_pixels):
            in_picture[pixel] = image[pixel] >= picture
            if in_picture[pixel] and min_neighbors > 0 and not keep_isolated:
                n_above = 0
                for k in range(indptr[pixel], indptr[pixel + 1]):
                    n_above += image[indices[k]] >= picture
                in_picture[pixel] = n_above >= min_neighbors
        for pixel in range(n_pixels):
            if image[pixel] < boundary and not in_picture[pixel]:
                continue
            beside_picture, beside_boundary = False, False
            for k in range(indptr[pixel], indptr[pixel + 1]):
                beside_picture |= in_picture[indices[k]]
                beside_boundary |= image[indices[k]] >= boundary
            masks[i, pixel] = (beside_picture and image[pixel] >= boundary) or (
                in_picture[pixel] and (keep_isolated or beside_boundary)
            )
    return masks
