import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_datasets import mnist_sample, random_patterns

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    def show(ax, picture, title=""):
        """Draw a pattern of -1 and 1 as an image."""
        side = round(picture.size**0.5)
        ax.imshow(picture.reshape(side, side), cmap="Greys", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=8)

    return BLUE, GREEN, GREY, RED, mnist_sample, mo, np, ns, panels, random_patterns, show


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 8. Memories

    A memory that is asked by its content: show a part, and the rest comes back. Hopfield (1982)
    built one from units with two values. Each unit looks at all the others and takes the sign of
    what it sees,

    $$s_i \leftarrow \operatorname{sign} h_i, \qquad
    h_i = \frac1N \sum_\mu \xi_i^\mu \sum_{j \ne i} \xi_j^\mu s_j ,$$

    where the $\xi^\mu$ are the stored patterns. This lesson recalls handwritten digits, finds out
    how much such a memory holds and how it forgets, and ends with memories that hold far more: the
    dense ones, which are close relatives of attention.

    ## Ten digits

    One handwritten digit of each kind, 28 by 28 pixels of MNIST; ink is 1 and paper -1.
    """)
    return


@app.cell
def _(mnist_sample, np):
    data = mnist_sample()
    first_of_each = [int(np.flatnonzero(data.labels == k)[0]) for k in range(10)]
    pictures = np.where(data.images.reshape(len(data), -1) > 0.5, 1, -1)
    templates = pictures[first_of_each]
    return pictures, templates


@app.cell
def _(panels, show, templates):
    def pictures_of_templates():
        figure, axes = panels(1, 10, (8, 1))
        for ax, template in zip(axes, templates, strict=True):
            show(ax, template)
        return figure

    pictures_of_templates()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A network of binary units: `PatternCoupling` stores the patterns, and a millisecond is one
    sweep, in which every unit has its turn once, in random order. No matrix of weights is made: the
    network keeps the overlap of every pattern with its state, and lets it follow every flip.
    """)
    return


@app.cell
def _(np, ns):
    def memory(patterns, interaction, **facts):
        """Return a session of a memory, and its units."""
        net = ns.Network("memory", seed=1)
        units = net.population("units", np.shape(patterns)[1], ns.Binary(**facts))
        net.project(units, units, ns.PatternCoupling(patterns, interaction), name="patterns")
        return ns.compile(net, dt=1.0, threads=1), units

    def recall(session, units, cue, sweeps=20):
        """Return where a memory goes from a cue."""
        session.set(units, s=cue)
        session.run(sweeps)
        return session.get(units, "s").astype(int)

    return memory, recall


@app.cell
def _(memory, np, ns, recall, templates):
    half = templates.copy()
    half[:, 392:] = -1  # the lower half is covered
    recalled = {}
    for name, interaction in (("linear", ns.Linear()), ("n = 20", ns.Polynomial(20))):
        session, units = memory(templates, interaction)
        recalled[name] = np.array([recall(session, units, cue) for cue in half])
    right = {
        name: int((states == templates).all(axis=1).sum()) for name, states in recalled.items()
    }
    right
    return half, recalled, right


@app.cell
def _(half, panels, recalled, show):
    def recalled_pictures():
        figure, axes = panels(3, 10, (8, 2.7))
        for k in range(10):
            show(axes[k], half[k])
            show(axes[10 + k], recalled["linear"][k])
            show(axes[20 + k], recalled["n = 20"][k])
        for row, text in enumerate(("shown", "linear", "n = 20")):
            axes[10 * row].set_ylabel(text, fontsize=8)
        return figure

    recalled_pictures()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The linear memory mixes the digits up. They are alike (all are mostly paper), and Hebb's rule
    was made for patterns that have nothing in common: what one pattern says of a unit, the others
    drown. The second memory has the same patterns but another energy: products of twenty
    units in place of two. A pattern with overlap $m$ now counts as $m^{19}$ in the field, so the
    nearest one wins. Of that more below; first the linear memory on its own ground, random
    patterns.

    ## The limits of memory

    How many random patterns can be stored? We store $K$ patterns in $N = 500$ units, begin in one
    of them, and look whether the network stays.
    """)
    return


@app.cell
def _(memory, np, ns, random_patterns, recall):
    loads = np.array([0.02, 0.06, 0.1, 0.12, 0.14, 0.16, 0.2, 0.26])

    def overlap_that_stays(load, size=500, tried=6):
        """Return the mean overlap with a pattern after starting in it."""
        patterns = random_patterns(round(load * size), size, seed=3)
        session, units = memory(patterns, ns.Linear())
        found = [recall(session, units, p, 30) @ p / size for p in patterns[:tried]]
        return float(np.mean(found))

    stays = np.array([overlap_that_stays(load) for load in loads])
    return loads, stays


@app.cell
def _(BLUE, GREY, loads, panels, stays):
    def capacity_curve():
        figure, (ax,) = panels(1, 1, (5, 3))
        ax.axvline(0.138, color=GREY, linestyle=":", label="0.138, N to infinity")
        ax.plot(loads, stays, "o-", color=BLUE)
        ax.set(xlabel="patterns per unit K/N", ylabel="overlap that stays", ylim=(0, 1.05))
        ax.legend(frameon=False)
        return figure

    capacity_curve()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The memory does not fade, it collapses. Below the critical load nearly all bits are right; above
    it *all* patterns are lost together, the old ones with the new. Amit, Gutfreund and Sompolinsky
    (1985) computed where: at $K = 0.138\,N$ for large networks. (At 500 units the edge is
    round.)

    ## Downhill

    Why does the network come to rest at all? With symmetric couplings there is an energy,

    $$E = -\frac{1}{2N} \sum_\mu \Big(\sum_i \xi_i^\mu s_i\Big)^2 + \text{const},$$

    and a unit that follows its field never raises it. `rule.energy(s)` computes it in whole
    numbers, so that "never" can be tested to the last bit. Updating *all units at once* breaks the
    argument: two units that look at each other may swap for ever.
    """)
    return


