"""Write the tables of C. elegans in datasets/neurosim_datasets/data.

Usage: ``pip install --no-deps cect==0.3.5``, then ``python tools/make_celegans_table.py``.

cect (OpenWorm, MIT) carries the adjacency matrices of Cook et al. (2019) as corrected in July 2020
and its own reading of them, which is what is taken here: cells under their usual names, numbers of
serial sections of electron micrographs at which two cells touch by a chemical synapse (from the
presynaptic to the postsynaptic cell) or a gap junction.
"""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "datasets" / "neurosim_datasets" / "data"

KINDS = {
    "Pharyngeal neurons": "pharyngeal neuron",
    "Sensory neurons": "sensory neuron",
    "Interneurons": "interneuron",
    "Motorneurons": "motor neuron",
    "Unknown function neurons": "other neuron",
}
"""Groups of Cook et al. by cect's names, and by ours."""


def main() -> None:
    from cect import Cells

    spec = find_spec("cect")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    found = json.loads((folder / "cache" / "Cook2019HermReader.json").read_text())
    names = found["nodes"]
    kinds = {name: kind for group, kind in KINDS.items() for name in Cells.COOK_GROUPING_1[group]}
    kinds |= {name: "muscle" for name in names if Cells.is_known_muscle(name)}
    rank = {kind: k for k, kind in enumerate([*KINDS.values(), "muscle", "other"])}
    cells = sorted((rank[kinds.get(name, "other")], name) for name in names)
    DATA.mkdir(exist_ok=True)
    write("celegans_cells.csv", ["cell", "kind"], [[name, list(rank)[k]] for k, name in cells])

    order = {name: k for k, (_, name) in enumerate(cells)}
    rows = []
    for kind, key in (("chemical", "Generic_CS"), ("gap", "Generic_GJ")):
        matrix = found["connections"][key]
        for i, pre in enumerate(names):
            for j, post in enumerate(names):
                sections = matrix[i][j]
                assert sections == int(sections) >= 0
                if kind == "gap":
                    assert sections == matrix[j][i], "gap junctions are symmetric"
                    if order[post] < order[pre]:
                        continue  # once per pair
                if sections:
                    rows.append((kind, order[pre], order[post], int(sections)))
    listed = [[kind, cells[i][1], cells[j][1], n] for kind, i, j, n in sorted(rows)]
    write("celegans_contacts.csv", ["kind", "from", "to", "sections"], listed)


def write(file: str, header: list[str], rows: list[list[object]]) -> None:
    with (DATA / file).open("w", newline="") as made:
        writer = csv.writer(made, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{file}: {len(rows)} rows")


if __name__ == "__main__":
    main()
