"""A lowered module compiled for a core: a static library with its schedule, and an embedded ELF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.firmware import slim_library
from tinyiree.iree.align import aligned
from tinyiree.iree.schedule import Schedule, read_schedule
from tinyiree.iree.session import Session
from tinyiree.targets import Core

BINDING_ALIGNMENT = 8
"""What generated code may assume of every tensor's address, in bytes (int64 needs 8)."""

_LLVM_CPU = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-debug-symbols=false",
    # One workgroup a dispatch: there is one core, and no scheduler to hand work out.
    "--iree-llvmcpu-disable-distribution",
    # A layer whose result is the same for every input stays a dispatch: hoisted, it would become a
    # variable with an initializer, and there is nobody to run that.
    "--iree-opt-const-expr-hoisting=false",
    "--iree-opt-const-eval=false",
)

# IREE's stream phase in three parts. The standard pipeline goes on to fuse all bindings of a
# dispatch
# that lie in one resource and to bake their offsets into its code; these stop before, so that every
# tensor stays a binding of its own and placement is ours, after compilation.
_TO_ALLOCATION = (
    "builtin.module(iree-stream-tensor-transformation-pipeline)",
    "builtin.module(iree-stream-async-transformation-pipeline)",
    "builtin.module(iree-stream-schedule-allocation)",
)
_FROM_ALLOCATION = (
    "builtin.module(util.func(iree-stream-pack-constants,iree-stream-layout-slices),"
    "canonicalize,cse)"
)


@dataclass(frozen=True)
class StaticLibrary:
    """An object file of dispatch functions and the schedule that calls them.

    Attributes:
        object_file: relocatable ELF.
        query: name of the function that gives the library's table (IREE's executable_library.h).
        functions: names of the dispatch functions in the order of the table.
        schedule: the program.
    """

    object_file: Path
    query: str
    functions: tuple[str, ...]
    schedule: Schedule


def compile_static(
    lowered: str, name: str, core: Core, object_file: Path, input_bytes: Sequence[int]
) -> StaticLibrary:
    """Compile to a static library.

    Args:
        lowered: linalg in dispatch regions, as MLIR text.
        name: C identifier that all symbols start with, so that several models can be linked
            together.
        core: what to compile for.
        object_file: where to write it; IREE writes a header beside it, which is removed.
        input_bytes: size of each of the model's inputs.

    Raises:
        TinyireeError: IREE fails; the message has its words.
    """
    session = Session(
        lowered,
        (
            *_LLVM_CPU,
            *core.iree.flags(core.float_abi),
            "--iree-llvmcpu-link-embedded=false",
            "--iree-llvmcpu-link-static",
            f"--iree-llvmcpu-static-library-output-path={object_file}",
        ),
    )
    _rename(session.module, name)
    session.advance("flow")
    for pipeline in _TO_ALLOCATION:
        session.run_passes(pipeline)
    schedule = aligned(read_schedule(session.module, input_bytes), BINDING_ALIGNMENT)
    session.run_passes(_FROM_ALLOCATION, reached="stream")
    _set_binding_alignment(session.module)
    session.advance("end")
    object_file.with_suffix(".h").unlink(missing_ok=True)
    functions = tuple(export.name for export in slim_library(object_file))
    return StaticLibrary(object_file, _query_symbol(object_file), functions, schedule)


def compile_embedded(lowered: str, core: Core, vmfb: Path, libcalls: Path | None) -> None:
    """Compile to a VM module with an embedded ELF, for the stock IREE runtime.

    Args:
        lowered: linalg in dispatch regions, as MLIR text.
        core: what to compile for.
        vmfb: where to write the module.
        libcalls: object file with the compiler's runtime functions (soft float, 64-bit
            division) for the core; None links without.
    """
    session = Session(
        lowered, (*_LLVM_CPU, *core.iree.flags(core.float_abi), "--iree-llvmcpu-link-embedded=true")
    )
    session.advance("executable-sources")
    if libcalls is not None:
        _attach_object(session.module, libcalls)
    session.advance("end")
    session.write_vmfb(vmfb)


def _rename(module: ir.Operation, name: str) -> None:
    """Name module and function, from which IREE makes its symbol names."""
    with module.context:
        module.attributes["sym_name"] = ir.StringAttr.get(name)
        for function in _children(module, "func.func"):
            function.attributes["sym_name"] = ir.StringAttr.get(name)


def _set_binding_alignment(module: ir.Operation) -> None:
    """Tell the code generator how tensors will really be aligned; it assumes 64 bytes otherwise."""
    with module.context:
        entry = ir.DictAttr.get(
            {"stream.alignment": ir.IntegerAttr.get(ir.IndexType.get(), BINDING_ALIGNMENT)}
        )
        for executable in _children(module, "stream.executable"):
            for inner in _children(executable, "builtin.module"):
                for function in _children(inner, "func.func"):
                    count = len(function.regions[0].blocks[0].arguments)
                    function.attributes["arg_attrs"] = ir.ArrayAttr.get([entry] * count)


def _attach_object(module: ir.Operation, path: Path) -> None:
    with module.context:
        attribute = ir.Attribute.parse(
            f'[#hal.executable.object<{{path = "{path}"}}>]', module.context
        )
        for executable in _children(module, "hal.executable"):
            for variant in _children(executable, "hal.executable.variant"):
                variant.attributes["objects"] = attribute


def _children(parent: ir.Operation, name: str) -> list[ir.Operation]:
    return [
        op.operation for op in parent.regions[0].blocks[0].operations if op.operation.name == name
    ]


def _query_symbol(path: Path) -> str:
    """The library's only global function."""
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        for symbol in symbols.iter_symbols() if isinstance(symbols, SymbolTableSection) else ():
            name = str(symbol.name)
            if name.endswith("_library_query") and symbol["st_info"]["bind"] == "STB_GLOBAL":
                return name
    raise TinyireeError(f"{path}: IREE wrote no library into this object file")
