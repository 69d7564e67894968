"""`verify`: a folder is checked, run again, and compared with what it says."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy.typing as npt

from neurosim.backend import find_backend
from neurosim.errors import DescriptionError, NeurosimError, brief
from neurosim.folders.arrays import MOST_BYTES, digest, read_arrays
from neurosim.folders.manifest import MANIFEST, Manifest, as_path, read_manifest, take
from neurosim.folders.package import Difference, Package, Packer, Repeater
from neurosim.formats import from_nir, verify_nir

Verdict = Literal["same", "different", "not run"]

CHUNK = 1 << 20

UNLISTED = "not listed in the manifest"


@dataclass(frozen=True, kw_only=True)
class FolderCheck:
    """One of the things that `verify` does.

    Attributes
    ----------
    name : str
        As "files", "scripts", "loihi", "lava", "nir".
    verdict : {"same", "different", "not run"}
    told : str
        What was compared, or why nothing was.
    """

    name: str
    verdict: Verdict
    told: str


@dataclass(frozen=True, kw_only=True)
class FolderReport:
    """What `verify` found. ``print(report)`` is a table, then every difference.

    Attributes
    ----------
    folder, network, backend : str
    digest : str
        sha256 of the manifest, which holds those of all other files: to be compared with what the
        sender tells.
    checks : tuple of FolderCheck
    differences : tuple of Difference
        Each with its file, and population, step and neuron where it has them.
    """

    folder: str
    network: str
    backend: str
    digest: str
    checks: tuple[FolderCheck, ...]
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, and the run was made again at least once."""
        ran = any(c.verdict == "same" and c.name == self.backend for c in self.checks)
        return ran and not self.differences

    def __getitem__(self, name: str) -> FolderCheck:
        return next(c for c in self.checks if c.name == name)

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        colours = {"same": "green", "different": "red", "not run": "dim"}
        table = Table()
        for word in ("check", "verdict", ""):
            table.add_column(word, overflow="fold")
        for c in self.checks:
            table.add_row(c.name, Text(c.verdict, style=colours[c.verdict]), Text(c.told))
        title = f"{self.folder}: {self.network!r} on {self.backend!r}"
        lines = [Text(f"sha256 of {MANIFEST}: {self.digest}")]
        lines += [Text(str(d), style="red") for d in self.differences]
        return Group(Text(title), table, *lines)

    def __str__(self) -> str:
        from rich.console import Console

        file = io.StringIO()
        Console(file=file, width=120, highlight=False).print(self)
        return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def verify(
    folder: str | os.PathLike[str], *, most_bytes: int = MOST_BYTES
) -> FolderReport:  # fmt: skip
    """Check a folder that `export` wrote, run it again, and compare.

    Files are compared with the manifest, and scripts with what follows from it, if this version
    wrote them; the golden input runs again on our own core, and in other
    simulators of the same integers where they are installed (Lava); a NIR file is run in its
    readers, see `verify_nir`. Folders may come from anywhere: nothing outside of the folder is
    read, no script of it is run, nothing is unpickled, and names, sizes and shapes are looked at
    first.

    Parameters
    ----------
    folder : path
    most_bytes : int
        How large the arrays of a file may be, together.

    Returns
    -------
    FolderReport
        Its `agrees` is True if nothing differs; each of its `differences` names file, population,
        step and neuron.

    Raises
    ------
    DescriptionError
        If the manifest is missing, damaged, or names files elsewhere.
    UnknownNameError
        If it is for a backend that is not here.
    """
    place = as_path(folder, "verify: folder", "the name of a folder")
    manifest = read_manifest(place)
    packer = find_backend(manifest.backend)
    if not isinstance(packer, Packer):
        expected = "a backend whose networks are folders, such as 'loihi'"
        raise DescriptionError(f"{MANIFEST}: backend", manifest.backend, expected)
    facts = take(manifest.content, "facts", dict, MANIFEST)
    network = str(take(facts, "name", str, f"{MANIFEST}: facts"))
    texts = packer.texts(facts)
    differences = [*_of_files(manifest), *_unlisted(manifest)]
    broken = {d.file for d in differences}
    arrays: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, shapes in manifest.shapes.items():
        if (place / name).is_file() and not (place / name).is_symlink():
            try:
                arrays[name] = dict(read_arrays(place / name, shapes, most_bytes))
            except DescriptionError as error:
                differences.append(Difference(file=name, what=str(error)))
                continue
            differences += _of_arrays(manifest, name, arrays[name])
    told = f"{len(manifest.files)} files, {sum(map(len, manifest.shapes.values()))} arrays"
    checks = [FolderCheck(name="files", verdict=_verdict(differences), told=told)]
    check, found = _of_texts(manifest, texts, broken)
    checks.append(check)
    differences += [d for d in found if d not in differences]
    package = Package(facts=facts, arrays=arrays)
    for name in packer.repeated_on:
        check, found = _repeated(name, package, [*manifest.shapes])
        checks.append(check)
        differences += [d for d in found if d not in differences]
    check, found = _of_nir(manifest)
    checks.append(check)
    return FolderReport(
        folder=str(place), network=network, backend=packer.name, digest=manifest.digest,
        checks=tuple(checks), differences=(*differences, *found),
    )  # fmt: skip


