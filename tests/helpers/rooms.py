"""The rooms of the tree and the imports between them; as a command it writes their picture into CONTRIBUTING.md.

A room is a folder or a module directly in `pipeline`; the other packages are foundations. An import counts wherever it
stands: at the top of a module, inside a function, under TYPE_CHECKING.
"""

import ast
import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOUNDATIONS = ("catalogs", "idgbr", "cluster")
PACKAGES = (*FOUNDATIONS, "pipeline")
TOP = {*PACKAGES, "tests", "docs"}
# From the top down. A room imports only rooms of lower floors. BESIDE: the exceptions within one floor.
FLOORS = (
    ("cli", "demo"),
    ("serve",),
    ("execution",),
    ("change", "prediction"),
    ("planning",),
    ("training",),
    ("mosaic", "continent"),
    ("analysis", "export"),
    ("scenes",),
    ("segment",),
    ("cube",),
    ("config", "raster"),
    ("geometry", "storage", "console"),
    ("errors", "digest"),
)
BESIDE = {("cli", "demo")}
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
BEGIN, END = "<!-- rooms: written by `make rooms` -->\n", "<!-- rooms end -->\n"

Graph = Mapping[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """The dotted name of every module of the packages under `root` -> its file."""
    files = [file for package in PACKAGES for file in sorted((root / package).rglob("*.py"))]
    return {_dotted(file.relative_to(root)): file for file in files}


def _dotted(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def imports(root: Path) -> dict[str, set[str]]:
    """Module -> the modules of the packages that it imports anywhere in its text."""
    files = modules(root)
    return {name: _imports_of(name, file, files.keys()) - {name} for name, file in files.items()}


def _imports_of(name: str, file: Path, names: set[str]) -> set[str]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    wanted = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            inner = {f"{base}.{alias.name}" for alias in node.names}
            wanted |= inner & names or {base}
            wanted |= {base} if inner - names else set()
    return wanted & names


def room(module: str) -> str:
    """The room of a module of `pipeline`; the package's own `__init__` is the room ""."""
    return module.split(".")[1] if "." in module else ""


def room_imports(graph: Graph) -> dict[str, set[str]]:
    """Room of `pipeline` -> the other rooms and the foundations that it imports."""
    found: dict[str, set[str]] = {}
    for module, wanted in graph.items():
        if module.startswith("pipeline."):
            reached = {room(other) if other.startswith("pipeline") else other.split(".")[0] for other in wanted}
            found.setdefault(room(module), set()).update(reached - {room(module)})
    return found


def violations(graph: Graph) -> list[str]:
    """One line for each import that runs against the order, and for each room that has no floor."""
    lines = []
    for module, wanted in sorted(graph.items()):
        package = module.split(".")[0]
        for other in sorted(wanted):
            to = other.split(".")[0]
            if package in FOUNDATIONS and to != package:
                lines.append(f"{module} imports {other}: a foundation imports no other package")
        if package != "pipeline" or module == "pipeline":
            continue
        if room(module) not in FLOOR:
            lines.append(f"{module}: the room {room(module)} has no floor; rooms.py lists those that have one")
            continue
        for other in sorted(wanted):
            if other.split(".")[0] != "pipeline" or room(other) == room(module):
                continue
            if (room(module), room(other)) not in BESIDE and FLOOR.get(room(other), -1) <= FLOOR[room(module)]:
                lines.append(f"{module} imports {other}: {room(other) or 'pipeline'} is not below {room(module)}")
    return lines


def untested(root: Path) -> list[str]:
    """The modules with no test file of their name, whose name stands in the docstring of no test file of their room.

    A test file of a folder above counts too. Package inits, `__main__` and the classes of `errors` are tested through
    the others.
    """
    missing = []
    for module in modules(root).values():
        tests = root / "tests" / module.parent.relative_to(root)
        if module.stem in ("__init__", "__main__", "errors") or (tests / f"test_{module.name}").exists():
            continue
        above = [tests, *(folder for folder in tests.parents if folder.is_relative_to(root / "tests"))]
        files = [file for folder in above for file in folder.glob("test_*.py")]
        texts = [ast.get_docstring(ast.parse(file.read_text())) or "" for file in files]
        if not any(re.search(rf"\b{module.stem}\b", text) for text in texts):
            missing.append(module.relative_to(root).as_posix())
    return missing


def circle(graph: Graph) -> list[str]:
    """The modules of one circle of imports, the first repeated at the end; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def reduced(graph: Graph) -> dict[str, set[str]]:
    """A graph without circles, less the arrows that a chain of others implies."""

    def reach(node: str) -> set[str]:
        return set().union(*({other} | reach(other) for other in graph.get(node, ())))

    return {node: wanted - set().union(*(reach(other) for other in wanted)) for node, wanted in graph.items()}


def _place(name: str) -> tuple[int, str]:
    return FLOOR.get(name, len(FLOORS)), name


def picture(graph: Graph) -> str:
    """The block of CONTRIBUTING.md: a Mermaid diagram and a table of the rooms and what they import."""
    rooms = room_imports(graph)
    arrows = reduced(rooms)
    lines = ["```mermaid", "flowchart TD", "    classDef foundation stroke-dasharray: 4", ""]
    lines += [f"    {name}:::foundation" for name in FOUNDATIONS]
    lines += [
        f"    {name} --> {other}" for name in sorted(arrows, key=_place) for other in sorted(arrows[name], key=_place)
    ]
    lines += ["```", "", "| room | imports |", "|---|---|"]
    for name in sorted(rooms, key=_place):
        below = sorted(rooms[name], key=_place)
        lines.append(f"| `{name}` | {' '.join(below)} |")
    return "\n".join(lines) + "\n"


def with_picture(page: str, graph: Graph) -> str:
    """A page with the picture between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + picture(graph) + END + rest.split(END)[1]


def sizes(root: Path) -> str:
    """A table of the rooms and packages: files, lines, the longest file."""
    rows: dict[str, list[tuple[int, str]]] = {}
    for module, file in modules(root).items():
        package = module.split(".")[0]
        inside = file.relative_to(root / package).parts
        name = f"{package}/{inside[0]}" if len(inside) > 1 else package
        rows.setdefault(name, []).append((len(file.read_text().splitlines()), file.relative_to(root).as_posix()))
    lines = [f"{'room':28}{'files':>6}{'lines':>7}  longest"]
    lines += [
        f"{name:28}{len(of):6}{sum(n for n, _ in of):7}  {max(of)[0]} {max(of)[1]}" for name, of in sorted(rows.items())
    ]
    everything = [row for of in rows.values() for row in of]
    lines += [
        f"{'all':28}{len(everything):6}{sum(n for n, _ in everything):7}  {max(everything)[0]} {max(everything)[1]}"
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    page = ROOT / "CONTRIBUTING.md"
    page.write_text(with_picture(page.read_text(), imports(ROOT)))
    print(sizes(ROOT))
