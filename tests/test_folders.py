"""Folders for hardware: what `export` writes runs elsewhere, and what is changed in one is told."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import neurosim as ns
from neurosim.cli import app
from neurosim.folders import arrays as folder_arrays
from neurosim.folders.arrays import digest, packed
from neurosim_backends.lava.environment import ENVIRONMENT

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]

STEPS = 40


def described(inputs: bool = True) -> ns.Network:
    """Return a network with delays, currents, jumps and recurrence that NIR has words for."""
    net = ns.Network("taken away", seed=3, dt=1.0)
    kind = ns.Input("spikes") if inputs else ns.Poisson(rate=150)
    source = net.population("source", 6, kind)
    lif = ns.LIF(
        tau_m=20, C_m=200, E_L=-65, V_reset=-65, t_ref=0, I_e=100,
        synapses=ns.Receptors(syn=ns.ExpCurrent.receptor(tau=5.0)),
    )  # fmt: skip
    cells = net.population("cells [exc]", 8, lif)
    jumps = net.population("jumps", 3, ns.LIF(E_L=-65, V_reset=-65, t_ref=0, synapses=ns.Delta()))
    net.initialise(cells + jumps, V_m=-65.0)
    net.project(source, cells, ns.FixedIndegree(4, multapses=False), weight=ns.Normal(150, 20))
    net.project(cells, cells, ns.FixedIndegree(2, multapses=False), weight=-40.0, delay=3.0)
    net.project(cells, jumps, ns.AllToAll(), weight=6.0, delay=2.0)
    net.record(cells + jumps, "spikes")
    return net


def shown() -> np.ndarray:
    return (np.random.default_rng(5).random((STEPS, 6)) < 0.2).astype(float)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that no test changes."""
    path = tmp_path_factory.mktemp("folders") / "chip"
    text = ns.export(
        described(), "loihi", path, duration=STEPS, inputs={"source": shown()}, certificate=False
    )
    assert text == (path / "lava_script.py").read_text()
    return path


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may harm."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def manifest_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest."""
    said = manifest_of(folder)
    change(said)
    (folder / "manifest.json").write_text(json.dumps(said))


def hashed_again(folder: Path) -> None:
    """Give the manifest the hashes of the files as they are: what a forger would do."""
    said = manifest_of(folder)
    for name in said["files"]:
        content = (folder / name).read_bytes()
        said["files"][name] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
        if name.endswith(".npz"):
            with np.load(folder / name) as found:
                for array in found.files:
                    said["arrays"][name][array]["sha256"] = digest(found[array])
    (folder / "manifest.json").write_text(json.dumps(said))


def with_array(folder: Path, file: str, name: str, change: Callable[[Any], None]) -> None:
    """Change an array in a file."""
    with np.load(folder / file) as found:
        kept = {n: found[n].copy() for n in found.files}
    change(kept[name])
    (folder / file).write_bytes(packed(kept))


def golden_spike(folder: Path) -> tuple[int, int]:
    """Return step and neuron of a spike of 'cells [exc]', the second population."""
    with np.load(folder / "golden.npz") as kept:
        step, neuron = kept["spike_step"], kept["spike_neuron"]
    mine = np.flatnonzero((neuron >= 6) & (neuron < 14))
    assert mine.size > 5
    return int(step[mine[0]]), int(neuron[mine[0]]) - 6


