"""The walls of the house: imports go down only, and heavy or hardware libraries wait for open()."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgepose

PACKAGE = Path(edgepose.__file__).parent

# Lowest first. A module may import from its own layer's list entry and from lower layers;
# entries joined in one layer are siblings, which never import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "skeleton", "correction", "options", "jsonio", "backoff", "system"),
    ("types", "registry", "yamldoc"),
    ("image_header", "language"),
    ("core", "render", "imaging", "recording", "tflite"),
    ("sources", "runtimes", "outputs", "modelstore", "definitions"),
    ("engine", "train"),
    ("config", "bench"),
    ("appliance", "fleet"),
    ("doctor",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
SIBLINGS = ("sources", "runtimes", "outputs", "modelstore", "definitions")

PURE_STDLIB = {
    "__future__", "abc", "cmath", "collections", "collections.abc", "dataclasses", "enum",
    "functools", "heapq", "itertools", "math", "re", "statistics", "typing",
}  # fmt: skip
LATE = (
    "ai_edge_litert", "tflite_runtime", "tensorflow", "pycoral", "picamera2", "libcamera", "gpiod",
    "av", "paho", "aiohttp", "prometheus_client", "pygame", "segno", "torch",
)  # fmt: skip
OPENED = (
    "api",
    "auth",
    "body",
    "editor",
    "responses",
    "server",
)  # of outputs/web: imported by its open() only


def modules() -> list[Path]:
    """Return every source file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path, top_only: bool) -> Iterator[str]:
    """Yield the full names a file imports; with `top_only` those that importing it triggers."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str) -> str:
    """Return the layer entry of a dotted name: `edgepose.core.crop` -> `core`."""
    return [*module.split("."), ""][1]


def identify(path: Path) -> str:
    """Return the name used in test ids."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", modules(), ids=identify)
def test_imports_go_down_only(path: Path):
    """A module imports from its own part or from lower layers, never up or sideways."""
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if here == "__init__":
        return
    assert here in RANK, f"{here} has no place in the layers: add it to LAYERS"
    for name in imports(path, top_only=False):
        there = part_of(name)
        if not name.startswith("edgepose.") or there not in RANK or there == here:
            continue
        assert RANK[there] <= RANK[here], f"{here} imports {name}, which stands above it"
        assert not (here in SIBLINGS and there in SIBLINGS), f"{here} imports its sibling {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=identify)
def test_the_core_is_pure(path: Path):
    """The core knows numpy, a few stdlib modules and plain values: no clock, no file, no log."""
    allowed = {"types", "errors", "skeleton", "correction", "core"}
    for name in imports(path, top_only=False):
        top = name.split(".")[0]
        if top == "edgepose":
            assert part_of(name) in allowed, f"the core imports {name}"
        else:
            base = name if name in PURE_STDLIB else name.rpartition(".")[0] or name
            assert top == "numpy" or base in PURE_STDLIB, f"the core imports {name}"


@pytest.mark.parametrize("folder", ["sources", "runtimes", "outputs"])
def test_edges_see_each_other_only_through_their_base(folder: str):
    """One source, runtime or output, be it a file or a folder, never imports another one."""
    parts = registered_parts(folder)
    for path in (PACKAGE / folder).rglob("*.py"):
        here = path.relative_to(PACKAGE / folder).parts[0].removesuffix(".py")
        for name in imports(path, top_only=False):
            if name.startswith(f"edgepose.{folder}."):
                other = name.split(".")[2]
                assert other == here or other not in parts, f"{identify(path)} imports {name}"


def registered_parts(folder: str) -> set[str]:
    """Return the files and folders in a folder that the registry leads to."""
    from edgepose import registry

    targets = [target for names in registry.KINDS.values() for target in names.values()]
    modules = [target.partition(":")[0].split(".") for target in targets]
    return {module[2] for module in modules if module[1] == folder}


def test_no_imports_run_in_a_circle():
    """Neither between files nor inside a package, imports for type checkers included."""
    assert circle(graph()) == []


def test_a_circle_would_be_found():
    """Also one of three, whatever else is imported on the way."""
    found = circle({"a": {"x", "b"}, "b": {"c"}, "c": {"x", "a"}, "x": set()})
    assert found == ["a", "b", "c", "a"]


def graph() -> dict[str, set[str]]:
    """Return the modules that each module imports, by dotted names."""
    names = {dotted(path): path for path in modules()}
    return {name: imported(path, set(names)) - {name} for name, path in names.items()}


def imported(path: Path, names: set[str]) -> set[str]:
    """Return which of all modules a file imports; of `from package import module` the latter."""
    found = set(imports(path, top_only=False)) & names
    packages = {name.rpartition(".")[0] for name in found}
    return {name for name in found if name not in packages}


def dotted(path: Path) -> str:
    """Return a module's name: `edgepose.core.crop`, `edgepose.core` for its `__init__`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules on one circle, first and last the same; nothing where there is none."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next(
            (on for other in sorted(graph[name]) if (on := follow(other, [*way, name]))), []
        )
        done.add(name)
        return found

    return next(filter(None, (follow(name, []) for name in sorted(graph))), [])


@pytest.mark.parametrize("path", modules(), ids=identify)
def test_the_engine_sees_edges_only_through_base(path: Path):
    """Everything between the edges and the registry knows contracts, not parts."""
    if path.relative_to(PACKAGE).parts[0] != "engine":
        return
    for name in imports(path, top_only=False):
        if part_of(name) in SIBLINGS:
            assert ".base" in name, f"{path.name} imports {name}"


def test_importing_everything_loads_no_hardware_library():
    """The whole package imports anywhere: chips, cameras and networks wait for open()."""
    names = [
        "edgepose." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in modules()
        if path.name not in ("__init__.py", "__main__.py")
        and "train" not in path.parts
        and not (path.parent.name == "web" and path.stem in OPENED)
    ]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"loaded = [name for name in {LATE!r} if name in sys.modules]\nassert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_registered_part_can_be_imported():
    """Each line of the registry leads to a class."""
    from edgepose import registry

    for kind, names in registry.KINDS.items():
        for name in names:
            assert isinstance(registry.part(kind, name), type)


def test_a_stranger_finds_a_room_from_the_top():
    """Few modules, few packages, few floors: the listing of `edgepose/` explains the product."""
    packages = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    assert len(list(PACKAGE.glob("*.py"))) <= 14
    assert len(packages) <= 18
    assert len(LAYERS) <= 11


def test_one_class_name_means_one_class():
    """Whoever searches for a class finds one."""
    places: dict[str, list[str]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(identify(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_file_that_is_written_as_lines_loads_no_screen_and_no_database():
    """Memory stays low where a part is not used: Pillow, ruamel.yaml and SQLite wait for theirs."""
    code = (
        "import sys, edgepose.cli.run, edgepose.sources.video, edgepose.outputs.jsonl\n"
        "surplus = {'PIL', 'ruamel.yaml', 'sqlite3', 'edgepose.render'} & set(sys.modules)\n"
        "assert not surplus, surplus"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
