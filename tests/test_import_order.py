"""The rooms of the package import one way only: walks every import statement, nested ones too."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "ctlearn_gan_aug"
ROOT = Path(__file__).parents[1] / PACKAGE
MAX_LINES = 300

LEAVES = {
    "errors",
    "files",
    "logs",
    "units",
    "config",
    "labels",
    "camera",
    "intensity",
    "intensity_fit",
    "directions",
    "symmetry",
    "plotting",
    "progress",
    "locks",
    "compiled",
    "shard",
    "memory",
    "pages",
    "processes",
    "streaming",
}
# docs/architecture.md draws this table. A room may always import itself and the leaves.
MAY_IMPORT = {
    **{leaf: set() for leaf in LEAVES},
    "dl1": set(),
    "data": {"dl1"},
    "models": set(),
    "bundle_parts": {"dl1"},
    "bundle": {"bundle_parts", "dl1", "models"},
    "refiner": {"bundle_parts", "dl1", "models", "bundle"},
    "training": {"data", "dl1", "models", "bundle_parts", "bundle"},
    "refine": {"training", "data", "dl1", "models", "bundle_parts", "bundle", "refiner"},
    "sampling": {"bundle", "refiner", "models"},
    "augment": {"sampling", "bundle", "refiner", "data", "dl1"},
    "export": {"sampling", "bundle", "refiner", "dl1"},
    "evaluate": {"sampling", "bundle", "dl1", "data"},
    "study": {"bundle", "models", "data", "dl1"},
    "guide": {"bundle", "models", "dl1", "data"},
    "benchmark": {
        "data",
        "dl1",
        "models",
        "bundle",
        "training",
        "sampling",
        "evaluate",
    },
    "cli": {
        "benchmark",
        "dl1",
        "data",
        "models",
        "bundle",
        "refiner",
        "training",
        "refine",
        "sampling",
        "augment",
        "export",
        "evaluate",
        "study",
        "guide",
    },
    "__main__": {"cli"},
}


def module_name(path: Path, root: Path) -> str:
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(root: Path) -> dict[str, Path]:
    """All modules below ``root`` by dotted name."""
    return {module_name(path, root): path for path in sorted(root.rglob("*.py"))}


def imported_modules(name: str, path: Path, known: set[str]) -> set[str]:
    """Modules of the package that ``path`` imports, at the top or inside a function."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module]))
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                found.add(submodule if submodule in known else source)
    return {target for target in found if target in known} - {name}


def import_graph(root: Path) -> dict[str, set[str]]:
    known = modules(root)
    return {name: imported_modules(name, path, set(known)) for name, path in known.items()}


def room(module: str) -> str | None:
    """Name of the room, ``None`` for the package itself (its ``__init__`` holds the version)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def forbidden_imports(graph: dict[str, set[str]]) -> list[str]:
    wrong = []
    for module, targets in graph.items():
        allowed = {None, room(module)} | LEAVES | MAY_IMPORT.get(room(module), set())
        if room(module) is None:
            allowed = {None}
        wrong += [f"{module} imports {t}" for t in sorted(targets) if room(t) not in allowed]
    return wrong


def cycle(graph: dict[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_every_room_is_known():
    rooms = {room(module) for module in modules(ROOT)} - {None}
    assert rooms <= set(MAY_IMPORT), f"give {rooms - set(MAY_IMPORT)} a place in the order"


def test_no_room_imports_upward_or_sideways():
    assert forbidden_imports(import_graph(ROOT)) == []


def test_no_import_cycles():
    assert cycle(import_graph(ROOT)) is None


def test_table_itself_has_no_cycle():
    assert cycle(MAY_IMPORT) is None


@pytest.mark.parametrize("path", modules(ROOT).values(), ids=modules(ROOT).keys())
def test_modules_stay_small(path):
    assert len(path.read_text().splitlines()) < MAX_LINES


@pytest.mark.parametrize(
    "statement",
    [
        "from ..training import engine",
        "from ..training.engine import step",
        "import ctlearn_gan_aug.training.engine",
        "from ctlearn_gan_aug.training import engine",
        "def late():\n    from ..training import engine",
        "from .. import training",
    ],
)
def test_walk_sees_each_way_to_import(tmp_path, statement):
    root = tmp_path / PACKAGE
    for folder in ("training", "export"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
    (root / "__init__.py").touch()
    (root / "training" / "engine.py").write_text("from ..export import writer\n")
    (root / "export" / "writer.py").write_text(statement + "\n")
    graph = import_graph(root)
    wrong = [entry for entry in forbidden_imports(graph) if entry.startswith(f"{PACKAGE}.export")]
    assert len(wrong) == 1
    through_engine = "engine" in wrong[0]
    assert (cycle(graph) is not None) == through_engine
