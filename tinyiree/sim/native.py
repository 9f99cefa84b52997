"""Compiles the C parts of the simulator for this host, once."""

import hashlib
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tinyiree.cache import cached
from tinyiree.errors import TinyireeError

_SOURCES = Path(__file__).parent
_HEADERS = ("attribution.h", "profile.h")
_FLAGS = ("-shared", "-fPIC", "-O2", "-std=c99", "-fvisibility=hidden")
# QEMU provides the functions that a plugin leaves undefined.
_PLATFORM_FLAGS = ("-Wl,-undefined,dynamic_lookup",) if sys.platform == "darwin" else ()


def library(source: str) -> Path:
    """The shared library made from `source`, a C file of this package.

    It is compiled by zig's clang when the cache has none for this source, compiler and host.
    Raises TinyireeError when the compiler fails or the cache cannot be written.
    """
    digest = hashlib.sha256()
    for name in (source, *_HEADERS):
        digest.update((_SOURCES / name).read_bytes())
    digest.update(repr((version("ziglang"), _FLAGS, sys.platform, platform.machine())).encode())
    name = f"{Path(source).stem}-{digest.hexdigest()[:16]}.so"
    return cached(name, lambda path: _compile(_SOURCES / source, path))


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
