"""Layer names and source lines, on their way from torch's graph to MLIR locations.

torch-mlir's importer turns the frames of a node's stack trace into nested locations, and reads
nothing else of the node. So the layer's name travels as a frame of its own.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from iree.compiler import ir

if TYPE_CHECKING:
    from torch import fx

_LAYER = "tinyiree layer: "
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
# The insides of torch, on whatever machine the model was exported.
_TORCH = re.compile(r"[/\\](?:site|dist)-packages[/\\](?:torch|torchao|iree)[/\\]|<(?:eval|string)")


def user_frame(frames: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
    """The innermost frame that is not torch's own; frames are listed outermost first."""
    own = [frame for frame in frames if not _TORCH.search(frame[0])]
    return own[-1] if own else None


def write_layers(nodes: "Iterable[fx.Node]") -> None:
    """Give every call node a stack trace of two frames: the author's line, and the layer name."""
    calls = [node for node in nodes if node.op == "call_function"]
    for node, name in zip(calls, _names(calls), strict=True):
        frames = [(m[0], int(m[1])) for m in _FRAME.findall(node.meta.get("stack_trace") or "")]
        own = user_frame(frames)
        lines = [f'  File "{_LAYER}{name}", line 1, in layer']
        if own is not None:
            lines.insert(0, f'  File "{own[0]}", line {own[1]}, in forward')
        node.meta["stack_trace"] = "\n".join(lines)


def _names(calls: "list[fx.Node]") -> list[str]:
    """A unique name for each node: the module's path, with the op's name where needed."""
    modules = [_module(node) for node in calls]
    ops: defaultdict[str, set[str]] = defaultdict(set)
    for node, (path, _) in zip(calls, modules, strict=True):
        if not _is_bookkeeping(node):
            ops[path].add(_op_name(node))
    found: Counter[str] = Counter()
    names = []
    for node, (path, is_layer) in zip(calls, modules, strict=True):
        op = _op_name(node)
        alone = is_layer and len(ops[path]) == 1 and not _is_bookkeeping(node)
        name = path if alone else f"{path}.{op}" if path else op
        names.append(f"{name}_{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def _module(node: "fx.Node") -> tuple[str, bool]:
    """The path of the module that a node comes from, and whether torch.nn defines that module."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", False
    path, kind = list(stack.values())[-1]
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    leaf = kind.startswith("torch.nn.modules.") and not kind.startswith(
        "torch.nn.modules.container"
    )
    return str(path), leaf and bool(path)


def _op_name(node: "fx.Node") -> str:
    """``relu`` for aten.relu.default."""
    text = str(node.target).removeprefix("aten.")
    return text.removeprefix("quantized_decomposed.").split(".")[0].strip("_")


def _is_bookkeeping(node: "fx.Node") -> bool:
    """Nodes that import as nothing, or as part of the layer they belong to."""
    return _op_name(node) in ("clone", "detach", "alias", "contiguous") or "getitem" in str(
        node.target
    )


def read_frames(location: ir.Location) -> list[tuple[str, int]]:
    """The frames in a location, outermost first."""
    if isinstance(location, ir.CallSiteLoc):
        return [*read_frames(location.caller), *read_frames(location.callee)]
    if isinstance(location, ir.FileLineColLoc):
        return [(str(location.filename), location.start_line)]
    if isinstance(location, ir.NameLoc):
        return read_frames(location.child_loc)
    if isinstance(location, ir.FusedLoc):
        return [frame for part in location.locations for frame in read_frames(part)]
    return []


def own_frame(location: ir.Location) -> tuple[str, int] | None:
    """The author's file and line in a location, if there is one."""
    return user_frame(f for f in read_frames(location) if not f[0].startswith(_LAYER))


class LayerNames:
    """Turns torch's locations into those of the normal form, with unique names."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()

    def location(self, location: ir.Location, op_name: str) -> tuple[str, ir.Location]:
        """The layer name of an op and ``loc("name"("file":line:0))``."""
        frames = read_frames(location)
        marked = [path for path, _ in frames if path.startswith(_LAYER)]
        if marked:
            name = marked[-1].removeprefix(_LAYER)
        elif isinstance(location, ir.NameLoc):
            name = str(location.name_str)
        else:
            base = op_name.split(".")[1] if "." in op_name else op_name
            name = f"{base}_{self._found[base]}" if self._found[base] else base
            self._found[base] += 1
        own = own_frame(location)
        child = ir.Location.file(own[0], own[1], 0) if own else ir.Location.unknown()
        return name, ir.Location.name(name, child)
