import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREY, RED, mo, np, ns, panels


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 10. From one synapse to a receptive field

    Who fires first matters. If the neuron before a synapse fires shortly before the one behind
    it, the synapse grows; if it fires shortly after, the synapse shrinks. This is
    spike-timing-dependent plasticity (STDP), and this lesson follows it from a single pair of
    spikes to a neuron that has learned what its inputs have in common.

    ## One pair of spikes

    For a pair with the lag $\Delta t = t_\mathrm{post} - t_\mathrm{pre}$ the weight changes by

    $$\Delta w = \begin{cases} A_+ e^{-\Delta t/\tau_+} & \Delta t > 0 \\
    -A_- e^{\Delta t/\tau_-} & \Delta t < 0 \end{cases}$$

    Here are 40 pairs of neurons. Those of each pair fire once, when we tell them to; a single
    synapse joins them.
    """)
    return


@app.cell
def _(np, ns):
    lags = np.concatenate([np.arange(-60.0, 0, 3), np.arange(3.0, 63, 3)])
    delay = 1.0
    pairs = ns.Network("pairs")
    before = pairs.population("before", lags.size, ns.SpikeTimes([[100.0]] * lags.size))
    kicks = pairs.population("kicks", lags.size, ns.SpikeTimes([[98.9 + lag] for lag in lags]))
    twitchy = ns.LIF(
        E_L=0,
        V_th=1,
        V_reset=0,
        t_ref=0,
        synapses=ns.Receptors(kick=ns.Delta(), learned=ns.ExpCurrent.receptor(tau=2)),
    )
    after = pairs.population("after", lags.size, twitchy)
    pairs.project(kicks, after, ns.OneToOne(), weight=100, receptor="kick", delay=0.1)
    pairs.project(
        before,
        after,
        ns.OneToOne(),
        weight=1,
        delay=delay,
        receptor="learned",
        plasticity=ns.STDP(a_plus=0.1, a_minus=0.105, tau_plus=20, tau_minus=20, w_max=2),
        name="synapses",
    )
    pair_session = ns.compile(pairs, threads=1)
    pair_session.run(200)
    changes = pair_session.get("synapses", "w") - 1
    return changes, lags


@app.cell
def _(BLUE, GREY, RED, changes, lags, panels):
    window_figure, (window_axis,) = panels(size=(5.5, 3))
    window_axis.axhline(0, color=GREY, lw=0.8)
    window_axis.plot(lags[lags > 0], changes[lags > 0], "o", color=BLUE, ms=4)
    window_axis.plot(lags[lags < 0], changes[lags < 0], "o", color=RED, ms=4)
    window_axis.set(xlabel="lag at the synapse [ms]", ylabel="change of the weight")
    window_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Postsynaptic neurons were kicked 1 ms earlier than the lag says, and a kick takes a step of
    0.1 ms: the delay of 1 ms lies on the dendrite, so that the spike needs as long to come back to
    the synapse. `delay="axonal"` takes the other reading.

    ## A thousand synapses

    Song, Miller & Abbott (2000) gave a thousand such synapses to one neuron. Depression prevails a
    little: inputs that fire at random with respect to the neuron lose. But an input that took part
    in making the neuron fire came, by definition, just before. So synapses compete for the moments
    at which the neuron fires. With learning on and off, at two rates of the inputs:
    """)
    return


@app.cell
def _(np, ns):
    from neurosim_models import song_miller_abbott

    def learned(rate, learning):
        """Return the weights, relative to the largest, and the rate of the neuron at the end."""
        net = song_miller_abbott(rate=rate, a_plus=0.02, learning=learning)
        session = ns.compile(net, dt=1.0, threads=1)
        if learning:
            session.run(60_000)
        run = session.run(10_000)
        return session.get("excitation", "w") / 0.15, len(run.spikes["cell"].times) / 10

    outcomes = {(rate, on): learned(rate, on) for rate in (12.0, 24.0) for on in (0, 1)}
    tenths = {key: np.histogram(w, 10, (0, 1))[0] for key, (w, _) in outcomes.items()}
    return outcomes, song_miller_abbott, tenths


