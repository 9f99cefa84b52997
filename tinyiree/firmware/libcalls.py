"""The compiler's runtime functions for a core, as one object file.

An embedded ELF may not refer to anything outside itself, but generated code calls functions such as
``__aeabi_lmul`` (64-bit product on Armv6-M) or ``__mulsf3`` (soft float). Zig ships their source (a
port of LLVM's compiler-rt); it is compiled once a core and kept in the user's cache.
"""

import hashlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

from tinyiree.cache import cached
from tinyiree.errors import TinyireeError
from tinyiree.targets import Core


def libcalls(core: Core) -> Path:
    """The object file; it takes about 4 seconds when it is not in the cache yet.

    Raises:
        TinyireeError: Zig cannot compile it; the message has its words.
    """
    flags = [*core.zig.flags, "-O", "ReleaseSmall", "-fPIC", "-fno-unwind-tables"]
    flags += ["-ffunction-sections"]
    version = importlib.metadata.version("ziglang")
    key = hashlib.sha256(" ".join([version, *flags]).encode()).hexdigest()[:16]

    def make(path: Path) -> None:
        zig = importlib.util.find_spec("ziglang")
        if zig is None or zig.origin is None:
            raise TinyireeError("the package ziglang is missing: pip install ziglang")
        source = Path(zig.origin).parent / "lib" / "compiler_rt.zig"
        command = [sys.executable, "-m", "ziglang", "build-obj", str(source), *flags]
        command += [f"-femit-bin={path}", "--cache-dir", str(path.parent / "zig")]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0 or not path.is_file():
            raise TinyireeError(
                f"Zig could not compile its runtime functions for {core.name}:\n{run.stderr}"
            )

    return cached(f"libcalls-{core.name}-{key}.o", make)
