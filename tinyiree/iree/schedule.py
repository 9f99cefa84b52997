"""The whole program as a static list: IREE's stream dialect, read into plain data.

After ``iree-stream-schedule-allocation`` and before ``iree-stream-layout-slices`` the module's main
function holds one ``stream.cmd.execute`` whose ops are the dispatches (and rare fills and copies)
in order, on slices of a ``stream.resource.pack`` whose offsets are not decided yet: sizes and uses
are all there, placement is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from iree.compiler import ir
from iree.compiler.dialects import stream

from tinyiree.errors import TinyireeError
from tinyiree.passes.lower import REGION_LOCATION

BufferKind = Literal["input", "output", "transient", "scratch", "state"]


@dataclass(frozen=True)
class Buffer:
    """One tensor in memory.

    Attributes:
        kind: whether the application writes it (input), reads it (output), a later step reads it
            (transient), nobody but the step itself (scratch), or the next invocation (state).
        size: bytes.
    """

    kind: BufferKind
    size: int


@dataclass(frozen=True)
class Span:
    """A range of bytes of a buffer, by the buffer's index in the schedule."""

    buffer: int
    offset: int
    length: int


@dataclass(frozen=True)
class Dispatch:
    """A call of a compiled function.

    Attributes:
        function: its exported name.
        group: index of the dispatch region that it was lowered from.
        bindings: its tensors in order.
        writes: for each binding, whether the function writes it.
    """

    function: str
    group: int
    bindings: tuple[Span, ...]
    writes: tuple[bool, ...]