def verified_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Lava and the readers of NIR out: they are slow to start, and two tests have them."""
    from neurosim.folders import verifying

    def alone(path: Any) -> Any:
        return ns.verify_nir(path, simulators=[], steps=20)

    monkeypatch.setattr(verifying, "verify_nir", alone)
    missing = "Lava, left out here"
    monkeypatch.setattr(type(ENVIRONMENT), "problem", property(lambda self: missing))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    verified_by(monkeypatch)


def test_a_folder_runs_again_everywhere(written: Path) -> None:
    """On our own core, in Lava, and its graph in three readers of NIR."""
    report = ns.verify(written)
    assert report.agrees
    assert report["loihi"].verdict == "same"
    assert report["nir"].verdict == "same", report
    assert report["nir"].told.count("same spikes") > 0
    wanted = "same" if ENVIRONMENT.interpreter else "not run"
    assert report["lava"].verdict == wanted
    said = manifest_of(written)
    assert report.digest == sha256((written / "manifest.json").read_bytes()).hexdigest()
    assert said["network"]["content_hash"] == described().content_hash()
    assert [r["verdict"] for r in said["repeated"]] == ["same", wanted]
    told = ns.explain(described(), "loihi").approximated
    assert {a["how"] for a in said["approximations"]} == {f.how for f in told}


def test_the_script_stands_alone(written: Path) -> None:
    """In an interpreter that has Lava, and has never heard of neurosim."""
    text = (written / "lava_script.py").read_text()
    roots = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert roots == {"sys", "pathlib", "numpy", "lava"}
    if ENVIRONMENT.interpreter is None:
        assert not os.environ.get("CI"), ENVIRONMENT.problem
        pytest.skip(f"{ENVIRONMENT.problem}")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    ran = subprocess.run(
        [ENVIRONMENT.interpreter, "-I", "lava_script.py"], cwd=written, env=clean, timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    with np.load(written / "golden.npz") as kept:
        n = np.count_nonzero(kept["spike_neuron"] < 14)
    assert f"cells [exc]: {n} spikes, all as they should be" in ran.stdout


def test_scales_give_millivolts_and_picoamperes_back(written: Path) -> None:
    """Integers times the scales of the manifest are what a session tells of the same network."""
    facts = manifest_of(written)["facts"]
    session = ns.compile(described(), "loihi")
    run = session.run(STEPS, inputs={"source": shown()}, progress=False)
    with np.load(written / "golden.npz") as kept, np.load(written / "quantised.npz") as numbers:
        cells = facts["populations"][1]
        v = cells["mV_at_v_of_0"] + kept["last_v"][6:14] * cells["mV_per_unit_of_v"]
        np.testing.assert_allclose(v, session.get("cells [exc]", "V_m"), rtol=1e-12)
        mine = (kept["spike_neuron"] >= 6) & (kept["spike_neuron"] < 14)
        assert (kept["spike_step"][mine] + 1.0).tolist() == run.spikes["cells [exc]"].times.tolist()
        group = facts["synapses"][0]
        weights = numbers["g0_weight"] * group["weight_of_1"]
    assert (group["unit"], group["name"][:6]) == ("pA", "source")
    np.testing.assert_allclose(
        np.sort(weights), np.sort(session.connections("source->cells [exc]").weight), rtol=1e-12
    )


def heavier(weights: Any) -> None:
    weights[0] -= 128


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("forged", [False, True], ids=["plain", "hashed again"])
def test_a_changed_weight_is_told(folder: Path, forged: bool) -> None:
    with_array(folder, "quantised.npz", "g0_weight", heavier)
    if forged:
        hashed_again(folder)
    report = ns.verify(folder)
    assert not report.agrees
    told = [str(d) for d in report.differences]
    if not forged:
        assert any("sha256 is not that of the manifest" in d or "bytes in place" in d for d in told)
        assert any("g0_weight changed: synapses 'source->cells [exc]" in d for d in told)
    run = [d for d in report.differences if d.population == "cells [exc]"]
    assert run
    assert run[0].step is not None
    assert run[0].neuron is not None
    assert run[0].file == "golden.npz"


@pytest.mark.usefixtures("quick")
def test_a_changed_golden_spike_is_told_with_its_place(folder: Path) -> None:
    step, neuron = golden_spike(folder)

    def later(steps: Any) -> None:
        with np.load(folder / "golden.npz") as kept:
            at = np.flatnonzero((kept["spike_step"] == step) & (kept["spike_neuron"] == neuron + 6))
        steps[at] += 1000

    with_array(folder, "golden.npz", "spike_step", later)
    hashed_again(folder)
    found = CliRunner().invoke(app, ["verify", str(folder)], env={"COLUMNS": "200"})
    assert found.exit_code == 3
    place = f"golden.npz, population 'cells [exc]', step {step}, neuron {neuron}: a spike that was"
    assert place in " ".join(found.output.split())


@pytest.mark.usefixtures("quick")
def test_a_changed_script_is_told(folder: Path) -> None:
    with (folder / "lava_script.py").open("a") as file:
        file.write("import os\n")
    assert "lava_script.py: 4" in str(ns.verify(folder).differences[0])
    hashed_again(folder)
    assert [str(d) for d in ns.verify(folder).differences] == [
        "lava_script.py: not the text that follows from the manifest"
    ]


@pytest.mark.usefixtures("quick")
def test_scripts_of_another_version_are_told_as_not_compared(folder: Path) -> None:
    """They may differ for good reasons: nobody is told that they are the same."""
    assert ns.verify(folder)["scripts"].verdict == "same"
    with (folder / "lava_script.py").open("a") as file:
        file.write("import os\n")
    hashed_again(folder)
    rewritten(folder, lambda said: said["versions"].update({"neurosim-snn": "9"}))
    check = ns.verify(folder)["scripts"]
    assert (check.verdict, check.told) == (
        "not run", "scripts not compared: written by version 9",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"overwrite": "no"}, "export: overwrite is 'no'; expected True or False"),
        ({"certificate": None}, "export: certificate is None"),
        ({"inputs": 5}, "export: inputs is 5"),
        ({"path": 5}, "export: path is 5"),
        ({"path": "a" * 300}, "export: path is .*too long"),
        ({"path": "a\0b"}, "export: path is .*null"),
    ],
)
@pytest.mark.parametrize("backend", ["loihi", "brian2"])
def test_arguments_of_export_are_checked_before_the_work(
    backend: str, given: dict[str, Any], match: str, tmp_path: Path
) -> None:
    path = given.get("path", tmp_path / "made")
    more = {k: v for k, v in given.items() if k != "path"}
    with pytest.raises(ns.DescriptionError, match=match):
        ns.export(described(inputs=False), backend, path, duration=STEPS, **more)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [5, "a" * 300, "a\0b"])
def test_what_is_no_name_of_a_folder_is_not_verified(name: Any) -> None:
    with pytest.raises(ns.DescriptionError, match="verify: folder"):
        ns.verify(name)


def test_a_shape_that_numpy_has_no_form_of_is_told(tmp_path: Path) -> None:
    header = str({"descr": "<i4", "fortran_order": False, "shape": (1,) * 65}) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("a.npy", content + bytes(4))
    with pytest.raises(ns.DescriptionError, match="a shape that arrays can have"):
        folder_arrays.read_arrays(tmp_path / "a.npz", {"a": (1,) * 65})


def missing(folder: Path) -> str:
    (folder / "quantised.npz").unlink()
    return "quantised.npz: missing"


def linked(folder: Path) -> str:
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/hostname")
    return "README.md: a link, which is not followed"


def truncated(folder: Path) -> str:
    path = folder / "golden.npz"
    path.write_bytes(path.read_bytes()[:-200])
    hashed_again_but_arrays(folder)
    return "golden.npz: golden.npz is 'damaged'"


def hashed_again_but_arrays(folder: Path) -> None:
    said = manifest_of(folder)
    for name in said["files"]:
        content = (folder / name).read_bytes()
        said["files"][name] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(said))


class Harmful:
    """Would tell, if it was unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def replaced(folder: Path, file: str, name: str, content: bytes) -> None:
    """Put bytes in the place of an array."""
    with zipfile.ZipFile(folder / file) as kept:
        members = {n: kept.read(n) for n in kept.namelist()}
    members[f"{name}.npy"] = content
    with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as made:
        for member, value in members.items():
            made.writestr(member, value)
    hashed_again_but_arrays(folder)


