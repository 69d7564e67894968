"""README, ARCHITECTURE and docs: every block runs, every link leads somewhere, nothing is stale."""

import inspect
import re
import shlex
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
import pytest
import typer

from neurosim.cli import app, targets
from tests.docs_scripts import docs_script

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_of(path: Path) -> str:
    """Return the Python blocks of a page, each on the lines where it stands."""
    text = path.read_text()
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        if block.group(1) == "python":
            first = text.count("\n", 0, block.start(2))
            code = block.group(2).splitlines()
            lines[first : first + len(code)] = code
    return "\n".join(lines)


def commands_of(path: Path) -> list[str]:
    """Return the command lines of a page, from console blocks and from `code`."""
    text = path.read_text()
    shown = [b.group(2).splitlines() for b in BLOCK.finditer(text) if b.group(1) == "console"]
    inline = re.findall(r"`((?:neurosim|make|python|pip) [^`\n]+)`", BLOCK.sub("", text))
    return [line.split("  #")[0].strip() for lines in shown for line in lines] + inline


WITH_PYTHON = [path for path in PAGES if python_of(path).strip()]


@pytest.mark.compiled
@pytest.mark.parametrize("path", WITH_PYTHON, ids=name_of)
def test_python_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        exec(compile(python_of(path), str(path), "exec"), {"__name__": path.stem})
    finally:
        plt.close("all")


def test_the_pages_with_code_are_found() -> None:
    assert {"README.md", "docs/quickstart.md", "docs/semantics.md"} <= set(
        map(name_of, WITH_PYTHON)
    )


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = BLOCK.sub("", path.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{name_of(path)} links to {link}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", target.read_text()), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
            assert heading in known, f"{name_of(path)} links to {link}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_can_be_given(path: Path) -> None:
    """Targets of make, models and options of neurosim, and files of scripts exist."""
    makefile = (ROOT / "Makefile").read_text()
    for command in commands_of(path):
        words = shlex.split(command)
        if words[0] == "make":
            goals = [word for word in words[1:] if "=" not in word]
            assert all(re.search(rf"^{goal}:", makefile, re.MULTILINE) for goal in goals), command
        elif words[0] == "python":
            files = [word for word in words[1:] if "/" in word]
            assert all((ROOT / file).exists() for file in files), command
        elif words[0] == "neurosim":
            check_neurosim(words[1:], command)


def check_neurosim(words: list[str], command: str) -> None:
    """Parse a command line without running it."""
    group: Any = typer.main.get_command(app)
    if words[0].startswith("--"):
        assert words == ["--version"], command
        return
    assert words[0] in group.commands, command
    if len(words) == 1:  # named, not given
        return
    context = group.commands[words[0]].make_context(words[0], list(words[1:]))
    if words[0] != "run" or ":" in context.params["model"] or context.params["model"].isupper():
        return
    function = targets.entry_points()[context.params["model"]].load()
    given = targets.parse_settings(context.params["settings"] or [])
    assert set(given) <= set(inspect.signature(function).parameters), command


def test_nothing_tells_to_install_the_other_project() -> None:
    """`neurosim` on PyPI is somebody else's; ours is neurosim-snn."""
    told = re.compile(r"pip3? install\s+(?:-\S+\s+)*['\"]?neurosim(?!-snn)\b")
    assert told.search("pip install -U neurosim")
    assert not told.search("pip install 'neurosim-snn'")
    for folder in ("neurosim", "backends", "models", "datasets", "tools", "docs", "tutorials", "."):
        for pattern in ("*.md", "*.py", "*.toml", "Makefile"):
            here = ROOT.glob(pattern) if folder == "." else (ROOT / folder).rglob(pattern)
            for path in here:
                assert not told.search(path.read_text()), path


def tables() -> ModuleType:
    return docs_script("make_tables")


def test_the_tables_of_models_are_fresh() -> None:
    fresh = tables().page()
    stale = "docs/models.md is stale: run `python docs/make_tables.py`"
    assert (ROOT / "docs" / "models.md").read_text() == fresh, stale


def test_the_tables_of_backends_are_fresh() -> None:
    fresh = tables().backends_page()
    stale = "docs/backends.md is stale: run `python docs/make_tables.py`"
    assert (ROOT / "docs" / "backends.md").read_text() == fresh, stale


def test_the_limits_of_chips_are_fresh() -> None:
    fresh = tables().check_page()
    assert "1,048,576 bits per core" in fresh
    stale = "docs/check.md is stale: run `python docs/make_tables.py`"
    assert (ROOT / "docs" / "check.md").read_text() == fresh, stale


def test_the_table_of_backends_follows_a_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard above sees a changed declaration: the page is made from nothing else."""
    from neurosim.capabilities import approximated
    from neurosim_backends.cpu import CPU

    changed = replace(
        CPU.capabilities,
        supports={"rule:OneToOne": approximated("shuffled", "2 mV"), **CPU.capabilities.supports},
    )
    monkeypatch.setattr(CPU, "capabilities", changed)
    fresh = tables().backends_page()
    assert fresh != (ROOT / "docs" / "backends.md").read_text()
    assert re.search(r"\| OneToOne \| ≈ \d+ \|", fresh)
    assert re.search(r"\n\d+\. shuffled; off by 2 mV\n", fresh)


def test_the_numbers_of_models_in_the_readme_are_right() -> None:
    made = tables()
    said = f"{len(made.NEURONS)} neuron models, {len(made.SYNAPSES)} kinds of synapse"
    assert said in (ROOT / "README.md").read_text()


def test_the_table_of_rules_shows_their_defaults() -> None:
    import neurosim as ns

    rows = re.findall(
        r"^\| `(\w+)\(.*\| ([\w\- ]+) \| ([\w\- ]+) \|$",
        (ROOT / "docs" / "description.md").read_text(),
        re.MULTILINE,
    )
    told = {name: (autapses, multapses) for name, autapses, multapses in rows}
    rules = ns._HOMES["neurosim.describe.rules"] + ns._HOMES["neurosim.describe.explicit"]
    assert set(rules) <= set(told)
    for name in rules:
        parameters = inspect.signature(getattr(ns, name)).parameters
        for k, argument in enumerate(("autapses", "multapses")):
            if argument in parameters:
                assert told[name][k] == ("yes" if parameters[argument].default else "no")
            else:
                assert told[name][k] in ("no", "-", "as listed")
