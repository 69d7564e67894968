"""The connectome of C. elegans: published counts, orientation, parts of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import neurosim as ns
from neurosim_datasets import Connectome, celegans


def sections(matrix: np.ndarray, pre: str, post: str) -> int:
    worm = celegans()
    return int(matrix[worm.index(pre), worm.index(post)])


def test_cells_are_those_of_the_hermaphrodite() -> None:
    """302 neurons, 20 of them of the pharynx, 95 muscles of the body wall (WormAtlas)."""
    worm = celegans()
    assert len(worm) == len(set(worm.names)) == 473
    neurons = worm.of("neurons")
    assert len(neurons) == 302
    assert neurons.names == worm.names[:302]
    assert len(worm.of("pharyngeal neuron")) == 20
    assert len([name for name in worm.names if re.fullmatch(r"M[DV][LR]\d\d", name)]) == 95
    assert set(worm.of("other neuron").names) == {"CANL", "CANR"}
    # Neurons of the ventral cord by class, as White et al. (1986) number them.
    cord = {"DA": 9, "DB": 7, "DD": 6, "VA": 12, "VB": 11, "VD": 13, "VC": 6}
    for letters, n in cord.items():
        named = {name for name in worm.names if re.fullmatch(rf"{letters}\d+", name)}
        assert named == {f"{letters}{k}" for k in range(1, n + 1)}


def entries_and_sum(matrix: np.ndarray) -> tuple[int, int]:
    return int(np.count_nonzero(matrix)), int(matrix.sum())


def test_totals_are_those_that_cect_tells() -> None:
    """Summary of cect's reader Cook2019Herm: entries that are not 0, and their sums."""
    worm = celegans()
    assert entries_and_sum(worm.chemical) == (4879, 28113)
    assert entries_and_sum(worm.gap) == (2883, 23313)
    neurons = worm.of("neurons")
    assert entries_and_sum(neurons.chemical) == (3709, 20965)
    assert entries_and_sum(neurons.gap) == (2196, 11523)


def test_rows_are_presynaptic() -> None:
    """Muscles receive and do not send; sensory neurons reach interneurons more than they hear."""
    worm = celegans()
    muscle = np.array(worm.kinds) == "muscle"
    sensory = np.array(worm.kinds) == "sensory neuron"
    inter = np.array(worm.kinds) == "interneuron"
    assert worm.chemical[muscle].sum() == 0
    assert worm.chemical[:, muscle].sum() > 5000
    to, back = worm.chemical[sensory][:, inter].sum(), worm.chemical[inter][:, sensory].sum()
    assert to > 3 * back
    # The taste neuron ASE onto AIY, not the other way round.
    assert sections(worm.chemical, "ASEL", "AIYL") == 32
    assert sections(worm.chemical, "AIYL", "ASEL") == 0


def test_gap_junctions_have_no_direction() -> None:
    worm = celegans()
    assert np.array_equal(worm.gap, worm.gap.T)
    assert sections(worm.gap, "AVAL", "AVAR") == 18


def test_parts_keep_their_numbers() -> None:
    worm = celegans()
    part = worm.of(["AVAR", "ASHL", "AVAL"])
    assert part.names == ("AVAR", "ASHL", "AVAL")
    assert part.kinds == ("interneuron", "sensory neuron", "interneuron")
    assert part.chemical[1, 2] == sections(worm.chemical, "ASHL", "AVAL") == 15
    assert part.gap[0, 2] == 18
    for array in (worm.chemical, part.gap):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_it_serves_as_a_connectome() -> None:
    neurons = celegans().of("neurons")
    made = Connectome(weights=neurons.chemical.astype(float), labels=neurons.names, diagonal="zero")
    assert made.of(["ASEL", "AIYL"]).weights[0, 1] == 32


def test_what_does_not_exist_is_refused() -> None:
    worm = celegans()
    with pytest.raises(ns.UnknownNameError, match="'AVAL'"):
        worm.index("AVALL")
    with pytest.raises(ns.UnknownNameError, match="Did you mean 'muscle'"):
        worm.of("muscles")
    for wrong in ([], ["AVAL", "AVAL"]):
        with pytest.raises(ns.DescriptionError, match="at least one, none twice"):
            worm.of(wrong)
