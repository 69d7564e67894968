"""Networks in files: what is read is what was written, or is refused with the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurosim.describe import explicit, rules
from neurosim.describe.currents import ConstantCurrent
from neurosim.describe.distributions import Exponential, LogNormal, Normal
from neurosim.describe.files import classes
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF, AdEx
from neurosim.describe.positions import RandomPositions
from neurosim.describe.reading import load_network
from neurosim.describe.sources import Input, Poisson, SpikeTimes
from neurosim.describe.synapses import Delta, ExpConductance
from neurosim.equations.model import NeuronModel
from neurosim.errors import DescriptionError
from tests.describe.builders import balanced


def everything() -> Network:
    """Every rule, kind of value and kind of model."""
    net = Network("everything", seed=2**60 + 1)
    text = NeuronModel(
        "own",
        equations="dv/dt = (I_0 - v)/tau : mV\ntau : ms\nI_0 : mV",
        threshold="v >= 10*mV",
        reset="v = 0*mV",
        inputs={"in": "jump v"},
        parameters={"tau": "20 ms", "I_0": np.linspace(9, 12, 16)},
    )
    a = net.population("a", (4, 4), text, positions=RandomPositions((1, 2), periodic=True))
    b = net.population("b", 16, LIF(tau_m=Normal(20, 1, redraw=(1, None)), synapses=Delta()),
                       positions=RandomPositions((1, 2), periodic=True))  # fmt: skip
    c = net.population("c", 4, AdEx(synapses=ExpConductance()))
    net.population("in", 3, SpikeTimes([[1.0, 2.5], [], [7.0]]))
    net.population("image", (4, 4), Input("spikes"))
    net.project(a, b, rules.AllToAll(autapses=False), weight=np.arange(256.0).reshape(16, 16))
    net.project(a, b, rules.OneToOne(), delay=Exponential(2, 0.5, clip=(None, 9)))
    net.project(a[1:3, ::2] + b, a, rules.FixedIndegree(np.arange(16)), receptor="in")
    net.project(b, a, rules.FixedOutdegree(3, multapses=False), weight=LogNormal(0, 1))
    net.project(b, a, rules.FixedTotalNumber(7), release=0.25)
    net.project(a, a, explicit.FromList([(0, 1, 2, 1.5)]), name="x -> y")
    net.project(a, a, explicit.FromMatrix(np.diag(np.arange(16.0))), delay=np.full((16, 16), 2.0))
    net.project(a, b, explicit.DistanceDependent("minimum(1, exp(-d))", max_distance=0.5))
    net.project(net["image"], a, explicit.Conv2D(np.ones((1, 1, 3, 3)), padding=1))
    net.project(net["in"], c, rules.FixedProbability(0.1, autapses=False), receptor="exc")
    net.initialise(a[:, 0] + a[:, 1], v=np.arange(8.0))
    net.initialise(b[3], V_m=-60)
    net.drive(b[::-1], Poisson(rate=np.arange(16.0)), weight=np.arange(16.0))
    net.inject(c, ConstantCurrent(amplitude=100))
    net.record(a.flat()[[5, 2]], "v", every=0.5, initial=True)
    net.record(b, ["V_m"], reduce="mean")
    net.record(net["x -> y"], "weight", every=5)
    return net


@pytest.mark.parametrize("make", [balanced, everything, lambda: Network("empty")])
def test_round_trip(make: Any, tmp_path: Path) -> None:
    net = make()
    path = tmp_path / "net.h5"
    net.save(path)
    again = load_network(path)
    assert again.content_hash() == net.content_hash()
    assert repr(again) == repr(net)
    again.save(tmp_path / "again.h5")
    assert load_network(tmp_path / "again.h5").content_hash() == net.content_hash()


def test_views_and_names_survive(tmp_path: Path) -> None:
    net = everything()
    net.save(tmp_path / "net.h5")
    again = load_network(tmp_path / "net.h5")
    assert again.seed == 2**60 + 1
    for name, projection in net.projections.items():
        np.testing.assert_array_equal(again.projections[name].pre.ids, projection.pre.ids)
        assert again.projections[name].pre.shape == projection.pre.shape
        assert repr(again.projections[name].rule) == repr(projection.rule)


def test_files_are_small_and_self_contained(tmp_path: Path) -> None:
    net = Network("large")
    a = net.population("a", 1_000_000, LIF(synapses=Delta()))
    net.project(a, a[500_000:], rules.FixedIndegree(100))
    net.record(a, "spikes")
    net.save(tmp_path / "net.h5")
    assert os.path.getsize(tmp_path / "net.h5") < 20_000
    assert os.listdir(tmp_path) == ["net.h5"]


def test_an_existing_file_is_replaced_at_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.h5"
    balanced().save(path)
    before = path.read_bytes()

    def failing(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="no space"):
        everything().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.h5"]


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        load_network(tmp_path / "nothing.h5")
    with pytest.raises(FileNotFoundError):
        load_network(tmp_path)
    text = tmp_path / "text.h5"
    text.write_text("hello")
    with pytest.raises(DescriptionError, match=r"a file written by Network.save"):
        load_network(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(DescriptionError, match="of the format 'neurosim network'"):
        load_network(other)


def test_later_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    balanced().save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 99
    with pytest.raises(DescriptionError, match="later version"):
        load_network(path)


def changed(path: Path, change: Any) -> None:
    with h5py.File(path, "r+") as file:
        content = json.loads(file["content"][()])
        change(content)
        del file["content"]
        file["content"] = json.dumps(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(seed=7),
        lambda c: c.pop("projections"),
        lambda c: c["populations"][0].update(shape=[-3]),
        lambda c: c["populations"][0]["model"].update({"class": "Popen"}),
        lambda c: c["populations"][0]["model"]["fields"].update(nonsense=3),
        lambda c: c["populations"][0]["model"]["fields"].update(tau_m=21.0),
        lambda c: c["projections"][0].update(weight={"array": 99}),
        lambda c: c["projections"][0].update(weight="NaN"),
        lambda c: c["drives"].clear(),
        lambda c: c.update(populations=3),
    ],
)
def test_damaged_files_are_refused(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    balanced().save(path)
    changed(path, change)
    with pytest.raises(DescriptionError, match=r"net.h5' is 'unreadable'"):
        load_network(path)


SLOW_FILES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW_FILES)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_flipped_bytes_never_pass_unseen(tmp_path: Path, at: float, flip: int) -> None:
    """A damaged file is refused, or means what it meant (bytes that nobody reads)."""
    path = tmp_path / "net.h5"
    net = balanced()
    net.save(path)
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= flip
    path.write_bytes(bytes(data))
    try:
        again = load_network(path)
    except DescriptionError:
        return
    assert again.content_hash() == net.content_hash()


def test_cut_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    balanced().save(path)
    data = path.read_bytes()
    for fraction in (0.0, 0.3, 0.9):
        path.write_bytes(data[: int(fraction * len(data))])
        with pytest.raises(DescriptionError):
            load_network(path)


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    class Own(LIF):
        """A class that no file can name."""

    net = Network("own")
    net.population("a", 1, Own())
    with pytest.raises(DescriptionError, match=r"Network\.save"):
        net.save(tmp_path / "net.h5")
    assert os.listdir(tmp_path) == []


def test_files_name_classes_of_neurosim_only() -> None:
    assert {"LIF", "Poisson", "FromMatrix", "Normal", "NeuronModel"} <= set(classes())
    outside = [
        c for c in classes().values() if not c.__module__.startswith(("neurosim", "fractions"))
    ]
    assert outside == []
