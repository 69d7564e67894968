"""Images and labels as they are handed over: tensors or arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.conversion.operators import Floats, Shape
from neurosim.errors import DescriptionError


def plain(value: Any) -> Any:
    """Return a tensor as an array, on whatever device it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def checked_images(images: Any, shape: Shape, place: str) -> Floats:
    """Return images as (n, *shape) float64.

    Raises
    ------
    DescriptionError
        If they are of another shape, none, or not of finite numbers.
    """
    array = np.asarray(plain(images))
    if array.dtype.kind not in "biuf" or array.shape[1:] != shape or not len(array):
        raise DescriptionError(place, array, f"images (n, {', '.join(map(str, shape))})")
    if not np.isfinite(array).all():
        raise DescriptionError(place, array, "finite numbers")
    return array.astype(np.float64)


def checked_labels(labels: Any, n: int, n_classes: int, place: str) -> Any:
    """Return labels as (n,) int64.

    Raises
    ------
    DescriptionError
        If they are no whole numbers from 0 to n_classes - 1, or not as many as images.
    """
    array = np.asarray(plain(labels))
    if array.dtype.kind not in "iu" or array.shape != (n,):
        raise DescriptionError(place, array, f"{n} whole numbers, one per image")
    if array.size and not 0 <= array.min() <= array.max() < n_classes:
        wrong = array[(array < 0) | (array >= n_classes)]
        raise DescriptionError(
            place, int(wrong[0]), f"classes from 0 to {n_classes - 1}, as the module has outputs"
        )
    return array.astype(np.int64)
