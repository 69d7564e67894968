import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import torch

    from neurosim_backends.snntorch import SnnTorch
    from neurosim_datasets import digits
    from neurosim_models.continual_learning import (
        CLASSP,
        HLOP,
        Plain,
        layered_classifier,
        learn_tasks,
        permuted,
    )

    torch.set_num_threads(1)  # the products here are small: threads would wait for each other
    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return (
        BLUE,
        CLASSP,
        GREEN,
        GREY,
        HLOP,
        Plain,
        RED,
        SnnTorch,
        digits,
        layered_classifier,
        learn_tasks,
        mo,
        np,
        panels,
        permuted,
        torch,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 18. Continual learning without forgetting

    A network that learns a second task with the weights of the first forgets the first. Animals do
    not, or far less. This lesson shows the forgetting in a spiking network, and a cure in which a
    Hebbian circuit tells the gradient where it may not go.

    ## Three tasks

    Digits of 8 x 8 pixels. In each task the pixels are in another order, the same for all images:
    for a network without eyes these are three tasks, equally hard.
    """)
    return


@app.cell
def _(digits, permuted):
    data = digits()
    tasks = permuted(data.images, data.labels, 3, held=360)
    return data, tasks


@app.cell
def _(panels, tasks):
    task_figure, task_axes = panels(1, 6, size=(8, 1.6))
    for _k, _ax in enumerate(task_axes):
        _ax.imshow(tasks[_k % 3][0][_k // 3].reshape(8, 8), cmap="Greys")
        _ax.set(xticks=[], yticks=[], title=f"task {_k % 3 + 1}")
        _ax.spines[:].set_visible(True)
    task_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Forgetting

    The network has two layers of 80 leaky integrate-and-fire neurons and ten sums. It is described
    as any other; the backend makes a module of PyTorch of it, and surrogate gradients train it, one
    task after the other (lesson 12 tells how). After each task, all three are tested.
    """)
    return


@app.cell
def _(Plain, SnnTorch, layered_classifier, learn_tasks, tasks):
    def outcome(rule):
        """Learn the three tasks by a rule; how well each was known after each."""
        backend = SnnTorch(surrogate="atan", slope=2.0)
        network = layered_classifier((64, 80, 80, 10), seed=1)
        return learn_tasks(network, tasks, rule, backend=backend, epochs=3)

    plain = outcome(Plain())
    return outcome, plain


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Directions that are taken

    What a layer does on the old task depends on its weights only through products with the
    activities $x$ that the old task has: if $\Delta W$ is orthogonal to all of them,
    $x \,\Delta W = 0$, the old task notices nothing. The gradient of a weight is a sum of products
    of a presynaptic trace and an error, $\Delta W \sim x^\top \delta$. So it is enough to take out
    of the *presynaptic trace* what belongs to old tasks:

    $$\Delta W \sim (x - H^\top H x)^\top \delta$$

    The rows of $H$ span the old activities. Who finds them? Neurons beside the layer,
    $y = Hx$, by a Hebbian and an anti-Hebbian term, $\Delta H \sim y^\top (x - H^\top y)$: what is
    active together is tied together, less what is explained already. That is the rule whose
    fixed points are the principal directions (lesson 14 has the one with a single neuron). This is
    HLOP, *Hebbian learning based orthogonal projection*. Each task gets neurons of its own; those
    of old tasks are held.

    CLASSP goes another way: every change of a weight makes its next ones smaller.
    """)
    return


@app.cell
def _(CLASSP, HLOP, outcome):
    rows = {"to 1": (30, 12), "to 2": (36, 20), "to 3": (36, 20)}  # first task, each later one
    guard = HLOP(rows)
    protected = outcome(guard)
    hardened = outcome(CLASSP(1e-8, eps=0.1))
    return guard, hardened, protected


@app.cell
def _(BLUE, GREEN, GREY, RED, hardened, np, panels, plain, protected):
    learning_figure, learning_axes = panels(1, 3, size=(8, 2.8), sharey=True)
    _named = (("nothing", plain), ("HLOP", protected), ("CLASSP", hardened))
    for _ax, (_name, _found) in zip(learning_axes, _named, strict=True):
        for _task, _color in enumerate((BLUE, RED, GREEN)):
            _seen = np.arange(_task, 3)
            _ax.plot(
                _seen + 1, _found.accuracies[_task:, _task], "o-", color=_color, label=_task + 1
            )
        _ax.axhline(0.1, color=GREY, lw=0.8, ls=":")
        _ax.set(xticks=[1, 2, 3], xlabel="tasks learned", title=_name, ylim=(0, 1))
    learning_axes[0].set(ylabel="accuracy")
    learning_axes[0].legend(frameon=False, title="task", loc="lower left")
    learning_figure
    return


@app.cell(hide_code=True)
def _(hardened, mo, plain, protected):
    _table = "\n".join(
        f"    | {name} | {found.accuracy:.3f} | {found.backward_transfer:+.3f} |"
        for name, found in (("nothing", plain), ("HLOP", protected), ("CLASSP", hardened))
    )
    mo.md(
        rf"""
    | | ACC: mean accuracy at the end | BWT: change of old tasks since they were learned |
    |---|---|---|
{_table}

    HLOP hardly forgets. Its price is room: each task takes directions away, and what is learned
    last is learned less well. With 64 inputs and three tasks that is felt; wider layers have more
    room.
    """
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the subspace neurons know

    How much of the activity that the input layer has in each task lies within the rows of the first
    30 subspace neurons, and how much within 30 random directions?
    """)
    return


