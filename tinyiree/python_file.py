"""``FILE.py:NAME``: an object that a Python file defines."""

import difflib
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tinyiree.errors import TinyireeError


def load_object(spec: str, base: Path | None = None) -> Any:
    """The object NAME of ``FILE.py:NAME``.

    A file is run once per process, so two names of one file share its module.

    Args:
        spec: the file and the name.
        base: folder that a relative FILE starts at; by default the current one.

    Raises:
        TinyireeError: ``spec`` has another form, the file is absent or fails, or has no such name.
    """
    file, colon, name = spec.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise TinyireeError(f"{spec!r}: expected FILE.py:NAME; name a Python file and an object")
    path = (base or Path.cwd()) / Path(file).expanduser()
    if not path.is_file():
        raise TinyireeError(f"{path}: no such file; correct the path")
    module = _module(path.resolve())
    if not hasattr(module, name):
        public = [n for n in vars(module) if not n.startswith("_") and _is_own(module, n)]
        close = difflib.get_close_matches(name, public, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise TinyireeError(
            f"{path}: has no '{name}'; {hint}it has: {', '.join(sorted(public)) or 'nothing'}"
        )
    return getattr(module, name)


def _module(path: Path) -> ModuleType:
    # Every sample has a model.py and a data.py: the name must come from the whole path.
    name = f"tinyiree_file_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TinyireeError(f"{path}: cannot be loaded as Python; its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs: dataclasses, pickle and torch.export look a class's module up here.
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # as `python FILE.py` does, for imports of neighbours
    try:
        spec.loader.exec_module(module)
    except TinyireeError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise TinyireeError(
            f"{path}: running the file fails: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _is_own(module: ModuleType, name: str) -> bool:
    """True for what the file defines or makes, false for what it imports."""
    found = getattr(module, name)
    if isinstance(found, ModuleType):
        return False
    if isinstance(found, type) or not hasattr(type(found), "state_dict"):
        return bool(getattr(found, "__module__", module.__name__) == module.__name__)
    return True