def _verdict(differences: list[Difference]) -> Verdict:
    return "different" if differences else "same"


def _of_files(manifest: Manifest) -> Iterator[Difference]:
    """Yield files that are missing, or not those that were written."""
    for name, (size, expected) in manifest.files.items():
        path = manifest.folder / name
        if path.is_symlink() or not path.is_file():
            what = "a link, which is not followed" if path.is_symlink() else "missing"
            yield Difference(file=name, what=what)
            continue
        if (found := path.stat().st_size) != size:
            yield Difference(file=name, what=f"{found:,} bytes in place of {size:,}")
            continue
        running = sha256()
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                running.update(block)
        if running.hexdigest() != expected:
            yield Difference(file=name, what="changed: its sha256 is not that of the manifest")


def _unlisted(manifest: Manifest) -> Iterator[Difference]:
    """Yield what lies in the folder and the manifest does not tell of."""
    for name in sorted(os.listdir(manifest.folder)):
        if name not in manifest.files and name != MANIFEST:
            shown = name.encode("utf-8", "backslashreplace").decode()  # it may be no text at all
            yield Difference(file=shown, what=UNLISTED)


def _of_arrays(
    manifest: Manifest, file: str, arrays: Mapping[str, npt.NDArray[Any]]
) -> Iterator[Difference]:
    """Yield arrays whose numbers are not those that were written."""
    for name, array in arrays.items():
        if digest(array) != manifest.digests[file][name]:
            yield Difference(file=file, what=f"{name} changed: {manifest.about[file][name]}")


def _of_texts(
    manifest: Manifest, texts: Mapping[str, str], broken: set[str]
) -> tuple[FolderCheck, list[Difference]]:
    """Compare scripts with those that follow from the facts."""
    from importlib import metadata

    versions = take(manifest.content, "versions", dict, MANIFEST)
    version = versions.get("neurosim-snn")
    if version != metadata.version("neurosim-snn"):  # it may have written another script
        by = version if isinstance(version, str) and len(version) < 40 else brief(version)
        told = f"scripts not compared: written by version {by}"
        return FolderCheck(name="scripts", verdict="not run", told=told), []
    differences = []
    for name, text in texts.items():
        if name not in manifest.files:
            differences.append(Difference(file=name, what=UNLISTED))
        elif name not in broken and (manifest.folder / name).read_bytes() != text.encode():
            what = "not the text that follows from the manifest"
            differences.append(Difference(file=name, what=what))
    verdict: Verdict = "different" if differences or broken & set(texts) else "same"
    told = f"{', '.join(texts)}: what follows from the manifest"
    return FolderCheck(name="scripts", verdict=verdict, told=told), differences


def _repeated(
    name: str, package: Package, wanted: list[str]
) -> tuple[FolderCheck, list[Difference]]:
    """Run the package again on a backend."""
    backend = find_backend(name)
    assert isinstance(backend, Repeater)
    if lacking := [file for file in wanted if file not in package.arrays]:
        told = f"{lacking[0]} cannot be read"
        return FolderCheck(name=name, verdict="not run", told=told), []
    if problem := backend.capabilities.problem():
        return FolderCheck(name=name, verdict="not run", told=problem), []
    try:
        found = backend.repeat(package)
    except NeurosimError as error:
        place = getattr(error, "place", MANIFEST)
        file = next((f for f in (*wanted, MANIFEST) if str(place).startswith(f)), MANIFEST)
        difference = Difference(file=file, what=str(error))
        return FolderCheck(name=name, verdict="not run", told=str(error)), [difference]
    differences = list(found.differences)
    return FolderCheck(name=name, verdict=_verdict(differences), told=found.told), differences


def _of_nir(manifest: Manifest) -> tuple[FolderCheck, list[Difference]]:
    """Run a NIR file in its readers, and look whether it is the network of the folder."""
    name = manifest.nir
    if name is None:
        why = str(manifest.content["nir"].get("why", ""))
        return FolderCheck(name="nir", verdict="not run", told=f"no such file: {why}"), []
    path = manifest.folder / name
    if not path.is_file() or path.is_symlink():
        return FolderCheck(name="nir", verdict="not run", told=f"{name} is missing"), []
    place = f"{MANIFEST}: network"
    wanted = take(take(manifest.content, "network", dict, MANIFEST), "content_hash", str, place)
    try:
        described = from_nir(path)
        report = verify_nir(path)
    except ImportError as error:
        return FolderCheck(name="nir", verdict="not run", told=str(error)), []
    except NeurosimError as error:
        difference = Difference(file=name, what=str(error))
        return FolderCheck(name="nir", verdict="different", told="it cannot be read"), [difference]
    differences = [
        Difference(file=name, what=f"in {v.simulator}: {v.detail}", step=v.first and v.first[0])
        for v in report.verdicts if v.tier == "different"
    ]  # fmt: skip
    if described.content_hash() != wanted:
        what = f"another network than {MANIFEST} tells of"
        differences.append(Difference(file=name, what=what))
    told = ", ".join(f"{v.simulator} {v.version}: {v.tier}" for v in report.verdicts)
    return FolderCheck(name="nir", verdict=_verdict(differences), told=told), differences