@dataclass(frozen=True)
class KernelCall:
    """A call of a hand-made kernel in place of a dispatch.

    Attributes:
        kernel: its name in the catalogue.
        function: its C function.
        group: index of the dispatch region that it computes.
        rows: of its output.
        bindings: inputs, output, and scratch if it has any.
        writes: for each binding, whether the kernel writes it.
        chunk: rows that are computed at a time, from the bottom up; 0: all of them at once.
        part: the rows ``[first, last)`` that this call computes; None: all. A binding whose rows
            are not all in memory names where its first row would lie, be it outside of its buffer.
    """

    kernel: str
    function: str
    group: int
    rows: int
    bindings: tuple[Span, ...]
    writes: tuple[bool, ...]
    chunk: int = 0
    part: tuple[int, int] | None = None

    @property
    def calls(self) -> int:
        """How many times the function is called."""
        return -(-self.rows // self.chunk) if self.chunk else 1


@dataclass(frozen=True)
class Fill:
    """Bytes set to a repeated pattern of 1, 2 or 4 bytes, little-endian in ``pattern``."""

    target: Span
    pattern: int
    pattern_bytes: int


@dataclass(frozen=True)
class Copy:
    """Bytes copied between spans of equal length, which may overlap: all is read first."""

    source: Span
    target: Span


Step = Dispatch | KernelCall | Fill | Copy


@dataclass(frozen=True)
class Schedule:
    """Steps over buffers.

    Attributes:
        buffers: all tensors.
        inputs: for each argument of main the index of its buffer.
        outputs: for each result of main the index of its buffer (which may be an input's).
        steps: in order of execution.
        states: the buffers of the model's variables, once ``tie_states`` has taken them out of
            inputs and outputs.
    """

    buffers: tuple[Buffer, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    states: tuple[int, ...] = ()


def read_schedule(module: ir.Operation, input_bytes: Sequence[int]) -> Schedule:
    """Read the schedule of a module at the point that the module docstring names.

    Args:
        module: the module.
        input_bytes: size of each argument of the model; one that no step reads has no size in
            the IR.

    Raises:
        TinyireeError: IREE made something of the module that a static schedule cannot express.
    """
    return _Reader(_main(module)).read(input_bytes)


def _main(module: ir.Operation) -> ir.Operation:
    for op in module.regions[0].blocks[0].operations:
        operation = op.operation
        if operation.name == "util.func" and _is_public(operation):
            return operation
    raise TinyireeError("IREE left no public function in the module")


def _is_public(function: ir.Operation) -> bool:
    return "sym_visibility" not in function.attributes or (
        ir.StringAttr(function.attributes["sym_visibility"]).value == "public"
    )


class _Reader:
    """Resolves resources and offsets of one function to buffers."""

    def __init__(self, function: ir.Operation) -> None:
        self._block = function.regions[0].blocks[0]
        self._buffers: list[Buffer] = []
        self._slices: dict[tuple[ir.Value, int], int] = {}
        self._resources: dict[ir.Value, int] = {}
        self._arguments: dict[ir.Value, ir.Value] = {}

    def read(self, input_bytes: Sequence[int]) -> Schedule:
        steps: list[Step] = []
        inputs = self._read_inputs(input_bytes)
        for op in self._block.operations:
            operation = op.operation
            if operation.name == "stream.cmd.execute":
                arguments = operation.regions[0].blocks[0].arguments
                operands = list(op.resource_operands)
                self._arguments.update(zip(arguments, operands, strict=True))
                steps += self._read_steps(operation.regions[0].blocks[0])
            elif operation.name.startswith("stream.cmd."):
                raise _inexpressible(operation)
        return Schedule(tuple(self._buffers), inputs, self._read_outputs(), tuple(steps))

    def _add(self, kind: BufferKind, size: int) -> int:
        self._buffers.append(Buffer(kind, size))
        return len(self._buffers) - 1

    def _read_inputs(self, input_bytes: Sequence[int]) -> tuple[int, ...]:
        imports = {
            op.operation.operands[0]: op.operation.results[0]
            for op in self._block.operations
            if op.operation.name == "stream.tensor.import"
        }
        indices = []
        for argument, size in zip(self._block.arguments, input_bytes, strict=True):
            index = self._add("input", size)
            self._resources[argument] = index  # an argument may be returned as it came
            if argument in imports:
                self._resources[imports[argument]] = index
            indices.append(index)
        return tuple(indices)

    def _read_outputs(self) -> tuple[int, ...]:
        terminator = self._block.operations[len(self._block.operations) - 1]
        indices = []
        for value in terminator.operands:
            operation = None if isinstance(value.owner, ir.Block) else value.owner.operation
            if operation is not None and operation.name == "stream.tensor.export":
                value = operation.operands[0]
            indices.append(self._output(value))
        return tuple(indices)

    def _output(self, value: ir.Value) -> int:
        value = _through_await(value)
        if value in self._resources:
            return self._resources[value]
        raise TinyireeError(f"IREE returns {value}, which no step of the schedule writes")

    def _read_steps(self, block: ir.Block) -> list[Step]:
        steps: list[Step] = []
        for op in block.operations:
            operation = op.operation
            if operation.name in ("stream.cmd.concurrent", "stream.cmd.serial"):
                steps += self._read_steps(operation.regions[0].blocks[0])
            elif operation.name == "stream.cmd.dispatch":
                steps.append(self._read_dispatch(op))
            elif operation.name == "stream.cmd.fill":
                target = self._span(op.target, op.target_offset, op.target_length)
                width = ir.IntegerType(op.value.type).width
                pattern = _constant(op.value) & ((1 << width) - 1)
                steps.append(Fill(target, pattern, width // 8))
            elif operation.name == "stream.cmd.copy":
                source = self._span(op.source, op.source_offset, op.length)
                steps.append(Copy(source, self._span(op.target, op.target_offset, op.length)))
            elif operation.name not in (
                "stream.yield",
                "stream.cmd.flush",
                "stream.cmd.invalidate",
                "stream.cmd.discard",
            ):
                raise _inexpressible(operation)
        return steps

    def _read_dispatch(self, op: stream.CmdDispatchOp) -> Dispatch:
        if len(op.uniform_operands):
            raise _inexpressible(op.operation)
        entry = str(ir.ArrayAttr(op.entry_points)[0]).rsplit("@", 1)[-1]
        bindings = tuple(
            self._span(resource, offset, length)
            for resource, offset, length in zip(
                op.resources, op.resource_offsets, op.resource_lengths, strict=True
            )
        )
        # Bit 1 of the access bitfield is "write" (Stream_ResourceAccess in IREE's StreamBase.td).
        writes = tuple(
            bool(ir.IntegerAttr(access).value & 2) for access in ir.ArrayAttr(op.resource_accesses)
        )
        group = _group(op.operation.location)
        if group is None:
            raise TinyireeError(f"IREE made a dispatch {entry} that is no layer of the model")
        return Dispatch(entry, group, bindings, writes)

    def _span(self, resource: ir.Value, offset: ir.Value, length: ir.Value) -> Span:
        size = _constant(length)
        source = self._arguments.get(resource, resource)
        if source in self._resources:
            return Span(self._resources[source], _constant(offset), size)
        operation = source.owner.operation
        if operation.name == "stream.resource.subview" or _is_external(source):
            self._resources[source] = self._add("output", _resource_size(operation))
            return Span(self._resources[source], _constant(offset), size)
        return self._slice(offset, size)

    def _slice(self, offset: ir.Value, size: int) -> Span:
        """A range of the transient slab: its offset is a result of the pack op, or beyond one."""
        operation, inside = offset.owner.operation, 0
        if operation.name == "arith.addi":
            offset, more = operation.operands
            operation, inside = offset.owner.operation, _constant(more)
        if operation.name != "stream.resource.pack":
            raise _inexpressible(operation)
        number = ir.OpResult(offset).result_number
        key = (operation.results[0], number)
        if key not in self._slices:
            pack = operation.opview
            self._slices[key] = self._add(
                "transient", _constant(list(pack.dynamic_slice_sizes)[number - 1])
            )
        return Span(self._slices[key], inside, size)


def _resource_size(operation: ir.Operation) -> int:
    if operation.name == "stream.resource.subview":
        return _constant(operation.opview.result_size)
    return _constant(operation.opview.storage_size)


def _is_external(value: ir.Value) -> bool:
    return "external" in str(value.type)


def _through_await(value: ir.Value) -> ir.Value:
    """The resource behind the ``stream.timepoint.await`` that guards it."""
    while not isinstance(value.owner, ir.Block):
        operation = value.owner.operation
        if operation.name != "stream.timepoint.await":
            break
        value = list(operation.opview.resource_operands)[ir.OpResult(value).result_number]
    return value


def _constant(value: ir.Value) -> int:
    if not isinstance(value.owner, ir.Block):
        operation = value.owner.operation
        if operation.name == "arith.constant":
            return int(ir.IntegerAttr(operation.attributes["value"]).value)
    raise TinyireeError(f"IREE left a size or offset that is not a constant: {value}")


def _group(location: ir.Location) -> int | None:
    """The index that lowering gave the region, as the name of its location."""
    if isinstance(location, ir.NameLoc):
        name = str(location.name_str)
        if name.startswith(REGION_LOCATION):
            return int(name.removeprefix(REGION_LOCATION))
        return _group(location.child_loc)
    if isinstance(location, ir.FusedLoc):
        found = (_group(part) for part in location.locations)
        return next((group for group in found if group is not None), None)
    if isinstance(location, ir.CallSiteLoc):
        return _group(location.callee)
    return None


def _inexpressible(operation: ir.Operation) -> TinyireeError:
    return TinyireeError(
        f"IREE made a {operation.name} of the model, which a static schedule cannot express: "
        f"{operation}"
    )