def pickled(folder: Path) -> str:
    made = io.BytesIO()
    np.save(made, np.array([Harmful()], object), allow_pickle=True)
    content = made.getvalue()
    size = manifest_of(folder)["arrays"]["quantised.npz"]["g0_weight"]["shape"][0] * 4
    replaced(
        folder, "quantised.npz", "g0_weight", content + bytes(max(0, size + 128 - len(content)))
    )
    return "quantised.npz: g0_weight.npy is 'pickled objects'"


def swollen(folder: Path) -> str:
    """An array of four megabytes of zeros in four thousand bytes, which the manifest admits to."""
    n = 1 << 20
    made = io.BytesIO()
    np.save(made, np.zeros(n, np.int32))
    replaced(folder, "quantised.npz", "g0_weight", made.getvalue())
    entry = "arrays", "quantised.npz", "g0_weight"
    rewritten(folder, lambda said: said[entry[0]][entry[1]][entry[2]].update(shape=[n]))
    return "at most 1,000,000 bytes"


def zip_bomb(folder: Path) -> str:
    """The same, which the manifest says nothing of: not unpacked, whatever the limit."""
    n = 1 << 20
    made = io.BytesIO()
    np.save(made, np.zeros(n, np.int32))
    replaced(folder, "quantised.npz", "g0_weight", made.getvalue())
    return "bytes of numbers and a header, as the manifest says. It was not unpacked."


