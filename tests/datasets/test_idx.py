"""IDX files: what is written is read, and what is no such file is refused by name."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import neurosim as ns
from neurosim_datasets import fashion_mnist, mnist
from neurosim_datasets.idx import DEBIAN_FASHION_MNIST, read_idx


def written(array: np.ndarray) -> bytes:
    """Return an array as an IDX file, from the description of the format."""
    lengths = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


def a_set(folder: Path, n: int = 3) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(1).integers(0, 256, (n, 28, 28))
    labels = np.arange(n) % 10
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(written(images)))
    (folder / "train-labels-idx1-ubyte").write_bytes(written(labels))
    return images, labels


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)),
    packed=st.booleans(),
)
def test_what_is_written_is_read(
    array: np.ndarray, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(written(array)) if packed else written(array))
    assert np.array_equal(read_idx(path, array.ndim), array)


def test_a_folder_gives_images_with_labels(tmp_path: Path) -> None:
    images, labels = a_set(tmp_path)
    for found in (mnist(tmp_path), fashion_mnist(folder=tmp_path)):
        assert np.array_equal(found.images * 255, images)
        assert np.array_equal(found.labels, labels)
    assert mnist(tmp_path) is mnist(tmp_path)


def test_mnist_in_one_npz(tmp_path: Path) -> None:
    images = np.random.default_rng(2).integers(0, 256, (4, 28, 28)).astype(np.uint8)
    labels = np.arange(4, dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:1])
    for named in (tmp_path, tmp_path / "mnist.npz"):
        found = mnist(named)
        assert np.array_equal(found.images * 255, images)
        assert found.labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(ns.DescriptionError, match="x_test and y_test"):
        mnist(tmp_path, "test")
    for name, wrong, message in (
        ("a", {"x_train": images.astype(float), "y_train": labels}, "x_train"),
        ("b", {"x_train": images.reshape(4, 784), "y_train": labels}, "x_train"),
        ("c", {"x_train": images, "y_train": labels[:3]}, "y_train"),
    ):
        np.savez(tmp_path / f"{name}.npz", **wrong)
        with pytest.raises(ns.DescriptionError, match=message):
            mnist(tmp_path / f"{name}.npz")
    for name, content in (("cut", (tmp_path / "mnist.npz").read_bytes()[:999]), ("none", b"")):
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(ns.DescriptionError, match="file with x_train"):
            mnist(tmp_path / f"{name}.npz")
    with pytest.raises(ns.DescriptionError, match="file with x_train"):
        mnist(tmp_path / "missing.npz")
    idx, _ = a_set(tmp_path)
    mnist.__globals__["_labelled"].cache_clear()
    assert len(mnist(tmp_path)) == len(idx), "IDX files go before"


def test_what_is_missing_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ns.DescriptionError, match="apt install dataset-fashion-mnist"):
        fashion_mnist(folder=tmp_path)
    a_set(tmp_path)
    with pytest.raises(ns.DescriptionError, match="t10k-images-idx3-ubyte"):
        mnist(tmp_path, "test")
    with pytest.raises(ns.UnknownNameError, match="part"):
        mnist(tmp_path, "validation")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x09\x01\0\0\0\0", b"\0\0\x08\x02" + bytes(8),
     written(np.arange(5))[:-1], written(np.arange(5)) + b"\0"],
    ids=["empty", "cut", "other type", "other axes", "too short", "too long"],
)  # fmt: skip
def test_no_such_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ns.DescriptionError, match="read_idx"):
        read_idx(tmp_path / "a", 1)
    (tmp_path / "a.gz").write_bytes(gzip.compress(written(np.arange(99)))[:-9])
    with pytest.raises(ns.DescriptionError, match="can be read"):
        read_idx(tmp_path / "a.gz", 1)


# 31 MB from a mirror of Debian, and of no other system: no part of `make venv`. How such files are
# read is tested above; this is whether the package has them where we look.
@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="needs dataset-fashion-mnist")
def test_the_debian_package_is_found() -> None:
    found = fashion_mnist("test")
    assert found.images.shape == (10_000, 28, 28)
    assert np.bincount(found.labels).tolist() == [1000] * 10
