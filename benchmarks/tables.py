"""Tables and figures of comparisons and of scaling, from what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.workloads import PEERS

Json = dict[str, Any]


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.2g}"


def memory(count: float | None) -> str:
    """Return bytes in GB."""
    return "?" if count is None else f"{count / 1e9:.2f}"


def peer_title(name: str) -> str:
    """Return how a peer is called."""
    return PEERS[name].title if name in PEERS else name


def comparison_table(kept: Sequence[Json]) -> list[str]:
    """Return the lines of a Markdown table of all comparisons."""
    lines = [
        "| network | peer | threads | neurosim, s/s | peer, s/s | ratio | peak GB, "
        "neurosim / peer | build s, neurosim / peer | rate Hz, neurosim / peer | remarks |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for workload in kept:
        for row in workload["rows"]:
            lines.append(comparison_line(workload["title"], row))
    return lines


def comparison_line(title: str, row: Json) -> str:
    """Return one row of the table; what is void shows no ratio."""
    begin = f"| {title} | {peer_title(row['peer'])} | {row['threads']} "
    if row["status"] == "failed":
        return begin + f"| | | failed | | | | {'; '.join(row['faults'])} |"
    ours, theirs, ratio = row["ours"], row["theirs"], row["ratio"]
    remarks = list(row["notes"])
    if theirs["compile_seconds"] > 0:
        remarks.append(f"and {theirs['compile_seconds']:.0f} s to compile the peer's first run")
    if row["status"] == "void":
        shown = "void"
        remarks = [*row["faults"], *remarks]
    else:
        shown = (
            f"**{number(ratio['of_medians'])}** "
            f"({number(ratio['least'])} to {number(ratio['greatest'])})"
        )
    cells = [
        number(ours["seconds_per_second"]["median"]),
        number(theirs["seconds_per_second"]["median"]),
        shown,
        f"{memory(ours['peak_bytes'])} / {memory(theirs['peak_bytes'])}",
        f"{number(ours['build_seconds']['median'])} / {number(theirs['build_seconds']['median'])}",
        f"{ours['rates']['all']:.2f} / {theirs['rates']['all']:.2f}",
        "; ".join(remarks),
    ]
    return begin + "| " + " | ".join(cells) + " |"


def comparison_page(kept: Sequence[Json]) -> str:
    """Return the page benchmarks/results/comparison.md: the table, and what ran where."""
    lines = [
        "# neurosim beside other simulators",
        "",
        "Written by `python -m benchmarks`. Wall seconds per biological second are medians; the "
        "ratio is that of the medians, in brackets the least and the greatest of single rounds.",
        "",
        *comparison_table(kept),
        "",
    ]
    for workload in kept:
        lines += [f"## {workload['title']}", ""]
        for row in workload["rows"]:
            told = row["measured"]
            where = told["machine"]
            lines.append(
                f"- {peer_title(row['peer'])}, {row['threads']} threads: {told['date']}, commit "
                f"{told['commit']}, {where['processor']}, {where['cores']} cores, load before "
                f"{where['load_1_min']:.2f}; `{told['command']}`"
            )
            for side in ("ours", "theirs"):
                if side in row:
                    lines += [f"  - {side}: `{row[side]['command']}`", *details(row[side])]
        lines.append("")
    return "\n".join(lines)


def details(side: Json) -> list[str]:
    """Return precision, threads, versions and flags of a side, if it ran."""
    if "versions" not in side:
        return []
    versions = ", ".join(f"{name} {version}" for name, version in side["versions"].items())
    flags = f"; {' '.join(side['flags'])}" if "flags" in side else ""
    model = f"; {side['synapse_model']}" if "synapse_model" in side else ""
    return [
        f"    {side['precision']} precision, {side['threads']} threads, {side['repeats']} runs; "
        f"{versions}{flags}{model}"
    ]


def comparison_figure(kept: Sequence[Json], path: Path) -> bool:
    """Draw the ratios of the rows that hold; tell whether there are any."""
    from matplotlib.figure import Figure

    shown = [(w, r) for w in kept for r in w["rows"] if r["status"] == "ok"]
    if not shown:
        return False
    figure = Figure(figsize=(8, 1 + 0.28 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    colours = dict(zip(PEERS, ("tab:blue", "tab:orange", "tab:green"), strict=True))
    for y, (_, row) in enumerate(shown):
        ratio = row["ratio"]
        axes.barh(y, ratio["of_medians"] - 1, left=1, color=colours[row["peer"]])
        axes.plot([ratio["least"], ratio["greatest"]], [y, y], color="black", lw=1)
        axes.text(
            max(ratio["greatest"], 1) * 1.05, y, number(ratio["of_medians"]), va="center", size=8
        )
    names = [f"{w['title']}: {peer_title(r['peer'])}, {r['threads']} thr." for w, r in shown]
    axes.set_yticks(range(len(shown)), names, size=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", lw=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel("time of the peer / time of neurosim")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return True


def scaling_table(kept: Json) -> list[str]:
    """Return the lines of a Markdown table of the scaling."""
    lines = [
        "| synapses | threads | ns per event | bytes per synapse | peak GB | build s |",
        "|---|---|---|---|---|---|",
    ]
    for row in kept["rows"]:
        lines.append(
            f"| {row['synapses']:,} | {row['threads']} | {number(row['ns_per_event'])} | "
            f"{row['bytes_per_synapse']:.2f} | {memory(row['peak_bytes'])} | "
            f"{number(row['build_seconds'])} |"
        )
    return lines


def limits_table(kept: Json) -> list[str]:
    """Return the lines of a Markdown table of the machine's limits."""
    lines = ["| limit | threads | measured |", "|---|---|---|"]
    for row in kept["limits"]:
        lines.append(f"| {row['name']} | {row['threads']} | {number(row['value'])} {row['unit']} |")
    return lines