def misshapen(folder: Path) -> str:
    rewritten(folder, lambda said: said["facts"]["populations"][1].update(size=9))
    return "of shape (8,)'; expected a vector of 9 numbers"


def spikes_from_neurons_that_send_none(folder: Path) -> str:
    with_array(folder, "golden.npz", "given_neuron", lambda a: a.__setitem__(0, 1 << 30))
    hashed_again(folder)
    return "golden.npz: given_neuron is 1073741824; expected neurons of generators"


def without_the_golden_run(folder: Path) -> str:
    rewritten(folder, lambda said: said["arrays"].pop("golden.npz"))
    return "manifest.json: arrays: golden.npz is None; expected arrays of that file"


def with_nothing_of_the_golden_run(folder: Path) -> str:
    rewritten(folder, lambda said: said["arrays"].update({"golden.npz": {}}))
    return "manifest.json: arrays: golden.npz is None; expected arrays of that file"


def headed(folder: Path, header: str) -> str:
    """Give an array a header of one's own."""
    size = manifest_of(folder)["arrays"]["quantised.npz"]["g0_weight"]["shape"][0] * 4
    line = (header + "\n").encode()
    content = b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + bytes(size)
    replaced(folder, "quantised.npz", "g0_weight", content)
    return "quantised.npz: g0_weight.npy is 'damaged'"


def header_of_mixed_keys(folder: Path) -> str:
    return headed(folder, "{1: 2, 'a': 3}")


def header_of_a_list_as_key(folder: Path) -> str:
    return headed(folder, "{[]: 2}")


def header_that_never_ends(folder: Path) -> str:
    return headed(folder, "(" * 300)


def unlisted(folder: Path) -> str:
    (folder / "extra.py").touch()
    return "extra.py: not listed in the manifest"


def wrong_graph(folder: Path) -> str:
    """A weight matrix of another shape, behind the hashes of a forger."""
    import h5py

    with h5py.File(folder / "network.nir", "a") as file:
        nodes = file["node/nodes"]
        name = next(n for n in nodes if nodes[n]["type"][()] == b"Affine")
        del nodes[name]["weight"]
        nodes[name]["weight"] = np.ones((2, 2))
    hashed_again_but_arrays(folder)
    return "network.nir: "


HARM = [
    missing, linked, truncated, pickled, swollen, zip_bomb, misshapen,
    spikes_from_neurons_that_send_none, wrong_graph, without_the_golden_run,
    with_nothing_of_the_golden_run, header_of_mixed_keys, header_of_a_list_as_key,
    header_that_never_ends, unlisted,
]  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("harm", HARM, ids=[h.__name__ for h in HARM])
def test_what_cannot_be_trusted_is_refused_by_name(
    harm: Callable[[Path], str], folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = harm(folder)
    monkeypatch.chdir(tmp_path)
    report = ns.verify(folder, most_bytes=1_000_000)
    assert not report.agrees
    assert any(wanted in str(d) for d in report.differences), report
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("'../../etc/passwd'; expected the name of a file in the folder",
         lambda m: m["files"].update({"../../etc/passwd": {"bytes": 1, "sha256": "0"}})),
        ("'/etc/passwd'", lambda m: m["files"].update({"/etc/passwd": {"bytes": 1, "sha256": ""}})),
        ("schema is 'neurosim folder 9'", lambda m: m.update(schema="neurosim folder 9")),
        ("backend", lambda m: m.update(backend="cpu")),
        ("facts: n_steps", lambda m: m["facts"].update(n_steps=1 << 60)),
        (r"facts: populations\[0\]: size", lambda m: m["facts"]["populations"][0].update(size=-1)),
        (r"facts: synapses\[0\]: pre", lambda m: m["facts"]["synapses"][0].update(pre=True)),
        ("nir", lambda m: m["nir"].update(file="elsewhere.nir")),
        ("arrays", lambda m: m.pop("arrays")),
        (r"facts: name is '\\ud800'; expected a text", lambda m: m["facts"].update(name="\ud800")),
        ("name of an entry", lambda m: m["arrays"].update({"\udc00": {}})),
        ("facts: dt_ms", lambda m: m["facts"].update(dt_ms=10**400)),
        ("facts: dt_ms", lambda m: m["facts"].update(dt_ms=0)),
        ("mV_at_v_of_0", lambda m: m["facts"]["populations"][1].update(mV_at_v_of_0=10**400)),
        ("last_u: shape is 'of 65 axes'; expected at most 32",
         lambda m: m["arrays"]["golden.npz"]["last_u"].update(shape=[1] * 65)),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_meant_is_an_error(
    name: str, change: Callable[[dict[str, Any]], None], folder: Path
) -> None:
    rewritten(folder, change)
    with pytest.raises(ns.DescriptionError, match=name):
        ns.verify(folder)
    found = CliRunner().invoke(app, ["verify", str(folder)])
    assert found.exit_code == 1


def test_no_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ns.DescriptionError, match=r"manifest\.json is None"):
        ns.verify(tmp_path)
    (tmp_path / "manifest.json").write_text("{" * 200_000)
    with pytest.raises(ns.DescriptionError, match="damaged"):
        ns.verify(tmp_path)
    with pytest.raises(ns.DescriptionError, match=r"a folder that ns\.export wrote"):
        ns.verify(tmp_path / "nowhere")


