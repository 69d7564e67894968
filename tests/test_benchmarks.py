"""The benchmarks' harness: what it reads, what it refuses to publish, and each peer once, tiny."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import benchmarks.__main__ as command_line
import neurosim_models
from benchmarks import (
    compare,
    environments,
    keeping,
    limits,
    memories,
    scaling,
    tables,
    torch_modules,
)
from benchmarks.peers import parameters
from benchmarks.workloads import PEERS, WORKLOADS, Workload
from neurosim_models import brunel_2000, microcircuit
from tests.docs_scripts import docs_script

ROOT = Path(__file__).parents[1]
WORKLOAD = Workload(name="w", title="W", network="cuba", duration=1000.0, warm_up=200.0)
NEST = PEERS["nest"]


def run(rate: float = 10.0, **changed: Any) -> dict[str, Any]:
    """Return a report as scripts print it."""
    return {
        "simulator": "s", "versions": {"numpy": "2"}, "precision": "double", "threads": 1,
        "arguments": {"duration": 1000.0, "warm_up": 200.0},
        "compile_seconds": 0.0, "build_seconds": 1.0, "simulate_seconds": 0.5,
        "neurons": {"exc": 3000, "inh": 1000}, "spikes": {"exc": 1, "inh": 1},
        "rates": {"exc": rate, "inh": rate}, "peak_bytes": 10**9, "synapses": 320_000, **changed,
    }  # fmt: skip


def runs(*rates: float, **changed: Any) -> list[dict[str, Any]]:
    return [run(rate, **changed) for rate in rates]


OURS = runs(9.9, 10.0, 10.1)


# --- reading reports ------------------------------------------------------------------------------


def test_the_report_is_the_last_line() -> None:
    assert compare.parsed("a banner\n{}\n" + json.dumps(run()) + "\n", "x") == run()


@pytest.mark.parametrize("output", ["", "no figures", "[1]", json.dumps({"rates": {}})])
def test_output_without_a_report_is_refused(output: str) -> None:
    with pytest.raises(compare.RunError, match="x "):
        compare.parsed(output, "x")


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan, math.inf, None, "1"])
def test_times_that_are_none_are_refused(seconds: Any) -> None:
    with pytest.raises(compare.RunError, match="simulate_seconds"):
        compare.parsed(json.dumps(run(simulate_seconds=seconds)), "x")


def test_a_run_that_fails_tells_its_last_words() -> None:
    code = "import sys; sys.exit('no memory')"
    with pytest.raises(compare.RunError, match="ended with 1: no memory"):
        compare.run_once(Path(sys.executable), ["-c", code], {}, 60)


def test_a_run_that_takes_too_long_is_ended() -> None:
    with pytest.raises(compare.RunError, match=r"more than 0\.2 s"):
        compare.run_once(Path(sys.executable), ["-c", "import time; time.sleep(60)"], {}, 0.2)


def test_threads_of_the_shell_are_not_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    code = f"import os, json; r = {run()!r}; r['threads'] = dict(os.environ); print(json.dumps(r))"
    seen = compare.run_once(Path(sys.executable), ["-c", code], {"OMP_PROC_BIND": "true"}, 60)
    assert "OMP_NUM_THREADS" not in seen["threads"]
    assert seen["threads"]["OMP_PROC_BIND"] == "true"


# --- rows -----------------------------------------------------------------------------------------


def test_a_row_has_medians_and_the_spread_of_pairs() -> None:
    ours = [run(r, simulate_seconds=s) for r, s in ((9.9, 1.0), (10.0, 3.0), (10.1, 2.0))]
    theirs = [run(r, simulate_seconds=s) for r, s in ((9.9, 8.0), (10.0, 6.0), (10.1, 9.0))]
    theirs[1]["peak_bytes"] = 3 * 10**9
    theirs[0]["compile_seconds"] = 20.0
    row = compare.row(WORKLOAD, NEST, 1, ours, theirs, OURS)
    assert row["status"] == "ok", row["faults"]
    assert row["ours"]["seconds_per_second"] == {"median": 2.0, "least": 1.0, "greatest": 3.0}
    assert row["ratio"] == {"of_medians": 4.0, "least": 2.0, "greatest": 8.0}
    assert row["theirs"]["peak_bytes"] == 3 * 10**9
    assert row["theirs"]["compile_seconds"] == 20.0
    assert row["ours"]["repeats"] == 3
    assert row["ours"]["rates"]["all"] == pytest.approx(10.0)


def test_more_seeds_of_ours_widen_the_spread_and_are_not_timed() -> None:
    theirs = runs(10.9, 11.0, 11.1)
    assert compare.row(WORKLOAD, NEST, 1, OURS, theirs)["status"] == "void"
    more = [run(rate, simulate_seconds=99.0) for rate in (9.0, 11.0, 11.5, 10.5)]
    row = compare.row(WORKLOAD, NEST, 1, OURS, theirs, more)
    assert row["status"] == "ok", row["faults"]
    assert row["ours"]["seconds_per_second"]["greatest"] == 0.5


def test_seconds_are_told_per_biological_second() -> None:
    long = replace(WORKLOAD, duration=5000.0)
    arguments = {"duration": 5000.0, "warm_up": 200.0}
    these = runs(9.9, 10.0, arguments=arguments)
    row = compare.row(long, NEST, 1, these, these)
    assert row["ours"]["seconds_per_second"]["median"] == pytest.approx(0.1)


def faults(theirs: list[dict[str, Any]], ours: Any = OURS, workload: Any = WORKLOAD) -> str:
    found, _ = compare.faults_and_notes(workload, NEST, 1, ours, theirs)
    return "; ".join(found)


def test_equal_sides_have_no_fault() -> None:
    assert faults(runs(9.95, 10.05, 10.1)) == ""


@pytest.mark.parametrize("rate", [9.0, 11.0])
def test_rates_beyond_the_spread_of_seeds_void_a_row(rate: float) -> None:
    assert "rates differ in all" in faults(runs(rate, rate + 0.1, rate - 0.1))


def test_one_population_is_enough_to_void_a_row() -> None:
    rates = {"exc": 10.0, "inh": 12.0}
    found = faults([run(rates=rates) for _ in range(3)])
    assert "rates differ in inh" in found
    assert "in exc" not in found


def test_the_tolerance_is_the_spread_over_seeds() -> None:
    """Three standard deviations; those of Poisson neurons, or one percent, where these are more."""
    ours, theirs = [9.0, 11.0], [9.0, 11.0, 10.0]
    pooled = math.sqrt((1 + 1 + 1 + 1 + 0) / 3)
    assert compare.tolerance(ours, theirs, 10**6, 1000.0) == pytest.approx(3 * pooled)
    assert compare.tolerance([10.0] * 2, [10.0] * 2, 10**9, 1000.0) == pytest.approx(0.1)
    counted = np.random.default_rng(1).poisson(10.0 * 0.5, (4000, 50)).mean(axis=1) / 0.5
    allowed = compare.tolerance([10.0] * 2, [10.0] * 2, 50, 500.0)
    assert allowed == pytest.approx(3 * counted.std(), rel=0.05)


def test_a_spread_that_hides_everything_voids_a_row() -> None:
    assert "nothing can be told" in faults(runs(5.0, 10.0, 15.0), runs(5.0, 10.0, 15.0))


def test_silence_voids_a_row() -> None:
    assert faults(runs(0.0, 0.0), runs(0.0, 0.0)) == "no spikes"


def test_single_runs_tell_no_spread() -> None:
    assert "too few seeds" in faults(runs(10.0), runs(10.0))


def test_other_sizes_synapses_and_durations_void_a_row() -> None:
    theirs = runs(10.0, 10.0)
    assert "different sizes" in faults(runs(10.0, 10.0, neurons={"exc": 3, "inh": 1}))
    assert "numbers of synapses" in faults(runs(10.0, 10.0, synapses=300_000))
    arguments = {"duration": 500.0, "warm_up": 200.0}
    assert "another duration" in faults(runs(10.0, 10.0, arguments=arguments))
    assert "did not use" in faults(runs(10.0, 10.0, threads=2))
    assert faults(theirs) == ""


def test_another_precision_voids_a_row_unless_the_peer_has_no_other() -> None:
    single = replace(WORKLOAD, precision="single")
    ours = runs(9.9, 10.0, 10.1, precision="single")
    theirs = runs(9.9, 10.0, 10.1, precision="double")
    brian2 = PEERS["brian2-cpp"]
    assert "ran in double" in compare.faults_and_notes(single, brian2, 1, ours, theirs)[0][0]
    found, notes = compare.faults_and_notes(single, NEST, 1, ours, theirs)
    assert not found
    assert "NEST in double: it has no other" in notes[0]
    assert "neurosim ran in single" in faults(OURS, ours)


def test_fewer_threads_of_ours_are_told() -> None:
    row = compare.row(WORKLOAD, NEST, 2, OURS, runs(9.9, 10.0, 10.1, threads=2))
    assert row["status"] == "ok"
    assert row["notes"] == ["neurosim used 1 of 2 threads"]


# --- the order of runs ----------------------------------------------------------------------------


def recorded(monkeypatch: pytest.MonkeyPatch, broken: str = "") -> list[tuple[str, int]]:
    """Let runs be free of cost; return who ran with which seed."""
    seen: list[tuple[str, int]] = []

    def once(python: Path, arguments: list[str], environment: Any, limit: float) -> Any:
        module = arguments[1].rpartition(".")[2].partition("_")[0]
        seed = int(arguments[arguments.index("--seed") + 1])
        seen.append((module, seed))
        if module == broken:
            raise compare.RunError("out of memory")
        return run(10.0 + 0.01 * seed)

    monkeypatch.setattr(compare, "run_once", once)
    monkeypatch.setattr(compare, "python_for", lambda peer: Path(sys.executable))
    return seen


def test_sides_run_by_turns_with_equal_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch)
    rows = compare.compare(WORKLOAD, ["nest"], 1, 3)
    assert seen[0] == ("ours", 0)  # fills the cache
    rounds = [("ours", 1), ("nest", 1), ("nest", 2), ("ours", 2), ("ours", 3), ("nest", 3)]
    assert seen[1:7] == rounds
    assert seen[7:] == [("ours", seed) for seed in range(4, compare.SEEDS + 1)]
    assert rows[0]["ours"]["repeats"] == rows[0]["theirs"]["repeats"] == 3


def test_a_peer_that_fails_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch, broken="nest")
    failed, fine = compare.compare(WORKLOAD, ["nest", "brian2-cpp"], 1, 2)
    assert (failed["status"], failed["faults"]) == ("failed", ["out of memory"])
    assert fine["status"] == "ok"
    assert seen.count(("nest", 2)) == 0
    line = tables.comparison_line("W", failed)
    assert "failed" in line
    assert "out of memory" in line


def test_a_peer_of_one_thread_is_left_out_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch)
    assert compare.compare(WORKLOAD, ["brian2-cython"], 2, 1) == []
    assert seen == []


# --- environments ---------------------------------------------------------------------------------


def test_a_peer_that_is_installed_needs_no_environment() -> None:
    assert environments.requirements("brian2")[0].name == "brian2"
    with pytest.raises(LookupError, match="no extra 'brian3'"):
        environments.requirements("brian3")


def test_a_peer_that_is_missing_gets_an_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path))
    monkeypatch.setattr("venv.create", lambda folder, **options: folder.mkdir(exist_ok=True))
    monkeypatch.setattr(environments, "installed", lambda extra: False)
    commands: list[list[str]] = []
    status = [1]

    def install(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return subprocess.CompletedProcess(command, status[0], "", "no such package")

    monkeypatch.setattr("subprocess.run", install)
    with pytest.raises(RuntimeError, match="NEST cannot be installed: no such package"):
        environments.python_for(NEST)
    status[0] = 0
    python = environments.python_for(NEST)  # half an environment is none
    assert len(commands) == 2
    assert tmp_path in python.parents
    assert any(word.startswith("nest-simulator>=") for word in commands[-1])
    n = len(commands)
    environments.python_for(NEST)
    assert len(commands) == n


def test_an_old_version_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.0")
    assert not environments.installed("brian2")


# --- what is kept ---------------------------------------------------------------------------------


def a_row(**changed: Any) -> dict[str, Any]:
    return {**compare.row(WORKLOAD, NEST, 1, OURS, OURS), **changed}


def test_rows_of_other_peers_stay(tmp_path: Path) -> None:
    keeping.keep_comparison("brunel", "B", [a_row(), a_row(threads=2)], "first", tmp_path)
    keeping.keep_comparison("brunel", "B", [a_row(peer="brian2-cpp")], "second", tmp_path)
    keeping.keep_comparison("brunel", "B", [a_row(threads=2)], "third", tmp_path)
    (kept,) = keeping.comparisons(tmp_path)
    told = {(r["peer"], r["threads"]): r["measured"]["command"] for r in kept["rows"]}
    assert told == {("brian2-cpp", 1): "second", ("nest", 1): "first", ("nest", 2): "third"}
    assert {"machine", "date", "commit"} <= set(kept["rows"][0]["measured"])


def test_not_a_number_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        keeping.write(tmp_path / "x.json", {"a": math.nan})


def test_a_void_row_shows_its_reason_and_no_ratio(tmp_path: Path) -> None:
    void = compare.row(WORKLOAD, NEST, 1, OURS, runs(20.0, 20.0, 20.0))
    line = tables.comparison_line("W", void)
    assert "| void |" in line
    assert "rates differ" in line
    assert "**" in tables.comparison_line("W", a_row())
    kept = [{"title": "W", "rows": [void]}]
    assert not tables.comparison_figure(kept, tmp_path / "x.png")
    assert tables.comparison_figure([{"title": "W", "rows": [a_row()]}], tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_the_page_tells_commands_and_versions(tmp_path: Path) -> None:
    keeping.keep_comparison("brunel", "B", [a_row()], "python -m benchmarks ...", tmp_path)
    page = tables.comparison_page(keeping.comparisons(tmp_path))
    assert "benchmarks.peers.ours --network cuba --scale 1" in page
    assert "benchmarks.peers.nest_vogels_abbott --synapses cuba" in page
    assert "numpy 2" in page
    assert str(Path.home()) not in page


def test_another_size_is_kept_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **options: Any) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(compare, "compare", never)
    monkeypatch.setattr(limits, "measure", never)
    for words in (["--workload", "brunel", "--scale", "0.1"], ["scaling", "--synapses", "1000"]):
        done = CliRunner().invoke(command_line.app, words)
        assert done.exit_code == 2
        assert "--into" in done.output
    done = CliRunner().invoke(command_line.app, ["--workload", "brunnel"])
    assert done.exit_code == 2


def test_the_page_on_performance_is_up_to_date() -> None:
    module = docs_script("make_performance")
    stale = "docs/performance.md is stale: run `python docs/make_performance.py`"
    assert module.TARGET.read_text() == module.page(), stale
    kept = keeping.comparisons()
    if kept:
        page = (keeping.RESULTS / "comparison.md").read_text()
        assert page == tables.comparison_page(kept), "comparison.md is stale: run a comparison"


def test_the_readme_says_what_was_measured() -> None:
    """Its ratios are those of the medians that are kept, of rows that hold."""
    ratios = {
        (workload["benchmark"], row["peer"]): f"{row['ratio']['of_medians']:.2g}"
        for workload in keeping.comparisons()
        for row in workload["rows"]
        if row["status"] == "ok"
    }

    def told(peer: str, *workloads: str) -> list[str]:
        return [f"{ratios[workload, peer]} times" for workload in workloads]

    readme = (ROOT / "README.md").read_text()
    line = next(line for line in readme.splitlines() if line.startswith("| speed beside others"))
    beside = ("microcircuit-1", "microcircuit-0.3", "brunel")
    assert re.findall(r"[\d.]+ times(?= NEST)", line) == told("nest", *beside)
    assert re.findall(r"[\d.]+ times(?= Brian2)", line) == told("brian2-cpp", *beside, "cuba-4000")


def test_the_readme_says_how_memories_compare_with_a_dense_matrix() -> None:
    kept = json.loads((keeping.RESULTS / "memories.json").read_text())
    (row,) = [row for row in kept["rows"] if "faster_than_dense" in row]
    readme = (ROOT / "README.md").read_text()
    line = next(line for line in readme.splitlines() if line.startswith("| [associative memories]"))
    told = re.findall(r"of ([\d,]+) units (\S+) times as fast as with a dense matrix", line)
    assert told == [(f"{row['units']:,}", f"{row['faster_than_dense']:.2g}")]


# --- the same networks on both sides --------------------------------------------------------------


@pytest.mark.parametrize("drive", ["poisson", "dc"])
@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
def test_the_microcircuit_of_peers_is_ours(scale: float, drive: str) -> None:
    ours, theirs = microcircuit.sizes(scale, scale, drive), parameters.microcircuit(scale, drive)
    assert theirs.neurons == ours.neurons.tolist()
    assert theirs.synapses == ours.synapses.tolist()
    np.testing.assert_allclose(theirs.weights_pa, ours.weights, rtol=1e-12)
    np.testing.assert_allclose(theirs.dc_pa, ours.current, rtol=1e-12, atol=1e-10)
    external = ours.external_indegrees * microcircuit.EXTERNAL_RATE
    np.testing.assert_allclose(theirs.external_rate_hz, external)


def test_the_other_networks_of_peers_are_ours() -> None:
    p = parameters.BRUNEL
    assert (p.g, p.eta) == brunel_2000.REGIMES["C"]
    assert (p.n_exc, p.n_inh, p.c_exc, p.c_inh, p.j) == (
        brunel_2000.N_EXC, brunel_2000.N_INH, brunel_2000.C_EXC, brunel_2000.C_INH, brunel_2000.J,
    )  # fmt: skip
    assert (p.tau_m, p.v_th, p.v_reset, p.t_ref, p.delay) == (
        brunel_2000.TAU_M, brunel_2000.V_TH, brunel_2000.V_RESET, brunel_2000.T_REF,
        brunel_2000.DELAY,
    )  # fmt: skip
    v = parameters.VOGELS_ABBOTT
    cuba = neurosim_models.vogels_abbott_cuba()
    model: Any = cuba.populations["exc"].model
    assert (model.E_L, model.V_th, model.V_reset, model.t_ref, model.C_m, model.tau_m) == (
        v.e_leak_cuba, v.v_th, v.v_reset, v.t_ref, v.c_m, v.c_m / v.g_leak,
    )  # fmt: skip
    assert [p.weight for p in cuba.projections.values()] == [v.w_exc_cuba, v.w_inh_cuba]
    hh: Any = neurosim_models.cobahh().populations["exc"].model
    assert (hh.g_Na, hh.g_K, hh.E_Na, hh.E_K, hh.V_T, hh.V_th, hh.t_ref, hh.E_L) == (
        v.g_na, v.g_k, v.e_na, v.e_k, v.v_t, v.v_spike, v.t_ref_hh, v.e_leak,
    )  # fmt: skip
    assert [p.weight for p in neurosim_models.cobahh().projections.values()] == [v.w_exc, v.w_inh]


def test_every_workload_has_a_script_for_each_of_its_peers() -> None:
    for workload in WORKLOADS.values():
        for which in (None, *(PEERS[name] for name in workload.peers)):
            module = workload.script(which)[0]
            assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


# --- limits and scaling ---------------------------------------------------------------------------


@pytest.mark.compiled
def test_the_micro_kernels_do_what_they_are_timed_for() -> None:
    rng = np.random.default_rng(1)
    index = rng.integers(0, 50, 400, dtype=np.int32)
    weight = rng.random(400, dtype=np.float32)
    wanted = np.bincount(index, weight, minlength=50)
    for kernel, first in ((limits.scatter, ()), (limits.scatter_rows, (np.arange(4) * 100,))):
        total = np.zeros(50, dtype=np.float32)
        kernel(*first, index, weight, total)
        np.testing.assert_allclose(total, wanted, rtol=1e-4)
    source, target = rng.random(9), np.zeros(9)
    limits.copy(source, target)
    assert np.array_equal(source, target)


@pytest.mark.parametrize("synapses", scaling.SIZES)
def test_sizes_of_the_scaling_have_that_many_synapses(synapses: int) -> None:
    neurons, per_neuron, duration = scaling.sizes(synapses)
    assert neurons * per_neuron == synapses
    assert scaling.SHORTEST <= duration <= scaling.LONGEST


@pytest.mark.compiled
def test_scaling_and_its_figure_on_a_tiny_network(tmp_path: Path) -> None:
    rows = [scaling.measure_here(2_000, threads, 1) for threads in (1, 2)]
    assert rows[0]["synapses"] == 2_000
    assert rows[0]["formats"] == ["fixed16"]
    kept = {
        "rows": rows,
        "limits": [{"name": "copy", "threads": 1, "value": 10.0, "unit": "GB/s"}],
    }
    tables.scaling_figure(kept, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000
    assert len(tables.scaling_table(kept)) == 4
    assert "10.0 GB/s" in tables.limits_table(kept)[-1]


# --- a peer once --------------------------------------------------------------------------------


# Brian2's two ways compile for a minute each: `make bench` runs them.
@pytest.mark.compiled
def test_a_tiny_network_against_a_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "SEEDS", 3)
    monkeypatch.setattr(compare, "MOST_TOLERANCE", 1.0)  # few seeds of few neurons
    words = ["--workload", "cuba-4000", "--peer", "nest", "--threads", "1", "--repeats", "1"]
    words += ["--scale", "0.25", "--duration", "2000", "--into", str(tmp_path)]
    done = CliRunner().invoke(command_line.app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (kept,) = keeping.comparisons(tmp_path)
    (row,) = kept["rows"]
    assert row["status"] == "ok", row["faults"]
    assert row["ours"]["synapses"] == pytest.approx(80_000, rel=0.02)
    # 2 - 10 Hz: the network's activity, not a transient.
    assert all(2 < side["rates"]["all"] < 10 for side in (row["ours"], row["theirs"]))
    for side in (row["ours"], row["theirs"]):
        assert 1e6 < side["peak_bytes"] < 2e9
        assert 0 < side["seconds_per_second"]["median"] < 60
    assert (tmp_path / "comparison.md").exists()


# --- associative memories -------------------------------------------------------------------------


@pytest.mark.compiled
def test_memories_are_measured_beside_their_dense_matrix() -> None:
    """Both sides end near one pattern, which `measure` checks; ours is smaller at any size."""
    ours, dense = memories.measure(repeats=1, sizes=[(1_000, 20)])
    assert ours["name"] == "neurosim"
    assert ours["median_s"] > 0
    assert ours["less_memory_than_dense"] > 20
    assert dense["bytes"] == 4_000_000


def test_hebbs_weights_are_those_of_the_definition() -> None:
    patterns = memories.random_patterns(70, 3)
    entries = patterns.dense().astype(float)
    expected = entries.T @ entries / 70
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(memories.dense_weights(patterns), expected, atol=1e-6)


# --- modules of PyTorch ---------------------------------------------------------------------------


@pytest.mark.compiled
def test_modules_are_measured_beside_loops_that_fire_alike() -> None:
    """All three have the same neuron: the same spikes, ours later by a step per layer."""
    rows = torch_modules.measure(1, 1, (torch_modules.Shape((20, 12, 5), 2, 0.2),))
    assert [row["name"].split(", ")[-1] for row in rows] == ["forward", "forward and backward"]
    for row in rows:
        assert row["agrees_with_snntorch"] == row["agrees_with_norse"] == 1.0
        assert row["times_snntorch"] == row["snntorch_s"] / row["neurosim_s"] > 0