@app.cell
def _(guard, np, tasks, torch):
    first_rows = guard.old["to 1"][:30].numpy()
    chance_rows = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 30)))[0].T

    def captured(rows, images):
        """Return the part of the energy of images that lies within orthonormal rows."""
        return float(((images @ rows.T) ** 2).sum() / (images**2).sum())

    parts = [captured(first_rows, task[2]) for task in tasks]
    by_chance = captured(chance_rows, tasks[0][2])
    best = torch.linalg.svdvals(torch.tensor(tasks[0][0]))
    at_most = float((best[:30] ** 2).sum() / (best**2).sum())
    return at_most, by_chance, parts


@app.cell(hide_code=True)
def _(at_most, by_chance, mo, parts):
    mo.md(
        rf"""
    Of the first task {parts[0]:.3f} (at the best {at_most:.3f}, by principal components), of the
    second {parts[1]:.3f}, of the third {parts[2]:.3f}; of the first by chance {by_chance:.3f}. That
    tasks have much in common, although their pixels are shuffled, is for no image being negative:
    all of them lie to the side of the mean ink.
    """
    )
    return


@app.cell
def _(at_most, by_chance, hardened, parts, plain, protected):
    def test_plain_descent_forgets():
        assert plain.accuracies[0, 0] > 0.8
        assert plain.backward_transfer < -0.15

    def test_projection_keeps_old_tasks():
        assert protected.backward_transfer > -0.1
        assert protected.backward_transfer > plain.backward_transfer + 0.1
        assert protected.accuracy > plain.accuracy

    def test_changes_that_shrink_help_too():
        assert hardened.accuracy > plain.accuracy + 0.03

    def test_subspace_neurons_know_their_task():
        assert 0.95 * at_most < parts[0] <= 1
        assert parts[0] > by_chance + 0.2
        assert parts[0] > max(parts[1:])

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Give HLOP half the rows, and a quarter. Which task suffers: the old ones, or the new?
    2. `HLOP(rows, rate=0)` projects onto random rows. What is protected then?
    3. `EWC(2000)` ties weights to what they were, by how much they mattered. Where do all
       three rules stand after five tasks?
    4. Make the layers 200 neurons wide, with rows in proportion. Is the last task learned better?
    5. Which part of $\Delta H$ would have to know the weights of other neurons, were it a synapse?
       Draw a circuit in which it does not.

    ## Sources

    - Xiao, Meng, Zhang, He & Lin (2024), Hebbian learning based orthogonal projection for continual
      learning of spiking neural networks, *ICLR*.
    - Kirkpatrick et al. (2017), Overcoming catastrophic forgetting in neural networks, *PNAS*
      114:3521-3526.
    - Ludwig (2024), CLASSP: a biologically-inspired approach to continual learning through
      adjustment suppression and sparsity promotion, arXiv 2405.09637.
    """)
    return


if __name__ == "__main__":
    app.run()
