import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    import neurosim as ns

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, RED, load_digits, mo, np, ns, plt, torch


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 12. Training with surrogate gradients

    A network of spiking neurons is described as in every lesson, becomes a module of PyTorch,
    learns handwritten digits by back-propagation through time, and comes back: the trained
    description runs on the CPU core and fires the same spikes.

    ## A gradient that is not there

    A neuron fires if its potential has reached the threshold. That is a step, and the slope of a
    step is 0 nearly everywhere: nothing to follow downhill. The trick (Neftci, Mostafa & Zenke
    2019, IEEE Signal Process. Mag. 36(6):51-63) is to go forward with the step and backward with
    the slope of something smooth. Here is snnTorch's fast sigmoid, at several slopes.
    """)
    return


@app.cell
def _(BLUE, GREY, RED, np, plt, torch):
    from snntorch import surrogate

    distances = np.linspace(-0.5, 0.5, 201)

    def slopes(slope):
        """Return what flows back through a spike, over the distance from the threshold."""
        v = torch.tensor(distances, requires_grad=True)
        surrogate.fast_sigmoid(slope=slope)(v).sum().backward()
        return v.grad.numpy()

    figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
    ax.plot(distances, distances >= 0, color=GREY, label="forward: a spike or none")
    for _slope, _colour, _line in ((5, RED, "--"), (25, BLUE, "-")):
        ax.plot(distances, slopes(_slope), _line, color=_colour, label=f"backward, slope {_slope}")
    ax.set(xlabel="potential less threshold", ylabel="output, gradient")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure
    return distances, slopes


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Pictures as spikes

    1,797 digits of 8 x 8 pixels. A pixel fires in a step with a probability that grows with its
    ink; the spikes are drawn once. The last 397 pictures, drawn by other people than the first
    1,400, are held out.
    """)
    return


@app.cell
def _(load_digits, np, torch):
    STEPS = 20
    images, labels = load_digits(return_X_y=True)
    drawn = np.random.default_rng(0).random((STEPS, *images.shape)) < 0.9 * images / 16
    x, y = torch.tensor(drawn, dtype=torch.float64), torch.tensor(labels)
    seen, held_out = slice(0, 1400), slice(1400, 1797)
    return STEPS, held_out, labels, seen, x, y


@app.cell
def _(ns):
    leaky = ns.LIF(synapses=ns.Delta(), tau_m=20, E_L=0, V_reset=0, V_th=1, t_ref=0)
    net = ns.Network("digits", seed=1, dt=1.0)
    pixels = net.population("pixels", 64, ns.Input("spikes"))
    hidden = net.population("hidden", 64, leaky)
    classes = net.population("classes", 10, leaky)
    net.project(pixels, hidden, ns.AllToAll(), weight=ns.Normal(0.02, 0.1))
    net.project(hidden, classes, ns.AllToAll(), weight=ns.Normal(0.05, 0.1))
    net.record(hidden + classes, "spikes")
    net
    return (net,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The loop

    `ns.compile(net, "snntorch")` is a session as on every backend, and its `module` is a
    `torch.nn.Module`: tensors of shape (time, batch, neurons) in, spikes out. What follows is
    the loop you would write for any module. The class whose neuron fires most is the answer, so
    half the counts of spikes are the logits. (The weights of the output begin above 0 on average:
    a neuron that is far from its threshold in every picture gets no gradient, and never begins.)
    """)
    return


@app.cell
def _(net, ns, seen, torch, x, y):
    session = ns.compile(net, "snntorch")
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(session.module.parameters(), lr=0.005)
    losses = []
    for _ in range(4):
        for chosen in torch.randperm(seen.stop).split(50):
            counts = session.module(x[:, chosen]).spikes["classes"].sum(0)
            loss = torch.nn.functional.cross_entropy(0.5 * counts, y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses, session


@app.cell
def _(BLUE, losses, plt):
    _figure, _ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
    _ax.plot(losses, color=BLUE, linewidth=1)
    _ax.set(xlabel="batch of 50 pictures", ylabel="cross-entropy", ylim=(0, None))
    _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Back into the description

    The weights are the only thing that was learned. `net.with_weights` puts them into a network
    that is like the first in all else, and that one runs anywhere: here on the CPU core, one
    picture after another.
    """)
    return