@app.cell
def _(np, ns, random_patterns):
    def energies(update, interaction, sweeps=6):
        """Return the energy of every state from a random one on."""
        net = ns.Network("descent", seed=2)
        units = net.population("units", 200, ns.Binary(update=update))
        rule = ns.PatternCoupling(random_patterns(20, 200, seed=5), interaction)
        net.project(units, units, rule)
        net.initialise(units, s=random_patterns(1, 200, seed=6)[0])
        net.record(units, "s", initial=True)
        dt = 1.0 if update == "synchronous" else 0.05  # ten updates a step
        states = ns.run(net, sweeps, dt=dt, threads=1).states["units"]["s"]
        return states.times, np.array([rule.energy(s) for s in states.array])

    descent = energies("asynchronous", ns.Linear())
    together = energies("synchronous", ns.Linear())
    return descent, together


@app.cell
def _(BLUE, RED, descent, panels, together):
    def energy_curves():
        figure, (ax,) = panels(1, 1, (5, 3))
        ax.plot(*descent, color=BLUE, label="one at a time")
        ax.plot(*together, "o--", color=RED, label="all together")
        ax.set(xlabel="sweeps", ylabel="energy")
        ax.legend(frameon=False)
        return figure

    energy_curves()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Warmth

    At a temperature $T$ a unit becomes +1 with probability $(1 + \tanh(h/T))/2$. A single pattern
    is then recalled with the overlap that solves $m = \tanh(m/T)$, and not at all above $T = 1$.
    With products of $n$ units it is $m = \tanh(n\,m^{n-1}/T)$: the overlap *jumps* to zero.
    """)
    return


@app.cell
def _(memory, np, ns, random_patterns, recall):
    temperatures = np.linspace(0.1, 2.0, 12)

    def warm_overlaps(interaction, size=2000):
        """Return the overlap with the one stored pattern at every temperature."""
        pattern = random_patterns(1, size, seed=8)
        session, units = memory(pattern, interaction)
        found = []
        for temperature in temperatures:
            session.set(units, temperature=temperature)
            found.append(recall(session, units, pattern[0], 60) @ pattern[0] / size)
        return np.array(found)

    def predicted(n, factor):
        """Iterate the equation for the overlap, from full recall."""
        m = np.ones_like(temperatures)
        for _ in range(3000):
            m = np.tanh(factor * m ** (n - 1) / temperatures)
        return m

    warm = {2: warm_overlaps(ns.Linear()), 3: warm_overlaps(ns.Polynomial(3))}
    theory = {2: predicted(2, 1), 3: predicted(3, 3)}
    return temperatures, theory, warm


@app.cell
def _(BLUE, GREEN, panels, temperatures, theory, warm):
    def warm_curves():
        figure, (ax,) = panels(1, 1, (5, 3))
        for n, colour, name in ((2, BLUE, "linear"), (3, GREEN, "n = 3")):
            ax.plot(temperatures, theory[n], color=colour, alpha=0.5)
            ax.plot(temperatures, warm[n], "o", color=colour, label=name)
        ax.set(xlabel="temperature", ylabel="overlap", ylim=(-0.1, 1.1))
        ax.legend(frameon=False)
        return figure

    warm_curves()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Dense memories

    With products of $n$ units (Gardner, 1987; Krotov and Hopfield, 2016) the noise of the other
    patterns shrinks as a power: $K \sim N^{n-1}$ patterns fit. The tensor of couplings would have
    $N^n$ entries; none is made, as the field follows from the overlaps alone. Here 784 units hold
    hundreds of digits. How many of them stay if the network starts in them?
    """)
    return


