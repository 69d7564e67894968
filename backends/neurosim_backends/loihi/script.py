"""The script of a folder: a network in Lava's bit-accurate models, without neurosim.

The script is meant to be read: a line for each population and group of synapses, with their
registers; numbers of single neurons and synapses lie in the files beside it. It is the same text
for the same facts, so that `verify` can tell whether somebody changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAIN = "lava_script.py"

MOST_DENSE = 1 << 18
"""Numbers in the largest matrix that is handed over as a dense one."""

MESSAGE_BITS = 16
"""Of graded spikes."""

HEAD = '''\
"""@TITLE@ in Lava's bit-accurate models of Loihi: @STEPS@.

    python @MAIN@

needs lava-nc 0.10 (Python 3.10, numpy below 2), quantised.npz and golden.npz beside it, and nothing
else. The network is run with the golden input, and its spikes are compared with the golden ones:
exit code 0 if all are the same, else 1.

manifest.json says what an integer is in millivolts and picoamperes, and what was rounded.
"""

import sys
from pathlib import Path

import numpy as np
@IMPORTS@

FOLDER = Path(__file__).resolve().parent
N_STEPS = @N_STEPS@

numbers = np.load(FOLDER / "quantised.npz", allow_pickle=False)
golden = np.load(FOLDER / "golden.npz", allow_pickle=False)


def registers(key):
    """Return what each compartment of a population has of its own."""
    return {name: numbers[f"{key}_{name}"] for name in ("bias_mant", "bias_exp", "u", "v")}

'''

GENERATORS = '''
def given(first, size):
    """Return the process that sends the golden input of the neurons first .. first + size - 1."""
    step, neuron = golden["given_step"], golden["given_neuron"]
    mine = (neuron >= first) & (neuron < first + size)
    data = np.zeros((size, N_STEPS), np.int32)
    data[neuron[mine] - first, step[mine]] = golden["given_many"][mine]
    return Given(data=data)

'''

DENSE = '''
def matrix(key, shape, of):
    """Return numbers of synapses as a matrix (post, pre)."""
    found = np.zeros(shape, np.int32)
    found[numbers[f"{key}_post"], numbers[f"{key}_pre"]] = numbers[f"{key}_{of}"]
    return found

'''

SPARSE = '''
def sparse(key, shape, of):
    """Return numbers of synapses as a sparse matrix (post, pre)."""
    places = numbers[f"{key}_post"], numbers[f"{key}_pre"]
    return csr_matrix((numbers[f"{key}_{of}"], places), shape=shape)

'''

COMPARE = '''
def compared(seen, first, name):
    """Print how a population did, and return whether its spikes are the golden ones."""
    step, neuron = golden["spike_step"], golden["spike_neuron"]
    mine = (neuron >= first) & (neuron < first + seen.shape[0])
    expected = np.zeros(seen.shape, bool)
    expected[neuron[mine] - first, step[mine]] = True
    differ = np.argwhere((seen != expected).T)
    if not len(differ):
        print(f"{name}: {expected.sum()} spikes, all as they should be")
        return True
    step, neuron = differ[0]
    what = "is missing" if expected[neuron, step] else "was not there"
    print(f"{name}: the spike of neuron {neuron} in step {step} {what}; {len(differ)} differ")
    return False

'''


def lava_script(facts: Mapping[str, Any]) -> str:
    """Return the script.

    Parameters
    ----------
    facts : mapping
        As `packing.network_facts` has checked them.
    """
    populations, groups = facts["populations"], facts["synapses"]
    names = [_identifier(k, p["name"]) for k, p in enumerate(populations)]
    offsets = [0]
    for p in populations:
        offsets.append(offsets[-1] + p["size"])
    kinds = {_kind(g, populations) for g in groups if g["count"]}
    body = ["", "def main():", '    """Build the network, run it, compare."""', "    # populations"]
    for k, p in enumerate(populations):
        if p["kind"] == "generators":
            body.append(
                f"    {names[k]} = given(first={offsets[k]}, size={p['size']})  # {p['name']!r}"
            )
            continue
        body.append(
            f"    {names[k]} = LIF(\n"
            f"        shape=({p['size']},), du={p['du']}, dv={p['dv']}, vth={p['vth']}, "
            f"name={p['name']!r},\n"
            f'        **registers("p{k}"),\n'
            f"    )"
        )
    body += ["", "    # synapses"]
    for k, g in enumerate(groups):
        if g["count"]:
            body += _synapses(k, g, populations, names)
    body += ["", "    # what leaves the populations"]
    compartments = [k for k, p in enumerate(populations) if p["kind"] == "compartments"]
    for k in compartments:
        body += [
            f"    seen{k} = Seen(shape=({populations[k]['size']},), buffer=N_STEPS)",
            f"    {names[k]}.s_out.connect(seen{k}.a_in)",
        ]
    body += [
        "",
        "    # a run takes all that is connected with the process it is called on",
        "    fine = True",
    ]
    for part in _parts(populations, groups):
        body += [
            f"    {names[part[0]]}.run(",
            "        condition=RunSteps(num_steps=N_STEPS),",
            '        run_cfg=Loihi2SimCfg(select_tag="fixed_pt"),',
            "    )",
            *(
                f"    fine &= compared(seen{k}.data.get() != 0, {offsets[k]}, "
                f"{populations[k]['name']!r})"
                for k in part
            ),
            f"    {names[part[0]]}.stop()",
        ]
    body += ["    return fine", "", "", 'if __name__ == "__main__":',
             "    sys.exit(0 if main() else 1)", ""]  # fmt: skip
    steps = f"{facts['n_steps']} steps of {facts['dt_ms']:g} ms"
    text = HEAD.replace("@TITLE@", _within_docstring(facts["name"])).replace("@STEPS@", steps)
    text = text.replace("@MAIN@", MAIN).replace("@N_STEPS@", str(facts["n_steps"]))
    text = text.replace("@IMPORTS@", "\n".join(_imports(kinds, populations, groups)))
    helpers = [
        GENERATORS if any(p["kind"] == "generators" for p in populations) else "",
        DENSE if kinds & {"Dense", "DelayDense", "LearningDense"} else "",
        SPARSE if kinds & {"Sparse", "DelaySparse"} else "",
    ]
    return text + "".join(helpers) + COMPARE + "\n".join(body)


def _identifier(k: int, name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)[:40]
    return f"p{k}_{kept}"


def _within_docstring(name: str) -> str:
    return repr(name).replace("\\", "\\\\").replace('"', "'")


def _kind(g: Mapping[str, Any], populations: list[Any]) -> str:
    """Return the process of Lava that a group is."""
    if g["learning"] is not None:
        return "LearningDense"
    pairs = populations[g["pre"]]["size"] * populations[g["post"]]["size"]
    dense = pairs * (64 if g["delayed"] else 1) <= MOST_DENSE
    return ("Delay" if g["delayed"] else "") + ("Dense" if dense else "Sparse")


def _imports(kinds: set[str], populations: list[Any], groups: list[Any]) -> list[str]:
    dense = sorted(kinds & {"Dense", "DelayDense", "LearningDense"})
    sparse = sorted(kinds & {"Sparse", "DelaySparse"})
    rules = sorted({_rule_kind(g["learning"]) for g in groups if g["learning"] and g["count"]})
    lines = []
    if "Loihi2FLearningRule" in rules:
        lines.append("from lava.magma.core.learning.learning_rule import Loihi2FLearningRule")
    lines += [
        "from lava.magma.core.run_conditions import RunSteps",
        "from lava.magma.core.run_configs import Loihi2SimCfg",
    ]
    if dense:
        lines.append(f"from lava.proc.dense.process import {', '.join(dense)}")
    lines.append("from lava.proc.io.sink import RingBuffer as Seen")
    if any(p["kind"] == "generators" for p in populations):
        lines.append("from lava.proc.io.source import RingBuffer as Given")
    if "STDPLoihi" in rules:
        lines.append("from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi")
    lines.append("from lava.proc.lif.process import LIF")
    if sparse:
        lines.append(f"from lava.proc.sparse.process import {', '.join(sparse)}")
    if any(g["count"] for g in groups):
        lines.append("from lava.utils.weightutils import SignMode")
    if sparse:
        lines.append("from scipy.sparse import csr_matrix")
    return lines


def _synapses(k: int, g: Mapping[str, Any], populations: list[Any], names: list[str]) -> list[str]:
    kind = _kind(g, populations)
    pre, post = names[g["pre"]], names[g["post"]]
    shape = f"({populations[g['post']]['size']}, {populations[g['pre']]['size']})"
    read = "sparse" if kind in ("Sparse", "DelaySparse") else "matrix"
    lines = [f"    g{k} = {kind}(", f'        weights={read}("g{k}", {shape}, "weight"),']
    if g["delayed"]:
        # Lava takes delays of the platform's own integers only.
        lines.append(f'        delays={read}("g{k}", {shape}, "slot").astype(int),')
    bits = MESSAGE_BITS if g["graded"] else 0
    lines.append(
        f"        weight_exp={g['exponent']}, num_weight_bits={g['bits']}, "
        f"sign_mode=SignMode.{g['sign'].upper()},"
    )
    if g["learning"] is not None:
        lines.append(f"        learning_rule={_rule(g['learning'])},")
    lines += [
        f"        num_message_bits={bits}, name={g['name']!r},",
        "    )",
        f"    {pre}.s_out.connect(g{k}.s_in)",
        f"    g{k}.a_out.connect({post}.a_in)",
    ]
    if g["learning"] is not None:
        lines.append(f"    {post}.s_out.connect(g{k}.s_in_bap)")
    return lines


def _rule_kind(rule: Mapping[str, Any]) -> str:
    (minus, e_minus), (plus, e_plus) = rule["minus"], rule["plus"]
    return "STDPLoihi" if e_minus == e_plus and minus and plus else "Loihi2FLearningRule"


def _rule(rule: Mapping[str, Any]) -> str:
    """Return Lava's STDPLoihi, or what it would write, if it could, for two exponents."""
    (minus, e_minus), (plus, e_plus) = rule["minus"], rule["plus"]
    shared = (
        f"            x1_impulse={rule['x_impulse']}, y1_impulse={rule['y_impulse']}, "
        f"t_epoch={rule['epoch']}, rng_seed={rule['seed']},\n        )"
    )
    if _rule_kind(rule) == "STDPLoihi":
        return (
            f"STDPLoihi(\n            learning_rate=2.0**{e_minus}, A_minus={minus}, "
            f"A_plus={plus}, tau_plus={rule['x_tau']}, tau_minus={rule['y_tau']},\n{shared}"
        )
    products = [
        f"({m}) * 2 ^ {e} * {events}"
        for m, e, events in ((minus, e_minus, "x0 * y1"), (plus, e_plus, "y0 * x1"))
        if m
    ]
    return (
        f'Loihi2FLearningRule(\n            dw="{" + ".join(products)}", '
        f"x1_tau={rule['x_tau']}, y1_tau={rule['y_tau']},\n{shared}"
    )


def _parts(populations: list[Any], groups: list[Any]) -> list[list[int]]:
    """Return the populations of compartments that are connected with each other, part by part."""
    part = list(range(len(populations)))
    for g in groups:
        if g["count"]:
            joined, other = part[g["pre"]], part[g["post"]]
            part = [joined if x == other else x for x in part]
    found: dict[int, list[int]] = {}
    for k, p in enumerate(populations):
        if p["kind"] == "compartments":
            found.setdefault(part[k], []).append(k)
    return list(found.values())
