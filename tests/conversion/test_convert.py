"""Conversion: what is exact, what agrees, how well digits are told, what is refused."""

from __future__ import annotations

import copy
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import neurosim as ns
from neurosim.conversion.layers import IMAGE, quantised
from neurosim.conversion.thresholds import CANDIDATES, threshold_of
from tests.conversion.digits_cnn import digits, trained
from tests.conversion.in_steps import spikes_and_output

GRID = 2.0**-10


def dyadic(module: Any, scale: float = 1.0) -> Any:
    """Round all parameters to multiples of 2^-6: sums of few such numbers are exact."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.round(scale * p * 64) / 64)
    return module


class Residual(nn.Module):  # type: ignore[misc]
    """All that is converted, in one network; `activation` makes its rectifications."""

    def __init__(self, activation: Any = nn.ReLU) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding="same")
        self.norm = nn.BatchNorm2d(4)
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.shortcut = nn.Conv2d(2, 4, 1)
        self.strided = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2))
        self.act = nn.ModuleList(activation() for _ in range(3))
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        y = self.pool(self.act[0](self.norm(self.first(x))))
        y = self.act[1](self.grouped(y) + y + self.shortcut(F.avg_pool2d(x, 2)) + 0.25)
        y = F.avg_pool2d(self.act[2](self.strided(y)), (2, 1))
        return self.fc(self.drop(y.view(y.size(0), -1)))


def seen(module: Any, *shape: int) -> Any:
    """Let batch-norms take their statistics."""
    torch.manual_seed(1)
    module.train()
    for _ in range(3):
        module(torch.rand(32, *shape))
    return module.eval()


@pytest.fixture(scope="module")
def residual() -> Any:
    torch.manual_seed(0)
    return seen(Residual(), 2, 8, 8)


# ---------------------------------------------------------------------------------- exactness


@pytest.mark.parametrize("steps", range(1, 16))
def test_a_unit_is_the_quantised_relu_exactly(steps: int) -> None:
    """count = clip(floor(T x / theta + 1/2), 0, T), on the core, ties included.

    With theta = T/4 the ties x = (2k + 1) theta / 2T = (2k + 1)/8 lie on the grid.
    """
    theta = Fraction(steps, 4)
    ties = [Fraction(2 * k + 1, 8) for k in range(-2, steps + 2)]
    rng = np.random.default_rng(steps)
    low, high = int(-theta * 1024), int(2 * theta * 1024)
    drawn = [Fraction(int(k), 1024) for k in rng.integers(low, high, 100)]
    near = [x + sign * Fraction(1, 1024) for x in ties for sign in (-1, 1)]
    xs = [*ties, *near, *drawn]
    n = len(xs)
    model = nn.Sequential(nn.Linear(n, n), ns.QCFS(steps, float(theta)))
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(n))
        model[0].bias.fill_(0.25)  # comes on top, step by step
    image = np.array([[float(x) - 0.25 for x in xs]])
    conversion = ns.convert(model, [torch.tensor(image)], timesteps=steps)
    run = ns.run(conversion.network, conversion.n_steps, inputs=conversion.inputs(image[0]))
    window = run.spikes["0"].between(0, steps)
    expected = [min(max(math.floor(steps * x / theta + Fraction(1, 2)), 0), steps) for x in xs]
    assert window.counts().tolist() == expected
    told = conversion.outputs(image)[0, -1]
    np.testing.assert_allclose(told, quantised(image[0] + 0.25, float(theta), steps), atol=1e-12)
    assert len(set(expected)) == steps + 1  # all levels occur


def test_maxima_are_told_exactly() -> None:
    """A spiking MaxPool has fired as often as the one of its inputs that fired most, always."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.ReLU(),
                          nn.Flatten(), nn.Linear(48, 2))  # fmt: skip
    images = torch.rand(4, 1, 8, 8)
    conversion = ns.convert(model, [images], timesteps=9)
    assert conversion.windows == {"0": 1, "1": 2, "output": 3}
    run = ns.run(conversion.network, conversion.n_steps, inputs=conversion.inputs(images[0]))
    for steps in range(1, 10):
        counts = run.spikes["0"].between(0, steps).counts().reshape(1, 3, 8, 8)
        highest = F.max_pool2d(torch.tensor(counts).double(), 3, 2, 1).numpy().ravel()
        told = run.spikes["1"].between(1, 1 + steps).counts()
        np.testing.assert_array_equal(told, highest)
    assert highest.max() > 3


