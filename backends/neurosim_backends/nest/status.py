"""Writing to the status of many neurons at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.lower.plan import Ints


def some(nodes: Any, where: Ints) -> Any:
    """Return some nodes of a collection, by their places in it, ascending."""
    return nodes if where.size == len(nodes) else nodes[where.tolist()]


def put(nodes: Any, values: Mapping[str, Any], where: Ints | None = None) -> None:
    """Set entries of the status.

    Parameters
    ----------
    nodes : NodeCollection
        Of n nodes.
    values : mapping
        Name -> one number for all, an array with one for each, or a list of these where NEST takes
        a list. Arrays are as long as `nodes`, or as `where` if that is given.
    where : (m,) int64, optional
        Places of the nodes that are meant, in any order; left out, all.
    """
    if where is not None:
        order = np.argsort(where)
        nodes = some(nodes, where[order])
        values = {name: chosen(value, order) for name, value in values.items()}
    n = len(nodes)
    same = {name: _common(value) for name, value in values.items()}
    common = {name: value for name, value in same.items() if value is not None}
    if common:
        has_lists = any(np.ndim(value) for value in common.values())
        nodes.set([common] * n if has_lists and n > 1 else [common])
    differing = {name: value for name, value in values.items() if same[name] is None}
    if differing:
        nodes.set([{name: _of(v, k) for name, v in differing.items()} for k in range(n)])


def chosen(value: Any, places: Ints) -> Any:
    """Return the value of some neurons: a number stays, arrays in lists are looked up, too."""
    if isinstance(value, list):
        return [chosen(v, places) for v in value]
    return value[places] if np.ndim(value) else value


def _common(value: Any) -> Any:
    """Return the value that all neurons share, or None."""
    if isinstance(value, list):
        each = [_common(v) for v in value]
        return None if any(v is None for v in each) else each
    array = np.asarray(value, np.float64)
    if array.size and np.all(array == array.flat[0]):
        return float(array.flat[0])
    return None


def _of(value: Any, k: int) -> Any:
    """Return the value of neuron k."""
    if isinstance(value, list):
        return [_of(v, k) for v in value]
    return float(value[k]) if np.ndim(value) else float(value)
