"""NAME.h and NAME.c from a placed program."""

import math
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tinyiree.emit.program import IoTensor, Program
from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Copy, Dispatch, Fill, KernelCall
from tinyiree.kernels.structs import emit

ARENA_ALIGNMENT = 16

C_TYPES: dict[str, str] = {
    "int8": "int8_t",
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
        "arena_alignment": ARENA_ALIGNMENT,
    }
    return (
        environment.get_template("model.h.j2").render(values),
        environment.get_template("model.c.j2").render(values),
    )


def _edges(
    program: Program, kind: str, tensors: tuple[IoTensor, ...], buffers: tuple[int, ...]
) -> list[_Edge]:
    return [
        _Edge(tensor, kind, str(i) if len(tensors) > 1 else "", program.plan.offsets[buffer])
        for i, (tensor, buffer) in enumerate(zip(tensors, buffers, strict=True))
    ]


def _tables(program: Program) -> tuple[list[_Row], list[int], list[int]]:
    """The step rows, the table of offsets and lengths (equal runs are shared), and the words."""
    rows: list[_Row] = []
    bindings: list[int] = []
    words: list[int] = []
    calls = 0
    for step in program.schedule.steps:
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
    """The kernel calls in order, each with constants of its own."""
    calls = []
    for step in program.schedule.steps:
        if isinstance(step, KernelCall):
            params = f"layer{step.group}"
            constants = emit(program.kernels.constants[step.group], params, _WEIGHTS)
            calls.append(_Call(step.function, params, step.rows, constants))
    return calls


def _share(table: list[int], run: list[int]) -> int:
    """The index of a run of numbers in a table, appended when it is not there yet."""
    for start in range(len(table) - len(run) + 1):
        if table[start : start + len(run)] == run:
            return start
    table += run
    return len(table) - len(run)
