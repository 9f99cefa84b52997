"""Files that are made once for this machine and user, and kept."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tinyiree.errors import TinyireeError


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/tinyiree, or ~/.cache/tinyiree."""
    root = os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "tinyiree"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The file of that name in the cache, made if it is not there.

    Several processes may ask at once: each makes its own in a scratch folder, and renames it.

    Args:
        name: file name, with a digest of everything that the content depends on.
        make: writes the file to the path that it is given.

    Raises:
        TinyireeError: the cache cannot be written; and what ``make`` raises.
    """
    target = cache_folder() / name
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    except OSError as error:
        raise TinyireeError(
            f"{target.parent}: cannot be written ({error.strerror}); expected a folder for parts "
            "that are compiled once; set XDG_CACHE_HOME to a writable folder"
        ) from error
    try:
        made = scratch / target.name
        make(made)
        os.replace(made, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
