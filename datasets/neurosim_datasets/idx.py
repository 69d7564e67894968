"""MNIST and the sets that follow it, in IDX files or in one .npz; nothing is downloaded."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim_datasets.images import LabelledImages

Bytes: TypeAlias = npt.NDArray[np.uint8]

PARTS = {"train": "train", "test": "t10k"}
"""How the names of files begin."""

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where the package dataset-fashion-mnist of Debian and Ubuntu puts the files."""

_BYTES = 0x08
"""The only type of numbers in these files."""


def fashion_mnist(part: str = "train", folder: str | Path | None = None) -> LabelledImages:
    """Return Fashion-MNIST: pictures of clothes of ten classes, 28 x 28 pixels.

    0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle
    boot.

    Parameters
    ----------
    part : {"train", "test"}
        60,000 or 10,000 pictures.
    folder : path, optional
        Where the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` are, as they are or as ``.gz``.
        Left out: where ``apt install dataset-fashion-mnist`` puts them.

    Returns
    -------
    LabelledImages
        Multiples of 1/255. The same object at each call.

    Raises
    ------
    DescriptionError
        If the files are not there, or are no such files.

    Source: Xiao, Rasul & Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms, arXiv:1708.07747. Licence: MIT.
    """
    place = Path(folder) if folder is not None else DEBIAN_FASHION_MNIST
    return _labelled(
        "fashion_mnist", part, place,
        "On Debian and Ubuntu `apt install dataset-fashion-mnist` brings them; they are also "
        "published at github.com/zalandoresearch/fashion-mnist.",
        "Xiao, Rasul & Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking "
        "machine learning algorithms, arXiv:1708.07747",
        "MIT",
    )  # fmt: skip


def mnist(folder: str | Path, part: str = "train") -> LabelledImages:
    """Return MNIST, handwritten digits of 28 x 28 pixels, from the published files.

    `neurosim_datasets.mnist_sample` has 5,000 of them without any file.

    Parameters
    ----------
    folder : path
        Where the files are, named as for `fashion_mnist`; or where ``mnist.npz`` is, with the
        arrays ``x_train``, ``y_train``, ``x_test``, ``y_test``, as Keras keeps it. IDX files go
        before. Or the name of an .npz file.
    part : {"train", "test"}
        60,000 or 10,000 pictures.

    Returns
    -------
    LabelledImages
        Multiples of 1/255. The same object at each call.

    Raises
    ------
    DescriptionError
        If the files are not there, or are no such files.

    Source: LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278-2324, doi 10.1109/5.726791.
    Licence: CC BY-SA 3.0.
    """
    return _labelled(
        "mnist", part, Path(folder),
        "Keras, torchvision and others store them; they are named like train-images-idx3-ubyte.gz.",
        "LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278-2324, doi 10.1109/5.726791",
        "CC BY-SA 3.0",
    )  # fmt: skip


@cache
def _labelled(
    name: str, part: str, folder: Path, hint: str, source: str, licence: str
) -> LabelledImages:
    if part not in PARTS:
        raise UnknownNameError(f"{name}: part", part, PARTS)
    archive = _archive(folder, name, f"{PARTS[part]}-images-idx3-ubyte")
    if archive is not None:
        images, labels = _from_npz(archive, part, name)
    else:
        images, labels = (
            read_idx(_found(folder, f"{PARTS[part]}-{kind}", name, hint), dimensions)
            for kind, dimensions in (("images-idx3-ubyte", 3), ("labels-idx1-ubyte", 1))
        )
    return LabelledImages(
        name=f"{name} {part}", images=images / 255.0, labels=labels.astype(np.int64),
        source=source, licence=licence,
    )  # fmt: skip


def _archive(folder: Path, name: str, first: str) -> Path | None:
    """Return the .npz file that is meant, if one is: named, or there and no IDX file is."""
    if folder.suffix == ".npz":
        return folder
    there = folder / f"{name}.npz"
    idx = (folder / first).is_file() or (folder / f"{first}.gz").is_file()
    return there if there.is_file() and not idx else None


def _from_npz(path: Path, part: str, name: str) -> tuple[Bytes, Bytes]:
    """Return images and labels of one part, as Keras names them."""
    place = f"{name}: {str(path)!r}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise DescriptionError(
            place, str(error), f"an .npz file with x_{part} and y_{part}"
        ) from None
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DescriptionError(f"{place}: x_{part}", images, "bytes of the shape (n, 28, 28)")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise DescriptionError(f"{place}: y_{part}", labels, f"{len(images)} whole numbers")
    return images, labels


def _found(folder: Path, file: str, name: str, hint: str) -> Path:
    for path in (folder / f"{file}.gz", folder / file):
        if path.is_file():
            return path
    raise DescriptionError(f"{name}: folder", str(folder), f"a folder with {file}.gz", hint)


def read_idx(path: str | Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the array of an IDX file of bytes, compressed or not.

    The first two bytes are 0, the third says that numbers are unsigned bytes, the fourth how many
    axes there are; then follow their lengths, four bytes each, the highest first, and the numbers.

    Raises
    ------
    DescriptionError
        If it is no such file, or does not end where it should.
    """
    path = Path(path)
    place = f"read_idx: {str(path)!r}"
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content: Any = file.read()
    except (OSError, EOFError) as error:
        raise DescriptionError(place, str(error), "a file that can be read") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes((0, 0, _BYTES, dimensions)):
        raise DescriptionError(
            place, content[:4], f"the beginning of an IDX file of bytes with {dimensions} axes"
        )
    shape = tuple(np.frombuffer(content, ">u4", dimensions, 4).tolist())
    numbers = np.frombuffer(content, np.uint8, offset=header)
    if numbers.size != np.prod(shape, dtype=np.int64):
        raise DescriptionError(place, numbers.size, f"{shape} numbers after its header")
    return numbers.reshape(shape)