@app.cell
def _(STEPS, held_out, labels, net, np, ns, session, torch, x):
    trained = net.with_weights(session.weights())
    core = ns.compile(trained)

    def seen_by_core(picture):
        """Return the run that shows one picture to the core."""
        core.reset()
        return core.run(STEPS, inputs={"pixels": x[:, picture].numpy()}, progress=False)

    pictures = range(held_out.start, held_out.stop)
    on_core = np.array([seen_by_core(k).spikes["classes"].counts() for k in pictures])
    with torch.no_grad():
        in_torch = session.module(x[:, held_out]).spikes["classes"].sum(0).numpy()
    accuracy = float(np.mean(on_core.argmax(1) == labels[held_out]))
    print(f"{100 * accuracy:.1f} % of the held-out pictures; spikes of classes that differ between "
          f"torch and the core: {int(np.abs(on_core - in_torch).sum())}")  # fmt: skip
    return accuracy, in_torch, on_core, seen_by_core


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Not one spike differs: the module follows the same steps as the core, in double precision.
    (Train with `precision="single"` and it is about twice as fast on large networks; a potential
    within 10⁻⁷ of the threshold may then fire on one side only.) Choose a picture:
    """)
    return


@app.cell
def _(held_out, mo):
    choice = mo.ui.slider(held_out.start, held_out.stop - 1, value=1403, label="picture")
    choice
    return (choice,)


@app.cell
def _(BLUE, GREY, choice, labels, plt, seen_by_core, x):
    _run = seen_by_core(choice.value)
    _figure, _axes = plt.subplots(
        1, 3, figsize=(9, 2.8), layout="constrained", width_ratios=(1, 2, 2)
    )
    _axes[0].imshow(x[:, choice.value].sum(0).reshape(8, 8).numpy(), cmap="Greys")
    _axes[0].set(xticks=[], yticks=[], title=f"spikes of pixels: a {labels[choice.value]}")
    for _ax, _name in zip(_axes[1:], ("hidden", "classes"), strict=True):
        _spikes = _run.spikes[_name]
        _ax.plot(_spikes.times, _spikes.ids, "|", color=BLUE if _name == "classes" else GREY)
        _ax.set(title=_name, xlabel="step", ylabel="neuron", xlim=(0, 21))
        _ax.spines[["top", "right"]].set_visible(False)
    _axes[2].set(yticks=range(10), ylim=(-0.5, 9.5))
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Without a surrogate: when, not whether

    *Whether* a neuron fires is a step, but *when* it fires is smooth. Between two spikes the course
    of a membrane with exponential currents is a formula, so the moment at which it reaches the
    threshold can be found, and differentiated (EventProp, Wunderlich & Pehle 2021, Sci. Rep.
    11:12829). `session.event_module()` is the network without a time step: spike times go in and
    come out, and their gradients are exact. Here one neuron learns to fire at 12 ms.
    """)
    return


@app.cell
def _(ns, torch):
    timed = ns.Network("one spike", seed=2, dt=0.1)
    _sources = timed.population("in", 5, ns.Input("spikes"))
    _cell = timed.population("cell", 1, ns.LIF(
        tau_m=20, C_m=1, E_L=0, V_reset=0, V_th=1, t_ref=40, synapses=ns.ExpCurrent(exc=10, inh=10)
    ))  # fmt: skip
    timed.project(_sources, _cell, ns.AllToAll(), weight=0.08, receptor="exc")
    events = ns.compile(timed, "snntorch").event_module()
    given = torch.tensor([[1.0, 3.0, 5.0, 7.0, 9.0]])
    (weight,) = events.parameters()
    adam = torch.optim.Adam([weight], lr=0.001)
    moments = []
    for _ in range(100):
        spike = events(given, 40.0)["cell"][0, 0, 0]
        adam.zero_grad()
        ((spike - 12) ** 2).backward()
        adam.step()
        moments.append(spike.item())
    return adam, events, given, moments, weight


@app.cell
def _(BLUE, GREY, moments, plt):
    _figure, _ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
    _ax.axhline(12, color=GREY, linewidth=1)
    _ax.plot(moments, color=BLUE)
    _ax.set(xlabel="step of the optimiser", ylabel="time of the spike [ms]")
    _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A neuron that does not fire has no time, and so no gradient: such networks begin with weights
    by which all neurons fire. `ns.training.latency_loss` makes the neuron of the right class fire
    first.

    ## Exercises

    1. Break the trick: `SnnTorch(surrogate="fast_sigmoid", slope=1000)` as the backend. What
       happens to the loss, and why? Look at the first figure again.
    2. Add the number of hidden spikes, times a small constant, to the loss. How many spikes per
       picture do you save before a percent of accuracy is gone?
    3. Answer early: take the class that is ahead after 5, 10 and 15 steps.
    4. Take `"norse"` for the backend. Does the trained network fire the same spikes?
    5. Run `trained` on the backend `"loihi"`, which has whole numbers of 8 bits for weights.
    6. Lower the weight of the last network until the spike is gone. What does its gradient do on
       the way, and why?
    """)
    return


@app.cell
def test_a_surrogate_lets_gradients_through_near_the_threshold(distances, slopes):
    near = abs(distances) < 0.1
    for _slope in (5, 25):
        assert abs(slopes(_slope)[100] - 1) < 1e-9
        assert slopes(_slope)[~near].max() < 1 / (1 + 0.1 * _slope) ** 2 + 1e-9
    return


@app.cell
def test_digits_are_learned(accuracy, losses, np):
    assert np.mean(losses[-28:]) < 0.2 * np.mean(losses[:3])
    assert accuracy > 0.84
    return


@app.cell
def test_the_core_fires_the_same_spikes(in_torch, on_core):
    assert on_core.tolist() == in_torch.tolist()
    return


@app.cell
def test_the_gradient_of_a_spike_time_is_exact(adam, events, given, moments, torch, weight):
    assert abs(moments[-1] - 12) < 0.2 < abs(moments[0] - 12)
    adam.zero_grad()
    events(given, 40.0)["cell"].sum().backward()
    with torch.no_grad():
        weight[0] += 1e-6
        later = events(given, 40.0)["cell"].item()
        weight[0] -= 2e-6
        slope = (later - events(given, 40.0)["cell"].item()) / 2e-6
        weight[0] += 1e-6
    assert abs(weight.grad[0].item() / slope - 1) < 1e-5
    return


if __name__ == "__main__":
    app.run()
