"""One IREE compiler session: a module taken through IREE's phases, stopping between them.

IREE's Python API runs its standard pipeline as a whole; the two entry points that make it start and
stop at a phase are exported by its shared library but not wrapped, hence the ctypes here.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_void_p
from functools import cache
from pathlib import Path
from typing import Literal

from iree.compiler import ir, passmanager
from iree.compiler.api import Output, ctypes_dl
from iree.compiler.api import Session as CompilerSession

from tinyiree.errors import TinyireeError

Phase = Literal[
    "start",
    "input",
    "abi",
    "preprocessing",
    "global-optimization",
    "dispatch-creation",
    "flow",
    "stream",
    "executable-sources",
    "executable-configurations",
    "executable-targets",
    "hal",
    "vm",
    "end",
]

# Every constant goes into the object's read-only data: no initializer, no copy in RAM. The flag is
# global to the process in IREE, and so is set once.
_GLOBAL_FLAGS = ("--iree-flow-inline-constants-max-byte-length=1073741824",)

# IREE says this for every 32-bit Arm CPU; the features are always passed, as it asks.
_KNOWN_NOISE = "Resolution of CPU to CPU-features is not implemented on this target architecture"


class Session:
    """A module on its way through IREE's phases.

    Args:
        text: the module, as MLIR text.
        flags: IREE's command-line flags of this session, such as the target's.

    Raises:
        TinyireeError: IREE refuses a flag or the module, with IREE's own words.
    """

    def __init__(self, text: str, flags: Sequence[str]) -> None:
        _initialize()
        self._session = CompilerSession()
        self._messages: list[str] = []
        self._phase: Phase = "start"
        try:
            self._session.set_flags(*flags)
        except ValueError as error:
            raise TinyireeError(f"IREE refuses the flags {' '.join(flags)}: {error}") from error
        self._invocation = self._session.invocation()
        self.context.attach_diagnostic_handler(self._collect)
        try:
            with self.context:
                self.module: ir.Operation = ir.Module.parse(text).operation
        except ir.MLIRError as error:
            raise TinyireeError(f"IREE cannot read the lowered module: {error}") from error

    @property
    def context(self) -> ir.Context:
        """The MLIR context of the module."""
        context: ir.Context = self._session.context
        return context

    def advance(self, to: Phase) -> None:
        """Run IREE's standard pipeline from the phase reached so far to another."""
        library = ctypes_dl._dylib
        self._invocation = self._session.invocation()
        pointer = self._invocation._inv_p
        library.ireeCompilerInvocationSetCompileFromPhase(pointer, self._phase.encode())
        library.ireeCompilerInvocationSetCompileToPhase(pointer, to.encode())
        with _collected_stderr() as native:
            self._invocation.import_module(self.module)
            succeeded = self._invocation.execute()
        if not succeeded:
            raise TinyireeError(
                f"IREE failed between its phases '{self._phase}' and '{to}':\n"
                + "\n".join([*self._messages, *native] or ["(IREE gave no reason)"])
            )
        for line in native:
            print(line, file=sys.stderr)
        self._phase = to

    def run_passes(self, pipeline: str, reached: Phase | None = None) -> None:
        """Run a textual pass pipeline on the module.

        Args:
            pipeline: such as ``builtin.module(canonicalize)``.
            reached: the phase that the module is in afterwards, when the passes make up one.
        """
        try:
            with self.context:
                passmanager.PassManager.parse(pipeline).run(self.module)
        except (ir.MLIRError, ValueError) as error:
            said = "\n".join(self._messages)
            raise TinyireeError(f"IREE failed in {pipeline}: {error}\n{said}") from error
        self._phase = reached or self._phase

    def write_vmfb(self, path: Path) -> None:
        """Write the VM module of a session that has reached ``end``."""
        output = Output.open_file(str(path))
        self._invocation.output_vm_bytecode(output)
        output.keep()
        output.close()

    def vmfb(self) -> bytes:
        """The VM module of a session that has reached ``end``."""
        output = Output.open_membuffer()
        self._invocation.output_vm_bytecode(output)
        data = bytes(output.map_memory())
        output.close()
        return data

    def _collect(self, diagnostic: ir.Diagnostic) -> bool:
        if _KNOWN_NOISE not in diagnostic.message:
            self._messages.append(f"{diagnostic.location}: {diagnostic.message}")
        return True


@cache
def _initialize() -> None:
    for name in (
        "ireeCompilerInvocationSetCompileFromPhase",
        "ireeCompilerInvocationSetCompileToPhase",
    ):
        function = getattr(ctypes_dl._dylib, name)
        function.argtypes = [c_void_p, c_char_p]
        function.restype = None
    ctypes_dl._initializeGlobalCL("tinyiree", *_GLOBAL_FLAGS)


@contextmanager
def _collected_stderr() -> Iterator[list[str]]:
    """Collect the lines that native code (IREE's linker) writes to stderr, but the harmless one."""
    lines: list[str] = []
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as collected:
        os.dup2(collected.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            collected.seek(0)
            text = collected.read().decode(errors="replace")
            lines += [line for line in text.splitlines() if line.strip()]
            lines[:] = [line for line in lines if _KNOWN_NOISE not in line]