def test_zeros_that_pack_too_well_are_not_unpacked(tmp_path: Path) -> None:
    """Beyond what deflate reaches, whatever was declared: a zip that lies about its sizes."""
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, a=np.zeros(1 << 20, np.int32))
    assert folder_arrays.read_arrays(path, {"a": (1 << 20,)})["a"].sum() == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_arrays, "MOST_RATIO", 100)
        with pytest.raises(ns.DescriptionError, match="at most 100 out of one"):
            folder_arrays.read_arrays(path, {"a": (1 << 20,)})
    with pytest.raises(ns.DescriptionError, match="the arrays that the manifest lists"):
        folder_arrays.read_arrays(path, {"b": (1 << 20,)})


@pytest.mark.usefixtures("quick")
def test_a_folder_is_replaced_only_if_it_is_one(
    written: Path, folder: Path, tmp_path: Path
) -> None:
    """From the command line, with a drive: no NIR, and the manifest says why; a certificate."""
    net = described(inputs=False)
    with pytest.raises(ns.DescriptionError, match="overwrite=True"):
        ns.export(net, "loihi", folder, duration=STEPS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(ns.DescriptionError, match=r"manifest\.json"):
        ns.export(net, "loihi", tmp_path / "mine", duration=STEPS, overwrite=True)
    with pytest.raises(ns.DescriptionError, match="the name of a folder"):
        ns.export(net, "loihi", duration=STEPS)
    with pytest.raises(ns.DescriptionError, match="a script draws or replays"):
        ns.export(net, "brian2", inputs={})
    script = tmp_path / "network.py"
    script.write_text(
        "import neurosim as ns\n"
        "net = ns.Network('one', dt=1.0)\n"
        "source = net.population('source', 2, ns.Poisson(rate=200))\n"
        "cells = net.population('cells', 2, ns.PerfectIntegrator(synapses=ns.Delta(), V_th=4.0,"
        " reset='to'))\n"
        "net.project(source, cells, ns.AllToAll(), weight=2.0)\n"
        "net.record(cells, 'spikes')\n"
    )
    words = ["export", f"{script}:net", str(folder), "--backend", "loihi", "--duration", "20"]
    assert CliRunner().invoke(app, words).exit_code == 1
    found = CliRunner().invoke(app, [*words, "--overwrite"])
    assert found.exit_code == 0, found.output
    assert f"Folder {folder}: 7 files" in found.output
    assert not (folder / "network.nir").exists()
    said = manifest_of(folder)
    assert said["nir"]["file"] is None
    assert said["nir"]["why"]
    assert said["certificate"]["tier"] in ("bit-exact", "same spikes on the grid")
    kept = ns.Certificate.load(folder / "certificate.json")
    assert kept.headline == said["certificate"]["headline"]
    found = CliRunner().invoke(app, ["verify", str(folder)])
    assert found.exit_code == 0, found.output
    assert (written / "network.nir").exists()
