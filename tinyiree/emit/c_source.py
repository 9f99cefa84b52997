"""NAME.h and NAME.c from a placed program."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tinyiree.emit.chains import ChainCode, chain_at, encode
from tinyiree.emit.program import BANK_SHIFT, IoTensor, Program
from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Copy, Dispatch, Fill, KernelCall, Span
from tinyiree.kernels.structs import emit

ARENA_ALIGNMENT = 16

C_TYPES: dict[str, str] = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "bool": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
}

# Where the linker script of the self-test looks for weights that are written in C.
_WEIGHTS = ".rodata.tinyiree_weights"

# Fields of tinyiree_step_t are 16 bits wide.
_MAX_INDEX = 0xFFFF


@dataclass(frozen=True)
class _Row:
    """One ``tinyiree_step_t``."""

    kind: str
    bindings: int
    entry: int
    first_binding: int
    first_word: int
    comment: str


@dataclass(frozen=True)
class _Call:
    """One ``tinyiree_kernel_call_t`` and the C source of its constants."""

    function: str
    params: str
    rows: int
    chunk: int
    constants: str


@dataclass(frozen=True)
class _Edge:
    """An input or output as the header shows it; numbered only when there are several."""

    tensor: IoTensor
    kind: str
    suffix: str
    offset: int

    @property
    def macro(self) -> str:
        return f"{self.kind}{self.suffix}".upper()

    @property
    def function(self) -> str:
        return f"{self.kind}{self.suffix}"

    @property
    def c_type(self) -> str:
        return C_TYPES[self.tensor.dtype]

    @property
    def elements(self) -> int:
        return math.prod(self.tensor.shape)

    @property
    def scale(self) -> str:
        """The scale as a C literal that reads back as the same float."""
        return f"{self.tensor.scale!r}f" if self.tensor.scale is not None else ""


def render(program: Program) -> tuple[str, str]:
    """The texts of NAME.h and NAME.c."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    rows, bindings, words = _tables(program)
    values = {
        "program": program,
        "name": program.name,
        "prefix": program.name.upper(),
        "inputs": _edges(program, "input", program.inputs, program.schedule.inputs),
        "outputs": _edges(program, "output", program.outputs, program.schedule.outputs),
        "rows": rows,
        "bindings": bindings,
        "words": words,
        "calls": _calls(program),
        "functions": _functions(program),
        "initial_state": list(program.initial_state),
        "arena_alignment": ARENA_ALIGNMENT,
        "banks": _banks(program),
    }
    return (
        environment.get_template("model.h.j2").render(values),
        environment.get_template("model.c.j2").render(values),
    )


def _banks(program: Program) -> list[tuple[str, int]]:
    """C names and bytes of the banks; empty for a single memory."""
    names = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in program.bank_names]
    return list(zip(names, program.bank_bytes, strict=True)) if len(names) > 1 else []


def _edges(
    program: Program, kind: str, tensors: tuple[IoTensor, ...], buffers: tuple[int, ...]
) -> list[_Edge]:
    return [
        _Edge(tensor, kind, str(i) if len(tensors) > 1 else "", program.offset(Span(buffer, 0, 0)))
        for i, (tensor, buffer) in enumerate(zip(tensors, buffers, strict=True))
    ]


def _tables(program: Program) -> tuple[list[_Row], list[int], list[int]]:
    """The step rows, the table of offsets and lengths (equal runs are shared), and the words."""
    rows: list[_Row] = []
    bindings: list[int] = []
    words: list[int] = []
    calls = 0
    skipped = 0
    for number, step in enumerate(program.schedule.steps):
        if number < skipped:
            continue
        chain = chain_at(program.schedule.steps, number)
        if chain:
            # The chain takes the start of each bank, and finds all else by itself.
            starts = [bank << BANK_SHIFT for bank in range(len(program.bank_bytes))]
            first, comment = _share(bindings, starts), f"{len(chain)} parts"
            rows.append(_Row("KERNEL", len(starts), calls, first, 0, comment))
            calls += 1
            skipped = number + len(chain)
            continue
        match step:
            case Dispatch():
                offsets = [program.offset(span) for span in step.bindings]
                lengths = [span.length for span in step.bindings]
                first = _share(bindings, offsets + lengths)
                entry = program.functions.index(step.function)
                rows.append(_Row("DISPATCH", len(offsets), entry, first, 0, step.function))
            case KernelCall():
                first = _share(bindings, [program.offset(span) for span in step.bindings])
                rows.append(_Row("KERNEL", len(step.bindings), calls, first, 0, step.kernel))
                calls += 1
            case Fill():
                first = _share(bindings, [program.offset(step.target), step.target.length])
                repeated = step.pattern
                for width in (1, 2):
                    if step.pattern_bytes <= width:
                        repeated |= repeated << (8 * width)
                word = _share(words, [repeated])
                rows.append(_Row("FILL", 1, 0, first, word, "fill"))
            case Copy():
                source, target = program.offset(step.source), program.offset(step.target)
                length = step.source.length
                first = _share(bindings, [source, target, length, length])
                rows.append(_Row("COPY", 2, 0, first, 0, "copy"))
    if max(len(rows), len(bindings), len(words)) > _MAX_INDEX:
        raise TinyireeError(
            f"model '{program.name}' has {len(rows)} steps and {len(bindings)} bindings; the "
            f"runtime's tables hold {_MAX_INDEX}: split the model"
        )
    return rows, bindings, words


def _calls(program: Program) -> list[_Call]:
    """The kernel calls in order, each with constants of its own; a chain is one."""
    calls = []
    steps = program.schedule.steps
    number = chains = 0
    while number < len(steps):
        step = steps[number]
        chain = chain_at(steps, number)
        if chain:
            name = f"chain{chains}"
            source = _chain_source(program, encode(program, chain), name)
            calls.append(_Call("tinyiree_run_chain", name, 1, 1, source))
            chains += 1
        elif isinstance(step, KernelCall):
            params, chunk = f"layer{step.group}", step.chunk or step.rows
            constants = emit(program.kernels.constants[step.group], params, _WEIGHTS)
            calls.append(_Call(step.function, params, step.rows, chunk, constants))
        number += len(chain) or 1
    return calls


def _chain_source(program: Program, code: ChainCode, name: str) -> str:
    """The constants of a chain's layers, its calls and its words."""
    parts = [
        emit(program.kernels.constants[step.group], f"layer{step.group}", _WEIGHTS)
        for step in code.layers
    ]
    parts.append(f"static const tinyiree_chain_call_t {name}_calls[] = {{\n")
    parts += [f"    {{ {step.function}, &layer{step.group} }},\n" for step in code.layers]
    parts.append(f"}};\nstatic const uint32_t {name}_words[] = {{\n")
    parts += [f"    {', '.join(f'0x{word:x}' for word in line)},\n" for line in code.lines]
    parts.append(f"}};\nstatic const tinyiree_chain_t {name} = {{ {name}_words, {name}_calls }};\n")
    return "".join(parts)


def _functions(program: Program) -> list[str]:
    """The kernels that the program calls."""
    steps = program.schedule.steps
    return list(dict.fromkeys(step.function for step in steps if isinstance(step, KernelCall)))


def _share(table: list[int], run: list[int]) -> int:
    """The index of a run of numbers in a table, appended when it is not there yet."""
    for start in range(len(table) - len(run) + 1):
        if table[start : start + len(run)] == run:
            return start
    table += run
    return len(table) - len(run)