class Spiking(nn.Module):  # type: ignore[misc]
    """An integrate-and-fire neuron in place of a QCFS: told of one step at a time."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold, self.v = threshold, 0.5 * threshold

    def forward(self, x: Any) -> Any:
        self.v = self.v + x
        fired = torch.ge(self.v, self.threshold).to(x)
        self.v = self.v - fired * self.threshold
        return fired * self.threshold


def in_steps(model: Any, images: Any, steps: int) -> Any:
    """The oracle: the module itself, step by step, with neurons for its activations."""
    spiking = copy.deepcopy(model).double()
    spiking.act = nn.ModuleList(Spiking(float(q.threshold.detach())) for q in model.act)
    with torch.no_grad():
        return sum(spiking(images.double()) for _ in range(steps)) / steps


@pytest.mark.parametrize("backend", ["cpu", "snntorch", "norse"])
def test_every_backend_gives_what_the_module_gives_step_by_step(backend: str) -> None:
    """Delays align all branches, the image enters twice; on the dyadic grid to the last bit."""
    torch.manual_seed(5)
    model = Residual(lambda: ns.QCFS(8, 1.0)).eval()
    model.norm = nn.Identity()
    model.pool = nn.AvgPool2d(2)  # an oracle for MaxPool is above
    dyadic(model)
    with torch.no_grad():
        for q in model.act:
            q.threshold.fill_(0.75)
    images = torch.round(torch.rand(3, 2, 8, 8) * 32) / 32
    conversion = ns.convert(model, [images], timesteps=6)
    assert conversion.windows == {"first": 1, "grouped": 2, "strided": 3, "output": 4}
    told = conversion.outputs(images, backend=backend)
    for steps in (1, 3, 6):
        expected = in_steps(model, images, steps).numpy()
        np.testing.assert_allclose(told[:, steps - 1], expected, rtol=0, atol=1e-12)
    longer = conversion.outputs(images, timesteps=11, backend=backend)
    np.testing.assert_allclose(longer[:, 10], in_steps(model, images, 11).numpy(), atol=1e-12)
    np.testing.assert_array_equal(longer[:, :6], told)


def test_spikes_on_the_core_are_those_of_the_layers(residual: Any) -> None:
    torch.manual_seed(2)
    images = torch.rand(3, 2, 8, 8)
    conversion = ns.convert(residual, [images], timesteps=7)
    thresholds = list(conversion.thresholds.values())
    trains, output = spikes_and_output(conversion._layered, images, 7, thresholds, 0.5)
    for k, image in enumerate(images):
        run = ns.run(conversion.network, conversion.n_steps, inputs=conversion.inputs(image))
        for layer, spikes in zip(conversion.windows, trains, strict=False):
            start = conversion.windows[layer] - 1
            counts = run.spikes[layer].between(start, start + 7).counts()
            np.testing.assert_array_equal(counts, spikes[k].sum(0))
    told = conversion.outputs(images)[:, -1]
    np.testing.assert_allclose(told, output, atol=1e-9)


def test_with_many_steps_the_output_is_the_modules(residual: Any) -> None:
    torch.manual_seed(2)
    images = torch.rand(6, 2, 8, 8)
    with torch.no_grad():
        expected = residual(images).numpy()
    errors = []
    for steps in (4, 64):
        conversion = ns.convert(residual, [images], timesteps=steps, method="max")
        errors.append(np.abs(conversion.outputs(images)[:, -1] - expected).max())
    assert errors[1] < 0.2 * errors[0]
    assert errors[1] < 0.05 * np.abs(expected).max()


def test_what_was_sent_is_what_arrived_rounded_at_every_step() -> None:
    """A unit that takes spikes back: at all times max(floor(S/theta), 0) of what came, ties too.

    S is half a threshold and the sum of any inputs that are at most a threshold per step. Of the
    same inputs a unit that takes nothing back tells too much.
    """
    n, steps, theta = 60, 24, 0.75
    rng = np.random.default_rng(3)
    limit = int(theta * 1024)
    given = rng.integers(-limit, limit + 1, (steps, n)) / 1024
    given[:, :20] = rng.choice([-theta, -theta / 2, 0, theta / 2, theta], (steps, 20))  # ties
    model = nn.Sequential(nn.Linear(n, n), ns.QCFS(steps, theta))
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(n))
        model[0].bias.fill_(0.0)
    expected = np.maximum(np.floor(0.5 + given.cumsum(0) / theta), 0)
    sent = {}
    for signed in (False, True):
        conversion = ns.convert(model, [torch.ones(1, n)], timesteps=steps, signed=signed)
        assert conversion.signed == signed
        run = ns.run(conversion.network, steps, inputs={"image": given})
        back = "0 taken back"
        assert (back in run.spikes) == signed
        counts = np.zeros((steps, n))
        for name, sign in (("0", 1), (back, -1)):
            if name in run.spikes:
                record = run.spikes[name]
                counts[np.rint(record.times).astype(int) - 1, record.ids] += sign
        sent[signed] = counts.cumsum(0)
    np.testing.assert_array_equal(sent[True], expected)
    assert (np.diff(expected, axis=0) < 0).sum() > 100
    assert (sent[False] >= expected).all()
    assert (sent[False][-1] > expected[-1]).sum() > 10


@pytest.mark.parametrize("backend", ["cpu", "snntorch"])
def test_signed_spikes_on_backends_are_those_of_the_layers(backend: str) -> None:
    """Also of maxima, which may shrink again; what is sent, at all steps, and what it costs."""
    torch.manual_seed(4)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 8), nn.ReLU(), nn.Linear(8, 2),
    )  # fmt: skip
    images = torch.rand(2, 1, 6, 6)
    conversion = ns.convert(model, [images], timesteps=9, signed=True, method="percentile",
                            percentile=90.0)  # fmt: skip
    thresholds = list(conversion.thresholds.values())
    trains, output = spikes_and_output(conversion._layered, images, 9, thresholds, 0.5)
    assert all((train < 0).any() for train in trains[1:])  # the first layer's input is constant
    found = list(conversion._respond(images.double().numpy(), 9, backend, True))
    for k, train in enumerate(trains):
        np.testing.assert_array_equal(np.concatenate([r.spikes[k] for r in found]), train)
    told = np.concatenate([r.output for r in found])[:, -1]
    np.testing.assert_allclose(told, output, atol=1e-9)
    report = conversion.evaluate(images, backend=backend)
    neurons = [layer.neurons for layer in report.layers]
    assert report.operations.updates == 9 * (2 * sum(neurons[:-1]) + neurons[-1])
    np.testing.assert_allclose(
        [layer.spikes for layer in report.spiking], [np.abs(t).sum((0, 2)) / 2 for t in trains]
    )
    fan = conversion._layered.synapses(conversion._layered.layers[3].branches[0])
    heard = np.abs(trains[2]).sum(1) @ fan * 2 + np.abs(trains[3]).sum((1, 2))  # and of each other
    np.testing.assert_allclose(report.layers[3].synaptic_operations.sum(), heard.mean())


def test_one_dimension_and_plain_sequences() -> None:
    torch.manual_seed(0)
    model = seen(
        nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.AvgPool1d(2),
            nn.Conv1d(4, 6, 2, stride=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3),
        ),
        2, 12,
    )  # fmt: skip
    images = torch.rand(8, 2, 12)
    conversion = ns.convert(model, [images], timesteps=128, method="max")
    assert list(conversion.windows) == ["0", "4", "8", "output"]
    with torch.no_grad():
        expected = model(images).numpy()
    told = conversion.outputs(images)[:, -1]
    np.testing.assert_allclose(told, expected, atol=0.05 * np.abs(expected).max())


# ---------------------------------------------------------------------------------- methods


def test_thresholds_by_their_definitions() -> None:
    rng = np.random.default_rng(0)
    values = np.maximum(rng.normal(size=5000), 0)
    assert threshold_of(values, "max", 4, 99.0, "") == values.max()
    assert threshold_of(values, "percentile", 4, 99.0, "") == np.percentile(values, 99)
    for steps in (2, 4, 8):
        best = threshold_of(values, "mse", steps, 99.0, "")

        def cost(theta: float, steps: int = steps) -> float:
            told = np.clip(np.floor(values * steps / theta + 0.5), 0, steps) * theta / steps
            return float(np.sum((told - values) ** 2))

        assert cost(best) == min(cost(values.max() * c) for c in CANDIDATES)
    small, large = (threshold_of(values, "mse", steps, 99.0, "") for steps in (1, 16))
    assert small < large  # few levels are spent on what is frequent


def test_calibration_puts_right_what_spikes_tell_wrongly() -> None:
    """Li et al. (2021): the bias of the first layer by hand, and the core with all that was moved.

    Under constant input, without initial charge, a count is the activation rounded down; so what
    the first bias gains is the mean of what that is wrong by.
    """
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    images = torch.rand(60, 6)
    plain, light, advanced = (
        ns.convert(model, [images], timesteps=3, method="max", initial_charge=0, calibration=level)
        for level in ("none", "light", "advanced")
    )
    theta = plain.thresholds["0"]
    with torch.no_grad():
        x = model[0].double()(images.double()).numpy()
    wrong = np.maximum(x, 0) - quantised(x - theta / 6, theta, 3)
    moved = light._layered.layers[0].bias - plain._layered.layers[0].bias
    np.testing.assert_allclose(moved, wrong.mean(0), atol=1e-6)  # the module is single
    assert np.abs(moved).max() > 1e-3
    assert set(light.charges.values()) == {0.0}
    starts = advanced.charges["2"]
    assert starts.shape == (5,)
    assert len(set(starts)) > 2
    assert np.abs(starts).max() < 1
    errors = []
    for conversion in (plain, light, advanced):
        told = conversion.outputs(images)[:, -1]
        thresholds, charges = (
            list(conversion.thresholds.values()),
            list(conversion.charges.values()),
        )
        _, output = spikes_and_output(conversion._layered, images, 3, thresholds, charges)
        np.testing.assert_allclose(told, output, atol=1e-9)
        with torch.no_grad():
            expected = model.double()(images.double()).numpy()
        errors.append(float(np.abs((told - expected).mean(0)).max()))
    assert errors[0] > 1e-3  # rounding down
    assert max(errors[1:]) < 1e-6  # the output's own bias takes what is left
    assert "Weights, biases and initial potentials were calibrated" in repr(advanced.report)


def test_hard_reset_loses_and_half_a_charge_rounds() -> None:
    """Of theta = 1 and x = 0.75 in 8 steps: soft 6; hard 4, as each spike loses a half."""
    model = nn.Sequential(nn.Linear(1, 1), ns.QCFS(8, 1.0))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(0.0)

    def count(x: float, **how: Any) -> int:
        image = np.array([x])
        conversion = ns.convert(model, [torch.tensor([[1.0]])], **how)
        run = ns.run(conversion.network, conversion.n_steps, inputs=conversion.inputs(image))
        return len(run.spikes["0"].between(0, 8))

    assert count(0.75, initial_charge=0) == 6
    assert count(0.75, initial_charge=0, reset="hard") == 4
    assert (count(0.625 - 2**-5, initial_charge=0), count(0.625 - 2**-5)) == (4, 5)


def test_maxpool_is_replaced_only_where_asked_and_told(residual: Any) -> None:
    images = torch.rand(4, 2, 8, 8)
    with pytest.warns(ns.ApproximationWarning, match="MaxPool 'pool' was replaced by a mean"):
        conversion = ns.convert(residual, [images], max_pool="average")
    assert "pool" not in conversion.windows
    assert any("replaced by a mean" in line for line in conversion.report.declared)
    assert "replaced by a mean" in repr(conversion.report)


# ---------------------------------------------------------------------------------- digits


@pytest.fixture(scope="module")
def shown() -> tuple[Any, ...]:
    model = trained()
    images, labels, held_out, held_out_labels = digits()
    with torch.no_grad():
        told = model(torch.tensor(held_out)).argmax(1).numpy()
    return model, [(images, labels)], held_out, held_out_labels, np.mean(told == held_out_labels)


@pytest.mark.parametrize(("steps", "least"), [(2, 0.98), (4, 0.99)])
def test_digits_are_told_in_few_steps_on_the_core(
    shown: tuple[Any, ...], steps: int, least: float
) -> None:
    model, loader, held_out, labels, of_the_module = shown
    conversion = ns.convert(model, loader, timesteps=steps)
    assert of_the_module > 0.99
    assert conversion.accuracy(held_out, labels) >= least


def test_published_order_of_methods(shown: tuple[Any, ...]) -> None:
    """At T = 2, from Diehl et al. (2015) on, no method is behind the one before it.

    By the layers as arrays, which are those of the core (above), on half of the images.
    """
    model, loader, held_out, labels, _ = shown
    images, known = held_out[:300], labels[:300]
    found = []
    for method, charge in (("max", 0.0), ("percentile", 0.0), ("percentile", 0.5), ("mse", 0.5)):
        conversion = ns.convert(model, loader, timesteps=2, method=method, limit=300)
        thresholds = list(conversion.thresholds.values())
        _, output = spikes_and_output(conversion._layered, images, 2, thresholds, charge)
        found.append(float(np.mean(output.argmax(1) == known)))
    assert found[0] < found[1] < 0.5
    assert 0.97 < found[2] <= found[3]


def test_published_order_of_calibrations(shown: tuple[Any, ...]) -> None:
    """Li et al. (2021), table of VGG-16: 64.5, 93.3, 93.65 % without, with light, with advanced.

    Here at T = 2 with thresholds at the 99.9th percentile and no initial charge, on 200 images.
    """
    model, loader, held_out, labels, _ = shown
    found = []
    for level in ("none", "light", "advanced"):
        conversion = ns.convert(model, loader, timesteps=2, method="percentile", initial_charge=0,
                                calibration=level, limit=256)  # fmt: skip
        thresholds, charges = (
            list(conversion.thresholds.values()),
            list(conversion.charges.values()),
        )
        _, output = spikes_and_output(
            conversion._layered, held_out[:200], 2, thresholds, charges
        )  # fmt: skip
        found.append(float(np.mean(output.argmax(1) == labels[:200])))
    assert found[0] < 0.5 < found[1] < found[2]
    assert found[2] > 0.95


def test_signed_spikes_tell_more_at_few_steps(shown: tuple[Any, ...]) -> None:
    """What was fired before inhibition came is taken back: outputs are nearer to the module's.

    Wang et al. (2022), with thresholds at the 99.9th percentile. Accuracies are those of the module
    already.
    """
    model, loader, held_out, labels, _ = shown
    images = held_out[:200]
    with torch.no_grad():
        expected = model(torch.tensor(images)).numpy()
    errors = []
    for signed in (False, True):
        conversion = ns.convert(
            model, loader, timesteps=2, method="percentile", limit=256, signed=signed
        )
        thresholds = list(conversion.thresholds.values())
        _, output = spikes_and_output(conversion._layered, images, 2, thresholds, 0.5)
        errors.append(float(np.sqrt(np.mean((output - expected) ** 2))))
        assert np.mean(output.argmax(1) == labels[:200]) >= 0.98
    assert errors[1] < 0.9 * errors[0]


def test_calibration_of_signed_spikes_is_what_the_layers_do() -> None:
    """Output biases leave no error in the mean, so the spikes that were calibrated are these."""
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(),
                          nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))  # fmt: skip
    images = torch.rand(60, 6)
    with torch.no_grad():
        expected = model.double()(images.double()).numpy()
    conversion = ns.convert(model, [images], timesteps=6, method="percentile", percentile=90.0,
                            calibration="advanced", signed=True)  # fmt: skip
    thresholds, charges = conversion.thresholds.values(), conversion.charges.values()
    trains, output = spikes_and_output(
        conversion._layered, images, 6, list(thresholds), list(charges)
    )
    assert min(train.min() for train in trains[1:]) == -1
    np.testing.assert_allclose((output - expected).mean(0), 0, atol=1e-6)


# ---------------------------------------------------------------------------------- refusals


class Branching(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        if x.sum() > 0:
            return x
        return -x


class Selecting(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return torch.nonzero(x)


class Scaled(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return torch.relu(x).mul(2.0)


class InPlace(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        z = F.relu(y, inplace=True)
        return self.fc(z) + y  # y is z by now


def with_nan() -> Any:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    with torch.no_grad():
        model[0].weight[1, 2] = float("nan")
    return model


VECTORS = [torch.linspace(-1, 1, 12).reshape(3, 4)]
PLANES = [torch.linspace(-1, 1, 48).reshape(3, 1, 4, 4)]

MODELS: dict[str, tuple[Any, Any, str]] = {
    "control flow": (Branching(), VECTORS, r"Branching\.forward \(test_convert\.py:\d+\): its c"),
    "shapes from data": (Selecting(), VECTORS, r"function nonzero \(test_convert\.py:\d+\): it"),
    "method": (Scaled(), VECTORS, r"method \.mul \(test_convert\.py:\d+\): it has no form"),
    "activation": (nn.Sequential(nn.Linear(4, 2), nn.GELU()), VECTORS, "GELU '1': it has no form"),
    "batch-norm": (
        nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2), nn.ReLU()), VECTORS,
        r"BatchNorm1d '1': num_batches_tracked is 0; .* run some batches in train",
    ),
    "batch-norm without statistics": (
        nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2, track_running_stats=False)), VECTORS,
        "BatchNorm1d '1': running statistics is None; .* track_running_stats=True",
    ),
    "NaN": (with_nan(), VECTORS, r"Linear '0': weight is '1 of 16 values NaN or infinite'"),
    "in place": (InPlace(), VECTORS, "InPlace: .* differ by .* not in place"),
    "ceil": (nn.Sequential(nn.ReLU(), nn.AvgPool2d(3, ceil_mode=True)), PLANES, "ceil_mode=False"),
    "padding": (nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")), PLANES,
                "padding_mode='zeros'"),
    "maxima of an image": (nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), PLANES, "is no spikes"),
    "maxima below 0": (
        nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(2), nn.Flatten()), PLANES,
        "MaxPool of values that may be negative",
    ),
    "output": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU()), PLANES, r"an output of shape \(2, 4"),
    "silent layer": (nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), [-torch.ones(3, 4)],
                     "layer '0': largest activation is 0.0"),
    "wrong images": (nn.Linear(5, 2), VECTORS, r"images of shape \(4,\).*images that .*It says"),
    "no module": (lambda x: x, VECTORS, "a torch.nn.Module"),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_what_has_no_form_is_refused_by_name(case: str) -> None:
    model, loader, message = MODELS[case]
    with pytest.raises(ns.NeurosimError, match=message) as caught:
        ns.convert(model, loader)
    assert "\n" not in str(caught.value)


PLAIN = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))

CALLS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "empty loader": ([], {}, "It yielded nothing"),
    "empty batch": ([torch.zeros(0, 4)], {}, "It yielded nothing"),
    "no loader": (3, {}, "batches of images"),
    "NaN image": ([torch.full((2, 4), float("nan"))], {}, "finite numbers"),
    "text": ([["a", "b"]], {}, "an array .* of numbers"),
    "shapes": ([torch.rand(2, 4), torch.rand(2, 5)], {}, r"the shape \(n, \*\(4,\)\)"),
    "label": ([(torch.rand(2, 4), torch.tensor([0, 7]))], {}, "labels .* is 7; .* from 0 to 2"),
    "negative": ([(torch.rand(2, 4), torch.tensor([0, -1]))], {}, "is -1; expected classes"),
    "too few": ([(torch.rand(2, 4), torch.tensor([0]))], {}, "2 whole numbers, one per image"),
    "real labels": ([(torch.rand(2, 4), torch.rand(2))], {}, "2 whole numbers"),
    "device": ([torch.rand(2, 4)], {"device": "cuda:7"}, "device .*'cuda:7'.*that this PyTorch"),
    "device name": ([torch.rand(2, 4)], {"device": "gpu"}, "device .*'gpu'"),
    "method": ([torch.rand(2, 4)], {"method": "maximum"}, "Did you mean 'max'"),
    "reset": ([torch.rand(2, 4)], {"reset": "none"}, "'soft', 'hard'"),
    "hard and signed": ([torch.rand(2, 4)], {"reset": "hard", "signed": True}, "taken back"),
    "signed": ([torch.rand(2, 4)], {"signed": "yes"}, "signed is 'yes'; expected True or False"),
    "steps": ([torch.rand(2, 4)], {"timesteps": 0}, "timesteps is 0"),
    "charge": ([torch.rand(2, 4)], {"initial_charge": 1.0}, "initial_charge"),
    "percentile": ([torch.rand(2, 4)], {"percentile": 101}, "percentile"),
    "calibration": ([torch.rand(2, 4)], {"calibration": "lite"}, "Did you mean 'light'"),
}


@pytest.mark.parametrize("case", CALLS)
def test_what_cannot_be_meant_is_refused_in_one_sentence(case: str) -> None:
    loader, how, message = CALLS[case]
    with pytest.raises(ns.DescriptionError, match=message):
        ns.convert(PLAIN, loader, **how)


def test_images_and_labels_are_checked_when_shown() -> None:
    torch.manual_seed(0)
    conversion = ns.convert(PLAIN, [torch.rand(20, 4)])
    with pytest.raises(ns.DescriptionError, match=r"accuracy: images .*images \(n, 4\)"):
        conversion.accuracy(np.zeros((2, 5)), [0, 1])
    with pytest.raises(ns.DescriptionError, match="is 3; expected classes from 0 to 2"):
        conversion.accuracy(np.zeros((2, 4)), [0, 3])
    with pytest.raises(ns.DescriptionError, match="finite"):
        conversion.outputs(np.full((2, 4), np.inf))
    for levels, threshold in ((0, 1.0), (4, 0.0), (4, float("nan"))):
        with pytest.raises(ns.DescriptionError, match="QCFS"):
            ns.QCFS(levels, threshold)


def test_the_module_is_left_as_it_was(residual: Any) -> None:
    residual.train()
    before = copy.deepcopy(residual.state_dict())
    ns.convert(residual, [torch.rand(4, 2, 8, 8)])
    assert residual.training
    after = residual.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    residual.eval()


def test_qcfs_is_its_formula_and_passes_gradients() -> None:
    x = torch.linspace(-1, 3, 401, dtype=torch.float64, requires_grad=True)
    q = ns.QCFS(4, 2.0).double()
    y = q(x)
    expected = 2.0 * np.clip(np.floor(x.detach().numpy() / 2.0 * 4 + 0.5) / 4, 0, 1)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-12)
    y.sum().backward()
    inside = (expected > 0) & (expected < 2)
    np.testing.assert_allclose(x.grad.numpy()[inside], 1.0)
    assert float(q.threshold.grad) != 0


def test_the_image_may_enter_late() -> None:
    """x + f(x) after two layers: the image is shown again, two steps later."""

    class Late(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return x + self.b(torch.relu(self.a(x)))

    torch.manual_seed(0)
    model, images = Late(), torch.rand(5, 4)
    conversion = ns.convert(model, [images], timesteps=64)
    assert set(conversion.inputs(images[0])) == {"image", "image +1"}
    assert any(b.source == IMAGE for b in conversion._layered.output.branches)
    with torch.no_grad():
        expected = model(images).numpy()
    np.testing.assert_allclose(conversion.outputs(images)[:, -1], expected, atol=0.05)
