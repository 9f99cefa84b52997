"""Compiles the C parts of the simulator for this host, once."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tinyiree.errors import TinyireeError

_SOURCES = Path(__file__).parent
_HEADERS = ("attribution.h",)
_FLAGS = ("-shared", "-fPIC", "-O2", "-std=c99", "-fvisibility=hidden")
# QEMU provides the functions that a plugin leaves undefined.
_PLATFORM_FLAGS = ("-Wl,-undefined,dynamic_lookup",) if sys.platform == "darwin" else ()


def cache_folder() -> Path:
    """Where compiled host libraries are kept: $XDG_CACHE_HOME/tinyiree or ~/.cache/tinyiree."""
    root = os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "tinyiree"


def library(source: str) -> Path:
    """The shared library made from `source`, a C file of this package.

    It is compiled by zig's clang when the cache has none for this source, compiler and host.
    Several processes may ask at once: each compiles into a folder of its own and renames.
    Raises TinyireeError when the compiler fails or the cache cannot be written.
    """
    digest = hashlib.sha256()
    for name in (source, *_HEADERS):
        digest.update((_SOURCES / name).read_bytes())
    digest.update(repr((version("ziglang"), _FLAGS, sys.platform, platform.machine())).encode())
    target = cache_folder() / f"{Path(source).stem}-{digest.hexdigest()[:16]}.so"
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    except OSError as error:
        raise TinyireeError(
            f"{target.parent}: cannot be written ({error.strerror}); expected a cache folder for "
            "the simulator's compiled parts; set XDG_CACHE_HOME to a writable folder"
        ) from error
    try:
        built = scratch / target.name
        _compile(_SOURCES / source, built)
        os.replace(built, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _compile(source: Path, output: Path) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *_PLATFORM_FLAGS]
    command += ["-o", str(output), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TinyireeError(
            f"{source.name}: expected zig's C compiler to build it for this host, found exit code "
            f"{done.returncode}; check that the ziglang package works "
            f"('{' '.join(command[:4])} --version'). Its output:\n{done.stderr.strip()}"
        )
