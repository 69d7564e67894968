import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import nir
    import numpy as np

    import neurosim as ns

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, RED, mo, nir, np, ns, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 13. NIR as a bridge

    The [neuromorphic intermediate representation](https://neuroir.org) (Pedersen et al. 2024) is a
    graph: weights, neurons as differential equations, edges. Many simulators and chips read it.
    Whether they all run the same network is another question, and here it is asked: one
    description, one file, four simulators, spike by spike.
    """)
    return


@app.cell
def _(np, ns):
    def layered(model, seed=2):
        draw = np.random.default_rng(seed)
        net = ns.Network("layered", dt=0.1)
        source = net.population("source", 8, ns.Input("spikes"))
        hidden = net.population("hidden", 30, model)
        out = net.population("out", 6, model)
        net.project(source, hidden, ns.AllToAll(), weight=draw.normal(4, 4, (8, 30)))
        net.project(hidden, out, ns.AllToAll(), weight=draw.normal(2, 4, (30, 6)))
        net.record(out, "spikes")
        return net

    lif = ns.LIF(tau_m=10, t_ref=0, synapses=ns.Delta())
    net = layered(lif)
    net
    return layered, lif, net


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One file, four simulators

    `profile=` says for whom the file is. What that reader would take for something else is
    refused, so a file that was written can be trusted. A chain of layers written for snnTorch is
    one that Norse and SpikingJelly read alike.
    """)
    return


@app.cell
def _(net, ns):
    graph = ns.to_nir(net, profile="snntorch")
    report = ns.verify_nir(graph, steps=300)
    print(report)
    return graph, report


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How an exact step becomes a step of Euler

    Here a membrane decays by $a = e^{-\Delta t/\tau_m}$ in a step; all three readers take forward
    Euler, $1 - \Delta t/\tau$. So the file does not say $\tau_m = 10$ ms. It says the $\tau$ with
    which a step of Euler is our step,

    $$\tau = \frac{\Delta t}{1 - e^{-\Delta t/\tau_m}},$$

    and a weight of $w$ mV is written as $w/(1 - a)$. Nothing is approximated. Had $\tau_m$ itself
    been written, 0.5 % less, spikes would be others before long:
    """)
    return


@app.cell
def _(graph, net, nir, np, ns):
    import copy

    naive = copy.deepcopy(graph)
    for node in naive.nodes.values():
        if isinstance(node, nir.LIF):
            node.tau = node.tau * 0 + 10e-3
    written = 1e3 * graph.nodes["hidden"].tau[0]
    given = (np.random.default_rng(1).random((400, 8)) < 0.2).astype(float)

    def spikes(network, entry):
        record = ns.run(network, 40, inputs={entry: given}).spikes["out"]
        return set(zip(record.times.round(6).tolist(), record.ids.tolist(), strict=True))

    ours = spikes(net, "source")
    by_nodes = spikes(ns.from_nir(graph, description=False), "source")
    by_tau_m = spikes(ns.from_nir(naive, description=False), "source")
    print(f"tau in the file: {written:.4f} ms; {len(ours)} spikes, {len(ours ^ by_tau_m)} differ")
    return by_nodes, by_tau_m, ours, written


@app.cell
def _(BLUE, GREY, RED, by_nodes, by_tau_m, ours, plt):
    figure, axes = plt.subplots(2, 1, figsize=(8, 3.6), sharex=True, layout="constrained")
    for ax, theirs, title in (
        (axes[0], by_nodes, "the nodes as written"),
        (axes[1], by_tau_m, "the nodes with tau = tau_m"),
    ):
        for chosen, colour, marker, word in (
            (ours & theirs, GREY, "|", "the same"),
            (ours - theirs, BLUE, "v", "ours only"),
            (theirs - ours, RED, "^", "theirs only"),
        ):
            times, ids = zip(*chosen, strict=True) if chosen else ((), ())
            ax.scatter(times, ids, s=22, c=colour, marker=marker, label=word, linewidths=0.8)
        ax.set(ylabel="neuron of out", xlim=(0, 20.2))
        ax.set_title(title, loc="left")
    axes[1].set(xlabel="time [ms]")
    axes[0].legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 0.97))
    figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A spike takes a step, an edge takes none

    Here a spike arrives a step later at the earliest; in NIR it passes the whole graph in one call.
    In a chain that is only a matter of labels: population p does at step k + 1 + lag what its node
    does in call k. The lags are in the file.
    """)
    return


@app.cell
def _(graph):
    import json

    lags = json.loads(graph.metadata["neurosim"]["lags"])
    lags
    return (lags,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Where two ways of different length meet, it is more: one of them needs a delay. NIR has a node
    for that, which none of the three reads. So the file is refused for them, with what would work.
    """)
    return


@app.cell
def _(layered, lif, ns):
    skipping = layered(lif)
    skipping.project(skipping["source"], skipping["out"], ns.AllToAll(), weight=1.0, delay=0.3)
    refusals = {}
    for profile in ("snntorch", "norse", "spikingjelly", "generic"):
        try:
            ns.to_nir(skipping, profile=profile)
        except ns.UnsupportedError as error:
            refusals[profile] = str(error)
    print(refusals["norse"])
    return refusals, skipping


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What NIR cannot say

    Refractory times, resets by subtraction, plasticity, noise. They are refused unless you say
    `on_loss="warn"`; the nodes are then without them, each is listed, and the description in the
    file still has them all: our own way back loses nothing.
    """)
    return


@app.cell
def _(layered, ns):
    import warnings

    lazy = layered(ns.LIF(tau_m=10, t_ref=2, synapses=ns.Delta()))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        partial = ns.to_nir(lazy, profile="snntorch", on_loss="warn")
    for warning in told:
        print(warning.message)
    back = ns.from_nir(partial)
    return back, lazy, told


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Write the chain with `profile="generic"` and a step of 0.5 ms. Who still reads it, and why
       not the others?
    2. Let `hidden` project to itself and verify the file for Norse in snnTorch as well. What does
       snnTorch do with the input?
    3. Give `out` a constant current `I_e`. Why is that refused, and what does the message advise?
    4. Build a graph with `nir.NIRGraph.from_list` by hand and run it with `ns.from_nir`.
    """)
    return


@app.cell
def test_all_simulators_have_our_spikes(report):
    assert report.agrees
    assert report["neurosim"].spikes > 100
    assert {v.tier for v in report.verdicts} == {"same spikes"}
    return


@app.cell
def test_the_constant_is_that_of_euler(by_nodes, by_tau_m, np, ours, written):
    assert np.isclose(written, 0.1 / (1 - np.exp(-0.01)))
    assert by_nodes == ours
    assert 0 < len(ours ^ by_tau_m) < len(ours)
    return


@app.cell
def test_lags_and_refusals_are_as_told(lags, refusals):
    assert lags == {"source": 0, "hidden": 1, "out": 2}
    assert set(refusals) == {"snntorch", "norse", "spikingjelly"}
    assert "0.1 ms shorter" in refusals["norse"]
    return


@app.cell
def test_nothing_is_lost_on_the_way_back(back, lazy, told):
    assert len(told) == 2
    assert back.content_hash() == lazy.content_hash()
    return


if __name__ == "__main__":
    app.run()
