"""C cross compilers behind one small protocol: Zig's clang (from PyPI) and GNU GCC."""

import importlib.util
import logging
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tinyiree.errors import TinyireeError
from tinyiree.targets import Core

ToolchainName = Literal["zig", "gcc"]

_LOG = logging.getLogger(__name__)

# One section per function and object, so that the linker can drop what is not used.
CODE_FLAGS = (
    "-std=c99",
    "-Os",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fomit-frame-pointer",
    "-Wall",
    "-Wextra",
)


# First function of an image, defined by the startup codes.
ENTRY = "tinyiree_entry"


class Toolchain(Protocol):
    """Compiles, archives and links C for one core.

    All methods raise TinyireeError with the tool's complete error output when it fails.
    """

    def compile(
        self, sources: Sequence[Path], objects: Sequence[Path], flags: Sequence[str]
    ) -> None:
        """Compile sources[i] to objects[i]; `flags` come after (and override) CODE_FLAGS."""

    def link(self, objects: Sequence[Path], linker_script: Path, out: Path) -> None:
        """Link objects and archives to an ELF file without unused sections."""

    def archive(self, objects: Sequence[Path], library: Path) -> None:
        """Write a static library anew, deterministically."""


@dataclass(frozen=True)
class _Driver:
    """A GCC-like command line."""

    compiler: tuple[str, ...]
    archiver: tuple[str, ...]
    core_flags: tuple[str, ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    libraries: tuple[str, ...]

    def compile(
        self, sources: Sequence[Path], objects: Sequence[Path], flags: Sequence[str]
    ) -> None:
        common = (*self.compiler, *self.core_flags, *CODE_FLAGS, *self.compile_flags, *flags)
        for source, target in zip(sources, objects, strict=True):
            _run((*common, "-c", str(source), "-o", str(target)))

    def link(self, objects: Sequence[Path], linker_script: Path, out: Path) -> None:
        driver = (*self.compiler, *self.core_flags, *self.link_flags)
        # The entry is named again: Zig's driver asks for its own one over the script's ENTRY.
        # With pages, a linker loads the ELF header too where a memory does not begin with a page.
        pages = "-Wl,-z,max-page-size=64"
        entry = f"-Wl,-e,{ENTRY}"
        options = ("-static", "-Wl,--gc-sections", pages, entry, "-T", str(linker_script))
        files = [str(path) for path in objects]
        _run((*driver, *options, *files, *self.libraries, "-o", str(out)))

    def archive(self, objects: Sequence[Path], library: Path) -> None:
        library.unlink(missing_ok=True)  # `ar` would add to what is there
        _run((*self.archiver, "rcsD", str(library), *map(str, objects)))


def make_toolchain(core: Core, name: ToolchainName = "zig") -> Toolchain:
    """The toolchain `name` set up for `core`.

    Raises TinyireeError if it is unknown or not installed, naming the package to install.
    """
    if name == "zig":
        if importlib.util.find_spec("ziglang") is None:
            raise TinyireeError(
                "toolchain 'zig': expected the Python package ziglang, found none; "
                "run: pip install ziglang"
            )
        zig = (sys.executable, "-m", "ziglang")
        # Zig switches the undefined behaviour sanitizer on by default.
        return _Driver((*zig, "cc"), (*zig, "ar"), core.zig.flags, ("-fno-sanitize=all",), (), ())
    if name == "gcc":
        compiler, archiver = core.gcc.prefix + "gcc", core.gcc.prefix + "ar"
        if shutil.which(compiler) is None:
            raise TinyireeError(
                f"toolchain 'gcc': expected the command {compiler}, found none; on Debian run: "
                f"apt install {core.gcc.package} (or use the toolchain 'zig')"
            )
        # Loops must stay loops: in memset itself, and in the harness, which calls nothing.
        loops = ("-fno-tree-loop-distribute-patterns",)
        # GCC's own assembly lacks the mark, which concerns no bare-metal image.
        link = ("-nostdlib", "-Wl,-z,noexecstack", "-Wl,--no-warn-rwx-segments")
        return _Driver((compiler,), (archiver,), core.gcc.flags, loops, link, ("-lgcc",))
    raise TinyireeError(f"toolchain '{name}': expected zig or gcc; choose one of them")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        raise TinyireeError(
            f"command failed with exit code {done.returncode}: {' '.join(command)}\n{output}"
        )
    if output:
        _LOG.warning("%s\n%s", " ".join(command), output)