def scaling_figure(kept: Json, path: Path) -> None:
    """Draw cost per event and bytes per synapse over the number of synapses, beside the limits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    cost, size = figure.subplots(1, 2)
    for threads, marker in ((1, "o"), (2, "s")):
        rows = [row for row in kept["rows"] if row["threads"] == threads]
        x = [row["synapses"] for row in rows]
        (line,) = cost.plot(
            [], [], marker=marker, label=f"{threads} thread{'s' if threads > 1 else ''}"
        )
        # Broken where neurons get other numbers of synapses.
        for per_neuron in sorted({row["per_neuron"] for row in rows}):
            alike = [row for row in rows if row["per_neuron"] == per_neuron]
            cost.plot(
                [row["synapses"] for row in alike], [row["ns_per_event"] for row in alike],
                marker=marker, color=line.get_color(),
            )  # fmt: skip
        if threads == 1:
            size.plot(x, [row["bytes_per_synapse"] for row in rows], marker="o", label="synapses")
            size.plot(
                x, [row["peak_bytes"] / row["synapses"] for row in rows], marker="^", ls=":",
                label="whole process, peak",
            )  # fmt: skip
    alone = [r for r in kept["limits"] if r["unit"] == "ns" and r["threads"] == 1]
    # The others lie too close to these to be told apart here; the table has them all.
    for row in (r for r in alone if r["name"].startswith("scattered")):
        cost.axhline(row["value"], color="0.5", lw=0.8, ls="--", zorder=0)
        cost.annotate(
            f"{row['name']}, 1 thread", (0.99, row["value"]),
            xycoords=("axes fraction", "data"), size=7, color="0.35", ha="right", va="bottom",
        )  # fmt: skip
    cost.set(xscale="log", yscale="log", xlabel="synapses", ylabel="ns per synaptic event")
    size.set(xscale="log", yscale="log", xlabel="synapses", ylabel="bytes per synapse")
    for axes in (cost, size):
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    cost.set_yticks([2, 5, 10, 20, 50])
    cost.legend(title="synapses of a neuron: 100, then 1,000", title_fontsize=8, fontsize=8)
    size.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
