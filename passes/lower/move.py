"""Ops on parts of tensors along axis 0, written outside of dispatches.

A part is a range of bytes: the compiler lets dispatches read and write it where it is. Only what a
delay line keeps has to be moved.
"""

from collections.abc import Callable, Sequence

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.lower.text import Tensor, Writer, tensor_type

Move = Callable[[Writer, ir.Operation, Sequence[Tensor]], Tensor]


def delay(w: Writer, op: ir.Operation, operands: Sequence[Tensor]) -> Tensor:
    """``nn.delay``."""
    line, newest = operands
    kept = line.shape[0] - newest.shape[0]
    if not kept:
        return newest
    return _joined(w, [_part(w, line, newest.shape[0], kept), newest], line.shape)


def step(w: Writer, op: ir.Operation, operands: Sequence[Tensor]) -> Tensor:
    """``nn.step``."""
    x = operands[0]
    return _reshaped(w, _part(w, x, access.integer(op, "index"), 1), x.shape[1:])


def stack(w: Writer, op: ir.Operation, operands: Sequence[Tensor]) -> Tensor:
    """``nn.stack``."""
    shape = access.shape(op.results[0])
    return _joined(w, [_reshaped(w, x, (1, *x.shape)) for x in operands], shape)


def _part(w: Writer, x: Tensor, start: int, count: int) -> Tensor:
    shape = (count, *x.shape[1:])
    where, size = _indices(w, start, len(shape)), ", ".join(_index(w, n) for n in shape)
    text = f"flow.tensor.slice {x.name}[{where} for {size}] : {x.type} -> "
    return w.tensor(text + tensor_type(shape, x.element), shape, x.element)


def _joined(w: Writer, parts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    element = parts[0].element
    whole = w.tensor(f"flow.tensor.empty : {tensor_type(shape, element)}", shape, element)
    start = 0
    for part in parts:
        text = (
            f"flow.tensor.update {part.name}, {whole.name}[{_indices(w, start, len(shape))}] : "
            f"{part.type} -> {whole.name} as {whole.type}"
        )
        whole = w.tensor(text, shape, element)
        start += part.shape[0]
    return whole


def _reshaped(w: Writer, x: Tensor, shape: Sequence[int]) -> Tensor:
    text = f"flow.tensor.reshape {x.name} : {x.type} -> {tensor_type(shape, x.element)}"
    return w.tensor(text, shape, x.element)


def _indices(w: Writer, first: int, rank: int) -> str:
    return ", ".join([_index(w, first), *(_index(w, 0) for _ in range(rank - 1))])


def _index(w: Writer, value: int) -> str:
    return w.number(value, "index").name


MOVES: dict[str, Move] = {"nn.delay": delay, "nn.step": step, "nn.stack": stack}
