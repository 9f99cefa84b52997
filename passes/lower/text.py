"""Writing linalg on tensors as MLIR text: the vocabulary of the emitters."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

ELEMENTS: dict[str, str] = {
    "float32": "f32",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
}


@dataclass(frozen=True)
class Tensor:
    """An SSA value of a static tensor type."""

    name: str
    shape: tuple[int, ...]
    element: str

    @property
    def type(self) -> str:
        """The type as MLIR spells it."""
        return tensor_type(self.shape, self.element)


@dataclass(frozen=True)
class Scalar:
    """An SSA value of an integer, index or float type inside the body of a generic."""

    name: str
    type: str


Body = Callable[["Writer", list[Scalar]], Scalar]
"""Writes the body of a generic: from the elements of the inputs and the init, what to yield."""


def tensor_type(shape: Sequence[int], element: str) -> str:
    """``tensor<1x2xi8>`` for ``(1, 2)`` and ``i8``."""
    return f"tensor<{'x'.join([*map(str, shape), element])}>"


def affine(loops: int, *results: str) -> str:
    """An affine map over loops ``d0, d1, ...``."""
    return f"affine_map<({', '.join(f'd{i}' for i in range(loops))}) -> ({', '.join(results)})>"


def along(loops: int, *axes: int) -> str:
    """The affine map that picks loops: ``along(3, 0, 2)`` is ``(d0, d1, d2) -> (d0, d2)``."""
    return affine(loops, *(f"d{axis}" for axis in axes))


def float_text(value: float) -> str:
    """A float32 literal, by its bits, so that nothing is lost or unprintable."""
    return f"0x{int(np.float32(value).view(np.uint32)):08X}"


def dense(array: Array) -> str:
    """The attribute of a constant tensor."""
    shape = array.shape  # ascontiguousarray gives a scalar an axis
    array = np.ascontiguousarray(array)
    element = ELEMENTS[str(array.dtype)]
    first = array.ravel()[0]
    if array.tobytes() == first.tobytes() * array.size:
        literal = float_text(float(first)) if element == "f32" else str(int(first))
    else:
        literal = f'"0x{array.tobytes().hex().upper()}"'
    return f"dense<{literal}> : {tensor_type(shape, element)}"


def _around(kept: Sequence[int], rank: int) -> list[list[int]]:
    """Groups of neighbouring axes, one for each kept axis; leading others join the first group."""
    starts = [0, *kept[1:], rank] if kept else []
    return [list(range(a, b)) for a, b in pairwise(starts)]


class Writer:
    """MLIR text in the making: one function, with its regions.

    Attributes:
        lines: what has been written.
        location: the location that every op written from now on gets, as MLIR text.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.location = "loc(unknown)"
        self._count = 0

    def fresh(self) -> str:
        """A new SSA name."""
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        """Write one line as it is."""
        self.lines.append(text)

    def tensor(self, text: str, shape: Sequence[int], element: str) -> Tensor:
        """Write an op that gives a tensor."""
        name = self.fresh()
        self.line(f"{name} = {text} {self.location}")
        return Tensor(name, tuple(shape), element)

    @contextmanager
    def block(self, opening: str, closing: str = "}") -> Iterator[None]:
        """Write a region: the op up to its brace, then what the ``with`` body writes."""
        self.line(opening)
        yield
        self.line(f"{closing} {self.location}")

    # Tensors.

    def constant(self, array: Array) -> Tensor:
        """A constant tensor."""
        text = f"arith.constant {dense(array)}"
        return self.tensor(text, array.shape, ELEMENTS[str(array.dtype)])

    def empty(self, shape: Sequence[int], element: str) -> Tensor:
        """A tensor without contents, to be written into."""
        return self.tensor(f"tensor.empty() : {tensor_type(shape, element)}", shape, element)

    def filled(self, shape: Sequence[int], element: str, value: float) -> Tensor:
        """A tensor with the same value everywhere, as the start of a reduction."""
        scalar, out = self.number(value, element), self.empty(shape, element)
        operands = f"ins({scalar.name} : {element}) outs({out.name} : {out.type})"
        return self.tensor(
            f"linalg.fill {operands} -> {out.type}",
            shape,
            element,
        )

    def pad(self, x: Tensor, low: Sequence[int], high: Sequence[int], value: float) -> Tensor:
        """Constant padding; gives ``x`` back when there is nothing to pad."""
        if not any((*low, *high)):
            return x
        shape = [a + n + b for a, n, b in zip(low, x.shape, high, strict=True)]
        scalar = self.number(value, x.element)
        name = self.fresh()
        indices = ", ".join(f"%p{i}: index" for i in range(len(shape)))
        with self.block(
            f"{name} = tensor.pad {x.name} low{list(low)} high{list(high)} {{",
            f"}} : {x.type} to {tensor_type(shape, x.element)}",
        ):
            self.line(f"^bb0({indices}):")
            self.line(f"tensor.yield {scalar.name} : {x.element}")
        return Tensor(name, tuple(shape), x.element)

    def collapse(self, x: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
        """Join neighbouring axes: result axis i is the product of the axes ``groups[i]``."""
        shape = [int(np.prod([x.shape[axis] for axis in group])) for group in groups]
        return self._reshape("collapse_shape", x, groups, shape, "")

    def expand(self, x: Tensor, groups: Sequence[Sequence[int]], shape: Sequence[int]) -> Tensor:
        """Split axes: axis i of ``x`` becomes the axes ``groups[i]`` of the result."""
        return self._reshape("expand_shape", x, groups, shape, f"output_shape {list(shape)} ")

    def drop_axes(self, x: Tensor, kept: Sequence[int]) -> Tensor:
        """Drop all axes but ``kept``; those that are dropped have extent 1."""
        return self.collapse(x, _around(kept, len(x.shape)))

    def insert_axes(self, x: Tensor, kept: Sequence[int], shape: Sequence[int]) -> Tensor:
        """The inverse of ``drop_axes``: axes of extent 1 everywhere but at ``kept``."""
        return self.expand(x, _around(kept, len(shape)), shape)

    def _reshape(
        self, op: str, x: Tensor, groups: Sequence[Sequence[int]], shape: Sequence[int], extra: str
    ) -> Tensor:
        if tuple(shape) == x.shape:
            return x
        axes = [list(group) for group in groups]
        result = tensor_type(shape, x.element)
        text = f"tensor.{op} {x.name} {axes} {extra}: {x.type} into {result}"
        return self.tensor(text, shape, x.element)

    def slice(
        self, x: Tensor, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]
    ) -> Tensor:
        """Every ``stride``-th element of each axis, from ``offset`` on."""
        result = tensor_type(sizes, x.element)
        where = f"{list(offsets)} {list(sizes)} {list(strides)}"
        text = f"tensor.extract_slice {x.name}{where} : {x.type} to {result}"
        return self.tensor(text, sizes, x.element)

    def insert(self, x: Tensor, into: Tensor, offsets: Sequence[int]) -> Tensor:
        """``into`` with ``x`` at an offset."""
        where = f"{list(offsets)} {list(x.shape)} {[1] * len(x.shape)}"
        text = f"tensor.insert_slice {x.name} into {into.name}{where} : {x.type} into {into.type}"
        return self.tensor(text, into.shape, into.element)

    def named(
        self, op: str, inputs: Sequence[Tensor], out: Tensor, attributes: Sequence[str] = ()
    ) -> Tensor:
        """A named linalg op; empty attributes are left out."""
        inside = ", ".join(attribute for attribute in attributes if attribute)
        names = ", ".join(x.name for x in inputs)
        types = ", ".join(x.type for x in inputs)
        operands = f"ins({names} : {types}) outs({out.name} : {out.type})"
        return self.tensor(
            f"linalg.{op} {{{inside}}} {operands} -> {out.type}",
            out.shape,
            out.element,
        )

    def generic(
        self,
        inputs: Sequence[tuple[Tensor, str]],
        out: tuple[Tensor, str],
        body: Body,
        reductions: Sequence[int] = (),
    ) -> Tensor:
        """A ``linalg.generic``.

        Args:
            inputs: tensors with their affine maps.
            out: the init, with its map.
            body: writes the scalar computation.
            reductions: the loops that are reduced; the others are parallel.
        """
        maps = [text for _, text in (*inputs, out)]
        loops = maps[0].split("->")[0].count("d", len("affine_map"))
        kinds = ['"reduction"' if i in reductions else '"parallel"' for i in range(loops)]
        init = out[0]
        ins = ""
        if inputs:
            names = ", ".join(x.name for x, _ in inputs)
            ins = f"ins({names} : {', '.join(x.type for x, _ in inputs)}) "
        name = self.fresh()
        with self.block(
            f"{name} = linalg.generic {{indexing_maps = [{', '.join(maps)}], "
            f"iterator_types = [{', '.join(kinds)}]}} {ins}outs({init.name} : {init.type}) {{",
            f"}} -> {init.type}",
        ):
            elements = [Scalar(self.fresh(), x.element) for x, _ in (*inputs, out)]
            self.line(f"^bb0({', '.join(f'{e.name}: {e.type}' for e in elements)}):")
            result = body(self, elements)
            self.line(f"linalg.yield {result.name} : {result.type}")
        return Tensor(name, init.shape, init.element)

    def elementwise(
        self, inputs: Sequence[Tensor], shape: Sequence[int], element: str, body: Body
    ) -> Tensor:
        """A generic over all elements; an input has the result's shape or that of its last axes."""
        rank = len(shape)
        maps = [along(rank, *range(rank - len(x.shape), rank)) for x in inputs]
        out = (self.empty(shape, element), along(rank, *range(rank)))
        return self.generic(list(zip(inputs, maps, strict=True)), out, body)

    # Scalars.

    def number(self, value: float, type_: str) -> Scalar:
        """A scalar constant."""
        literal = float_text(value) if type_ == "f32" else str(int(value))
        return self.scalar(f"arith.constant {literal} : {type_}", type_)

    def scalar(self, text: str, type_: str) -> Scalar:
        """Write an op that gives a scalar."""
        name = self.fresh()
        self.line(f"{name} = {text}")
        return Scalar(name, type_)

    def arith(self, op: str, a: Scalar, b: Scalar | float) -> Scalar:
        """``arith.<op>`` of two values of one type; a number becomes a constant of that type."""
        right = b if isinstance(b, Scalar) else self.number(b, a.type)
        return self.scalar(f"arith.{op} {a.name}, {right.name} : {a.type}", a.type)

    def cast(self, op: str, a: Scalar, type_: str) -> Scalar:
        """``arith.<op>`` to another type; nothing when it has that type already."""
        if a.type == type_:
            return a
        return self.scalar(f"arith.{op} {a.name} : {a.type} to {type_}", type_)

    def math(self, op: str, a: Scalar) -> Scalar:
        """``math.<op>`` of one value."""
        return self.scalar(f"math.{op} {a.name} : {a.type}", a.type)

    def compare(self, predicate: str, a: Scalar, b: Scalar | float) -> Scalar:
        """``arith.cmpi`` or ``arith.cmpf`` by the type of ``a``."""
        right = b if isinstance(b, Scalar) else self.number(b, a.type)
        op = "cmpf" if a.type == "f32" else "cmpi"
        return self.scalar(f"arith.{op} {predicate}, {a.name}, {right.name} : {a.type}", "i1")

    def select(self, condition: Scalar, a: Scalar, b: Scalar) -> Scalar:
        """``a`` where the condition holds, else ``b``."""
        names = f"{condition.name}, {a.name}, {b.name}"
        return self.scalar(f"arith.select {names} : {a.type}", a.type)

    def extract(self, x: Tensor, *indices: Scalar) -> Scalar:
        """An element of a tensor, by one index for each axis."""
        where = ", ".join(index.name for index in indices)
        return self.scalar(f"tensor.extract {x.name}[{where}] : {x.type}", x.element)

    # Indices and control flow.

    def loop_index(self, loop: int) -> Scalar:
        """The index of a loop of the generic that is being written."""
        return self.scalar(f"linalg.index {loop} : index", "index")

    def affine(self, expression: str, *operands: Scalar) -> Scalar:
        """An affine expression of indices ``d0, d1, ...``."""
        names = ", ".join(operand.name for operand in operands)
        text = f"affine.apply {affine(len(operands), expression)}({names})"
        return self.scalar(text, "index")

    def extreme(self, which: str, a: str, b: str, operand: Scalar) -> Scalar:
        """The ``min`` or ``max`` of two affine expressions of the index ``d0``."""
        return self.scalar(f"affine.{which} {affine(1, a, b)}({operand.name})", "index")

    def both(self, a: Scalar | None, b: Scalar | None) -> Scalar:
        """The conjunction of two conditions, of which one may be missing (and so holds)."""
        if a is None or b is None:
            present = a or b
            return present if present is not None else self.number(1, "i1")
        return self.arith("andi", a, b)

    def branch(
        self, condition: Scalar, then: Callable[[], Scalar], other: Callable[[], Scalar], type_: str
    ) -> Scalar:
        """``scf.if`` with a value."""
        name = self.fresh()
        self.line(f"{name} = scf.if {condition.name} -> ({type_}) {{")
        self.line(f"scf.yield {then().name} : {type_}")
        self.line("} else {")
        self.line(f"scf.yield {other().name} : {type_}")
        self.line("}")
        return Scalar(name, type_)

    def loop(
        self, low: Scalar, end: Scalar, start: Scalar, body: Callable[[Scalar, Scalar], Scalar]
    ) -> Scalar:
        """``scf.for`` over [low, end) with a running value; ``body`` gets index and value."""
        name, step = self.fresh(), self.number(1, "index")
        index, value = Scalar(self.fresh(), "index"), Scalar(self.fresh(), start.type)
        self.line(
            f"{name} = scf.for {index.name} = {low.name} to {end.name} step {step.name} "
            f"iter_args({value.name} = {start.name}) -> ({start.type}) {{"
        )
        self.line(f"scf.yield {body(index, value).name} : {start.type}")
        self.line("}")
        return Scalar(name, start.type)

    # Scalars, compounds.

    def clamp_float(self, x: Scalar, low: float, high: float) -> Scalar:
        """Clamp to bounds that may be infinite; NaN stays NaN.

        By comparison: fminf and fmaxf are calls on cores whose FPU lacks them.
        """
        for predicate, bound in (("olt", low), ("ogt", high)):
            if np.isfinite(bound):
                limit = self.number(bound, "f32")
                x = self.select(self.compare(predicate, x, limit), limit, x)
        return x

    def clamp_integer(self, x: Scalar, low: int, high: int) -> Scalar:
        """Clamp to integer bounds."""
        return self.arith("minsi", self.arith("maxsi", x, low), high)

    def widen(self, x: Scalar, zero_point: int = 0, type_: str = "i32") -> Scalar:
        """An integer without its zero point, as a wider one."""
        wide = self.cast("extsi", x, type_)
        return self.arith("subi", wide, zero_point) if zero_point else wide
