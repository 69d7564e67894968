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
    from torch import nn

    import neurosim as ns

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, RED, load_digits, mo, nn, np, ns, plt, torch


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 11. From a trained CNN to spikes

    A convolutional network is trained in PyTorch as ever, and becomes a network of
    integrate-and-fire neurons in one call. How many steps do the spikes need to tell what the
    activations told, which layer suffers most, and what would it cost on a chip? The answer to the
    last question is less flattering than is often read.
    """)
    return


@app.cell
def _(load_digits, nn, np, torch):
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    seen, held_out = slice(0, 1400), slice(1400, 1600)

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    x, y = torch.tensor(images), torch.tensor(labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(6):
        for chosen in torch.randperm(1400).split(50):
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    return held_out, images, labels, model, seen


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One call

    The images with which the network was trained serve to choose thresholds: a spike in every
    step stands for the threshold, so a threshold that is too high leaves few levels for what is
    frequent, and one that is too low cuts off what is large.

    Look at the delays and at the bias currents: layers work one step after another, and each
    begins when the one before it can have fired.
    """)
    return


@app.cell
def _(images, labels, model, ns, seen):
    conversion = ns.convert(model, [(images[seen], labels[seen])], timesteps=8)
    conversion.network
    return (conversion,)


@app.cell
def _(conversion, held_out, images, labels):
    report = conversion.evaluate(images[held_out], labels[held_out])
    report
    return (report,)


@app.cell
def _(report):
    report.plot()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The blue bars are errors of whole layers in the network, the red ones what would be left if
    their input were perfect: rounding to T + 1 levels. What blue has more than red was handed on
    by the layers before, or comes from spikes that arrive unevenly: a neuron that fired before
    inhibition came cannot take its spike back.

    ## A neuron is a quantised ReLU

    Under constant input x, with half its threshold as initial charge, a neuron fires
    clip(floor(T x/θ + 1/2), 0, T) times. Without that charge it rounds down, and everything in
    the network comes out too small.
    """)
    return


@app.cell
def _(BLUE, GREY, RED, nn, np, ns, plt, torch):
    def counted(values, steps=8, charge=0.5):
        """Return how often neurons with threshold 1 fire under the currents `values`."""
        n = len(values)
        one = nn.Sequential(nn.Linear(n, n, bias=False), ns.QCFS(steps, 1.0))
        with torch.no_grad():
            one[0].weight.copy_(torch.eye(n))
        image = torch.tensor(values[np.newaxis])
        made = ns.convert(one, [image], timesteps=steps, initial_charge=charge)
        run = ns.run(made.network, steps, inputs={"image": values})
        return run.spikes["0"].counts()

    currents = np.linspace(-0.25, 1.25, 97)
    rounded, floored = counted(currents), counted(currents, charge=0.0)
    figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
    ax.plot(currents, 8 * np.clip(currents, 0, 1), color=GREY, label="clipped ReLU")
    ax.step(currents, rounded, color=BLUE, where="mid", label="half a charge")
    ax.step(currents, floored, color=RED, where="mid", label="no charge")
    ax.set(xlabel="current, in thresholds", ylabel="spikes in 8 steps")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure
    return currents, floored, rounded


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What would it cost?

    Operations are counted and multiplied by constants from papers. That is an estimate: nothing
    was measured on a chip. The rival is not the network in floating point, but one whose
    activations have as many levels as the spikes tell: log2(T + 1) bits are enough.
    """)
    return


@app.cell
def _(mo, ns, report):
    costs = {name: ns.energy(report, profile=name) for name in ("45nm", "loihi", "spinnaker2")}
    mo.ui.table(
        [
            {"profile": name, "per image [µJ]": round(cost.total * 1e-6, 3)}
            for name, cost in costs.items()
        ],
        selection=None,
    )
    return (costs,)


@app.cell
def _(mo, report):
    mo.md(str(report.verdict()))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Compare `method="max"`, `"percentile"` and `"mse"` at T = 2, 4 and 8, and then all three
       without charge. Which of the two matters more?
    2. Train with `ns.QCFS(levels=4)` in place of ReLU and convert again. What do you gain at T = 4,
       what at T = 32?
    3. Replace AvgPool by MaxPool. How many neurons and steps does it cost to tell maxima exactly?
    4. At which rate of spikes would both networks need the same? Put a penalty on activations into
       the loss and see how near you come.
    """)
    return


@app.cell
def test_few_steps_are_enough(report):
    assert report.module_accuracy > 0.9
    assert report.accuracy[-1] > report.module_accuracy - 0.03
    return


@app.cell
def test_a_neuron_is_a_quantised_relu(currents, floored, np, rounded):
    assert rounded.tolist() == np.clip(np.floor(8 * currents + 0.5), 0, 8).tolist()
    assert floored.tolist() == np.clip(np.floor(8 * currents), 0, 8).tolist()
    return


@app.cell
def test_spikes_do_not_win_here(costs, report):
    assert not report.verdict().worthwhile
    assert costs["45nm"].total < costs["loihi"].total < costs["spinnaker2"].total
    return


if __name__ == "__main__":
    app.run()