@app.cell
def _(memory, np, ns, pictures, recall):
    unique = np.unique(pictures[::8], axis=0)
    numbers = [10, 50, 200, 500]
    held = {}
    for title, how in (
        ("linear", ns.Linear()), ("n = 12", ns.Polynomial(12)), ("n = 20", ns.Polynomial(20)),
        ("exponential", ns.ExponentialInteraction()),
    ):  # fmt: skip
        held[title] = []
        for number in numbers:
            stored = unique[:number]
            dense_session, dense_units = memory(stored, how)
            kept = [(recall(dense_session, dense_units, p, 5) == p).all() for p in stored[:10]]
            held[title].append(float(np.mean(kept)))
    return held, numbers, unique


@app.cell
def _(held, numbers, panels):
    def held_curves():
        figure, (ax,) = panels(1, 1, (5, 3))
        for label, fractions in held.items():
            ax.semilogx(numbers, fractions, "o-", label=label)
        ax.set(
            xlabel="digits stored in 784 units", ylabel="fraction that stays", ylim=(-0.05, 1.05)
        )
        ax.legend(frameon=False)
        return figure

    held_curves()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Attention

    The steepest energy is $E = -\sum_\mu e^{m_\mu}$ (Demircigil et al., 2017). Its field is a sum
    of the patterns, each weighted with the exponential of its overlap; divided by the sum of the
    weights these are a softmax,

    $$s \leftarrow \operatorname{sign}\big(X^\top \operatorname{softmax}(X s)\big),$$

    with the patterns as rows of $X$. Without the sign this is one step of the modern Hopfield
    network of Ramsauer et al. (2021), and it is attention: the state is the query, the patterns are
    keys and values. The next cell computes it in one line and compares it with a synchronous
    update. (The network leaves out what a unit says of itself; where one pattern dominates that
    changes nothing.)
    """)
    return


@app.cell
def _(memory, np, ns, recall, unique):
    def softmax(x):
        weights = np.exp(x - x.max())
        return weights / weights.sum()

    keys = unique[:200]
    noise = np.random.default_rng(4)
    queries = keys[:20] * np.where(noise.random((20, 784)) < 0.08, -1, 1)
    attended = np.array([np.sign(keys.T @ softmax(keys @ q)) for q in queries])
    one_step, step_units = memory(keys, ns.ExponentialInteraction(), update="synchronous")
    updated = np.array([recall(one_step, step_units, q, 1) for q in queries])
    agreement = float((attended == updated).mean())
    agreement
    return agreement, attended, keys


@app.cell
def _(agreement, attended, descent, held, keys, loads, np, right, stays, theory, together, warm):
    def test_dense_memories_complete_half_a_digit():
        assert right["n = 20"] >= 9
        assert right["linear"] <= 3

    def test_memory_collapses_near_the_critical_load():
        assert stays[loads <= 0.1].min() > 0.95
        assert stays[-1] < 0.75

    def test_single_updates_go_downhill():
        assert (np.diff(descent[1]) <= 0).all()
        assert descent[1][-1] <= together[1][0]

    def test_overlaps_follow_the_theory():
        for n in (2, 3):
            away = np.abs(theory[n]) > 0.5  # near the transition sizes count
            assert np.abs(warm[n] - theory[n])[away].max() < 0.1

    def test_steeper_memories_hold_more():
        assert held["linear"][-1] == 0
        assert held["exponential"][-1] == 1
        assert sum(held["n = 20"]) > sum(held["n = 12"])

    def test_an_update_is_attention():
        assert agreement > 0.99
        assert (attended == keys[:20]).mean() > 0.97

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Cover the left half of the digits in place of the lower one. Which digits are confused, and
       why? Print the overlaps between them: `templates @ templates.T / 784`.
    2. Store the digits with the projection rule: `ns.FromMatrix(ns.store(templates,
       "pseudo_inverse"))` with `source="s"`. Does the linear memory now hold them?
    3. Take away bits: patterns of -1, 0 and 1 say nothing where they are 0. What does the network
       recall from two diluted patterns at once?
    4. Cool slowly: begin at T = 1.5 and lower the temperature by `session.set` between runs. Does
       this find deeper minima than T = 0 at once? `ns.energy(session)` tells.

    ## Sources

    - Hopfield (1982), PNAS 79:2554-2558. Amit, Gutfreund & Sompolinsky (1985), *Physical Review
      Letters* 55:1530-1533.
    - Gardner (1987), *Journal of Physics A* 20:3453-3464. Krotov & Hopfield (2016), NeurIPS 29.
      Demircigil et al. (2017), *Journal of Statistical Physics* 168:288-299. Ramsauer et al.
      (2021), Hopfield networks is all you need, ICLR.
    - Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
      Repository.
    """)
    return


if __name__ == "__main__":
    app.run()