@app.cell
def _(BLUE, GREY, outcomes, panels, tenths):
    competition_figure, competition_axes = panels(1, 2, size=(8, 2.8), sharey=True)
    for _ax, _rate in zip(competition_axes, (12.0, 24.0), strict=True):
        for _on, _color, _label in ((0, GREY, "before"), (1, BLUE, "after a minute")):
            _told = f"{_label}: {outcomes[_rate, _on][1]:.0f} Hz"
            _ax.stairs(tenths[_rate, _on], [k / 10 for k in range(11)], color=_color, label=_told)
        _ax.set(xlabel="weight / largest", title=f"inputs at {_rate:.0f} Hz")
        _ax.legend(frameon=False)
    competition_axes[0].set(ylabel="synapses")
    competition_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    With 12 Hz, synapses part: some go to each bound, and the middle empties. With 24 Hz the neuron
    would fire six times as fast; instead, most synapses become weak, and its own rate follows far
    less than that. After more time the middle is emptier still.

    ## What belongs together

    Now there are 200 inputs. The first hundred share some of their spikes, as if they saw the same
    thing; the others fire at the same mean rate, each for itself. The neuron is told nothing of it.
    Watch its weights:
    """)
    return


@app.cell
def _(np, ns, song_miller_abbott):
    field_net = song_miller_abbott(inputs=200, correlation=0.2, a_plus=0.02, seed=3)
    field_net.record(field_net["excitation"], "weight", every=500.0, initial=True)
    field_run = ns.run(field_net, 20_000, dt=1.0, threads=1)
    field = field_run.weights["excitation"].array / 0.75
    gain = field[:, :100].mean(axis=1) - field[:, 100:].mean(axis=1)
    still_net = song_miller_abbott(inputs=200, correlation=0.2, learning=0, seed=3)
    still_session = ns.compile(still_net, dt=1.0, threads=1)
    still_session.run(1000)
    still = still_session.get("excitation", "w") / 0.75
    still_gain = np.mean(still[:100]) - np.mean(still[100:])
    return field, gain, still_gain


@app.cell
def _(BLUE, GREY, field, np, panels):
    field_figure, field_axes = panels(1, 2, size=(8, 3))
    field_axes[0].imshow(
        field.T, aspect="auto", cmap="Greys", vmin=0, vmax=1, extent=(0, 20, 200, 0)
    )
    field_axes[0].set(xlabel="time [s]", ylabel="input", title="weights")
    field_axes[1].plot(np.arange(200), field[0], ".", color=GREY, ms=3, label="at first")
    field_axes[1].plot(np.arange(200), field[-1], ".", color=BLUE, ms=4, label="after 20 s")
    field_axes[1].set(xlabel="input", ylabel="weight / largest")
    field_axes[1].legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    field_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The neuron has a *receptive field*: within seconds those that speak together become as strong
    as they can be, and make it fire. The others, which do not take part in that, are left to
    chance. Nobody told it which are which.
    """)
    return


@app.cell
def _(changes, field, gain, lags, np, outcomes, still_gain, tenths):
    def test_pairs_follow_the_window():
        expected = np.where(lags > 0, 0.1, -0.105) * np.exp(-np.abs(lags) / 20)
        np.testing.assert_allclose(changes, expected, rtol=1e-9)

    def test_weights_gather_at_both_ends():
        middle = tenths[12.0, 1][3:7].mean()
        assert tenths[12.0, 1][0] > 1.2 * middle
        assert tenths[12.0, 1][-1] > 1.2 * middle

    def test_learning_holds_the_rate():
        slow, fast = (outcomes[rate, 1][1] for rate in (12.0, 24.0))
        slow_without, fast_without = (outcomes[rate, 0][1] for rate in (12.0, 24.0))
        assert fast / slow < 0.7 * fast_without / slow_without

    def test_a_receptive_field_forms():
        assert field.shape == (41, 200)
        assert field[-1, :100].mean() > 0.9
        assert field[-1, 100:].mean() < 0.7
        assert gain[-1] > gain[0] + 0.3
        assert abs(still_gain - gain[0]) < 1e-6

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Give `STDP` the exponents `mu_plus=1, mu_minus=1`. What becomes of the two peaks, and of the
       receptive field?
    2. How weak may the correlation be for the field to form? How long does it then take?
    3. Set `ratio` below 1, so that potentiation prevails. Which rate does the neuron reach?
    4. Write the rule as text: `print(ns.STDP().plasticity_rule().on_post)` shows how. Let only the
       nearest spikes form pairs, and compare.
    5. `neurosim_models.DiehlCook` puts 400 such neurons beside each other, lets each silence the
       others, and shows them digits. Plot a few columns of `model.weights` as images.

    ## Sources

    - Song, Miller & Abbott (2000), Competitive Hebbian learning through spike-timing-dependent
      synaptic plasticity, *Nature Neuroscience* 3:919-926.
    - Bi & Poo (1998), Synaptic modifications in cultured hippocampal neurons, *Journal of
      Neuroscience* 18:10464-10472.
    - Diehl & Cook (2015), Unsupervised learning of digit recognition using spike-timing-dependent
      plasticity, *Frontiers in Computational Neuroscience* 9:99.
    """)
    return


if __name__ == "__main__":
    app.run()
