"""The architecture in executable form: imports point one way, and there are no cycles.

Read from the syntax tree, nothing is imported. A name like `tinyiree.passes.fuse` belongs to the
layer `tinyiree.passes`.
"""

import ast
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"tinyiree": "tinyiree", "tinyiree.passes": "passes", "tinyiree.targets": "targets"}

# Layer -> the layers of ours that it may import. A layer that is not listed may import all.
ALLOWED: dict[str, frozenset[str]] = {
    "tinyiree.errors": frozenset(),
    "tinyiree.targets": frozenset({"tinyiree.errors"}),
    "tinyiree.ir": frozenset({"tinyiree.errors"}),
    "tinyiree.kernels": frozenset({"tinyiree.errors", "tinyiree.targets", "tinyiree.ir"}),
    "tinyiree.passes": frozenset(
        {"tinyiree.errors", "tinyiree.targets", "tinyiree.ir", "tinyiree.kernels"}
    ),
}


def modules(root: Path) -> dict[str, Path]:
    """All modules of the three folders by the name under which they are installed."""
    found: dict[str, Path] = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            inner = path.relative_to(root / folder).with_suffix("").parts
            parts = inner[:-1] if inner[-1] == "__init__" else inner
            found[".".join([package, *parts])] = path
    return found


def layer(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def _import_nodes(tree: ast.AST, lazy: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement; without `lazy` only those that run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif lazy or not (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            or (isinstance(node, ast.stmt) and _is_type_checking(node))
        ):
            yield from _import_nodes(node, lazy)


def imports(module: str, all_modules: Mapping[str, Path], *, lazy: bool) -> set[str]:
    """Names that a module imports, absolute; `from a import b` is `a.b` when that is a module."""
    path = all_modules[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found: set[str] = set()
    for node in _import_nodes(ast.parse(path.read_text(encoding="utf-8"), str(path)), lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        prefix = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*prefix, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            found.add(inner if inner in all_modules else base)
    return found - {module}


def wrong_imports(root: Path) -> list[str]:
    """Imports that point upwards, imports inside functions included."""
    all_modules = modules(root)
    wrong = []
    for module in all_modules:
        allowed = ALLOWED.get(layer(module))
        for target in sorted(imports(module, all_modules, lazy=True)):
            top = target.split(".")[0]
            if top in ("passes", "targets"):
                wrong.append(f"{module} imports {target}: write tinyiree.{target}")
            elif top != "tinyiree" or allowed is None or layer(target) == layer(module):
                continue
            elif layer(target) not in allowed:
                wrong.append(f"{module} imports {target}, which is above it")
    return wrong


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan, SIAM J. Comput. 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for successor in sorted(graph[node]):
            if successor not in index:
                visit(successor)
                low[node] = min(low[node], low[successor])
            elif successor in stack:
                low[node] = min(low[node], index[successor])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def module_graph(root: Path) -> dict[str, set[str]]:
    all_modules = modules(root)
    return {
        module: imports(module, all_modules, lazy=False) & all_modules.keys()
        for module in all_modules
    }


def layer_graph(root: Path) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for module, targets in module_graph(root).items():
        edges = graph.setdefault(layer(module), set())
        edges |= {layer(target) for target in targets} - {layer(module)}
    return graph


def test_imports_point_one_way() -> None:
    assert wrong_imports(ROOT) == []


def test_no_cycles_between_modules() -> None:
    assert cycles(module_graph(ROOT)) == []


def test_no_cycles_between_layers() -> None:
    assert cycles(layer_graph(ROOT)) == []


def test_every_rule_is_about_a_layer_that_exists() -> None:
    assert ALLOWED.keys() <= {layer(module) for module in modules(ROOT)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that keeps all rules."""
    write(tmp_path, "tinyiree/__init__.py", "from tinyiree.flow import build")
    write(tmp_path, "tinyiree/errors.py", "")
    write(tmp_path, "tinyiree/flow.py", "from .passes.fuse import Fuse")
    write(tmp_path, "tinyiree/ir/__init__.py", "from tinyiree.errors import TinyireeError")
    write(tmp_path, "targets/__init__.py", "import tinyiree.errors")
    write(tmp_path, "passes/__init__.py", "")
    write(tmp_path, "passes/fuse.py", "from tinyiree import errors, ir, targets")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def test_a_good_tree_passes(tree: Path) -> None:
    assert wrong_imports(tree) == []
    assert cycles(module_graph(tree)) == cycles(layer_graph(tree)) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("targets/a.py", "import tinyiree.flow", "tinyiree.targets.a imports tinyiree.flow"),
        ("targets/a.py", "from tinyiree import build", "tinyiree.targets.a imports tinyiree,"),
        ("passes/a.py", "from ..flow import build", "tinyiree.passes.a imports tinyiree.flow"),
        (
            "tinyiree/ir/a.py",
            "def f():\n    from tinyiree.passes import fuse",
            "tinyiree.ir.a imports tinyiree.passes.fuse",
        ),
        ("tinyiree/a.py", "from passes.fuse import Fuse", "write tinyiree.passes.fuse"),
    ],
)
def test_a_wrong_import_is_found(tree: Path, name: str, text: str, message: str) -> None:
    write(tree, name, text)
    (found,) = wrong_imports(tree)
    assert message in found


def test_a_cycle_is_found_between_modules_and_between_layers(tree: Path) -> None:
    write(tree, "tinyiree/emit/__init__.py", "")
    write(tree, "tinyiree/emit/c.py", "from tinyiree.report.html import page")
    write(tree, "tinyiree/report/html.py", "from tinyiree.emit import c")
    assert cycles(module_graph(tree)) == [["tinyiree.emit.c", "tinyiree.report.html"]]
    assert cycles(layer_graph(tree)) == [["tinyiree.emit", "tinyiree.report"]]


def test_a_cycle_between_layers_alone_is_found(tree: Path) -> None:
    write(tree, "tinyiree/emit/a.py", "from tinyiree.report import b")
    write(tree, "tinyiree/emit/d.py", "")
    write(tree, "tinyiree/report/b.py", "from tinyiree.emit.d import x")
    assert cycles(module_graph(tree)) == []
    assert cycles(layer_graph(tree)) == [["tinyiree.emit", "tinyiree.report"]]


def test_an_import_that_runs_later_is_no_cycle(tree: Path) -> None:
    write(tree, "tinyiree/a.py", "import tinyiree.b")
    write(
        tree,
        "tinyiree/b.py",
        """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from tinyiree.a import A
        def f():
            import tinyiree.a
        """,
    )
    assert cycles(module_graph(tree)) == []
