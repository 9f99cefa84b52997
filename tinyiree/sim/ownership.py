"""Runs a firmware and checks that every read of the arena finds the tensor that it is meant for.

For every byte of the arena it is known which tensor wrote it last. A step that reads a byte as part
of a tensor which does not own it any more, or never wrote it, is found, whatever the values are.
"""

import ctypes
import functools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from unicorn import unicorn_const as uc_const
from unicorn.unicorn_py3.unicorn import uclib

from tinyiree.errors import TinyireeError
from tinyiree.sim.elf import Image
from tinyiree.sim.model import Machine
from tinyiree.sim.native import library
from tinyiree.sim.semihosting import Host
from tinyiree.sim.unicorn_core import Core

Role = Literal["read", "written", "scratch"]
_ROLES: dict[Role, int] = {"read": 0, "written": 1, "scratch": 2}
_KINDS = ("reads", "writes")


@dataclass(frozen=True)
class TensorSpan:
    """Bytes ``[start, end)`` of the arena that a step uses as part of tensor number `tensor`.

    It may also read the `spare` bytes behind them, whoever wrote those.
    """

    tensor: int
    start: int
    end: int
    role: Role
    spare: int = 0


@dataclass(frozen=True)
class OwnedStep:
    """A step of the program.

    Attributes:
        name: for messages.
        entry: address of its function; 0 for what the runtime does itself (copies and fills).
        calls: of the function.
        spans: its memory.
        compiled: by IREE: it may read what it wrote itself, and the rest of the last 8 bytes of a
            tensor.
    """

    name: str
    entry: int
    calls: int
    spans: tuple[TensorSpan, ...]
    compiled: bool


@dataclass(frozen=True)
class Ownership:
    """What a program does in its arena.

    Attributes:
        arena: address.
        arena_bytes: size.
        invoke, invoke_bytes: address and size of the runtime's function.
        steps: in order.
        kept: what is somebody's when an inference begins: inputs and state.
        results: what must be its tensor's when it ends: outputs and state.
        rereaders: addresses ``[start, end)`` of code that may read what its step wrote, such as
            a clamp behind a kernel.
        runtimes: addresses ``[start, end)`` of more code of the runtime that calls steps.
    """

    arena: int
    arena_bytes: int
    invoke: int
    invoke_bytes: int
    steps: tuple[OwnedStep, ...]
    kept: tuple[TensorSpan, ...]
    results: tuple[TensorSpan, ...]
    rereaders: tuple[tuple[int, int], ...] = ()
    runtimes: tuple[tuple[int, int], ...] = ()


class _Span(ctypes.Structure):
    _fields_ = [
        ("start", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
        ("tensor", ctypes.c_uint16),
        ("role", ctypes.c_uint8),
        ("spare", ctypes.c_uint8),
    ]


class _Step(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("entry", "calls", "first_span", "span_count", "compiled")
    ]


class _Range(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint32), ("end", ctypes.c_uint32)]


class _Violation(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("kind", "step", "offset", "owner", "pc")]


class _Plan(ctypes.Structure):
    _fields_ = [
        ("arena", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("invoke", ctypes.c_uint32),
        ("invoke_end", ctypes.c_uint32),
        ("steps", ctypes.POINTER(_Step)),
        ("step_count", ctypes.c_uint32),
        ("spans", ctypes.POINTER(_Span)),
        ("kept", ctypes.POINTER(_Span)),
        ("kept_count", ctypes.c_uint32),
        ("rereaders", ctypes.POINTER(_Range)),
        ("rereader_count", ctypes.c_uint32),
        ("runtimes", ctypes.POINTER(_Range)),
        ("runtime_count", ctypes.c_uint32),
    ]


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(library("ownership.c")))
    pointer = ctypes.c_void_p
    loaded.tinyiree_ownership_new.restype = pointer
    loaded.tinyiree_ownership_new.argtypes = [ctypes.POINTER(_Plan)]
    loaded.tinyiree_ownership_free.argtypes = [pointer]
    loaded.tinyiree_ownership_violations.argtypes = [
        pointer, ctypes.POINTER(ctypes.POINTER(_Violation)),
    ]  # fmt: skip
    loaded.tinyiree_ownership_steps_done.argtypes = [pointer]
    loaded.tinyiree_ownership_owners.argtypes = [pointer]
    loaded.tinyiree_ownership_owners.restype = ctypes.POINTER(ctypes.c_uint16)
    return loaded


def _span(span: TensorSpan) -> _Span:
    return _Span(span.start, span.end, span.tensor + 1, _ROLES[span.role], span.spare)


def _plan(ownership: Ownership) -> _Plan:
    spans = [_span(span) for step in ownership.steps for span in step.spans]
    steps, first = [], 0
    for step in ownership.steps:
        count = len(step.spans)
        steps.append(_Step(step.entry & ~1, step.calls, first, count, step.compiled))
        first += count
    kept = [_span(span) for span in ownership.kept]
    ranges = [_Range(start & ~1, end) for start, end in ownership.rereaders]
    runtimes = [_Range(start & ~1, end) for start, end in ownership.runtimes]
    invoke = ownership.invoke & ~1
    return _Plan(
        ownership.arena, ownership.arena_bytes, invoke, invoke + ownership.invoke_bytes,
        (_Step * len(steps))(*steps), len(steps), (_Span * len(spans))(*spans),
        (_Span * len(kept))(*kept), len(kept), (_Range * len(ranges))(*ranges), len(ranges),
        (_Range * len(runtimes))(*runtimes), len(runtimes),
    )  # fmt: skip


def _address_of(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


def check_ownership(
    image: Image, machine: Machine, ownership: Ownership, stdin: bytes
) -> tuple[str, ...]:
    """Run a firmware on Unicorn with `stdin` as the file ``tinyiree.in``.

    Returns:
        What was wrong, at most 16 messages; empty when nothing was.

    Raises:
        TinyireeError: the firmware stops before its end, or does not run all steps.
    """
    core = Core(image, machine)
    host, lib, plan = Host(core, stdin), _library(), _plan(ownership)
    tracker = lib.tinyiree_ownership_new(ctypes.byref(plan))
    if not tracker:
        raise TinyireeError("simulator: expected memory for the owners of the arena's bytes, "
                            "found none left; close other programs")  # fmt: skip
    with ExitStack() as stack:
        stack.callback(lib.tinyiree_ownership_free, tracker)
        last = ownership.arena + max(ownership.arena_bytes, 1) - 1
        for kind, name, begin, end in (
            (uc_const.UC_HOOK_BLOCK, "block", 1, 0),
            (uc_const.UC_HOOK_MEM_READ, "read", ownership.arena, last),
            (uc_const.UC_HOOK_MEM_WRITE, "write", ownership.arena, last),
        ):
            function = _address_of(getattr(lib, f"tinyiree_ownership_on_{name}"))
            handle = ctypes.c_size_t()
            begins, ends = ctypes.c_uint64(begin), ctypes.c_uint64(end)
            uclib.uc_hook_add(
                core.uc._uch, ctypes.byref(handle), kind, function, tracker, begins, ends
            )
        pc = core.entry
        while host.exit_code is None:
            problem = core.start(pc)
            pc = core.register(core.cpu.pc)
            trap = core.at_semihosting_call(pc)
            if not trap:
                raise TinyireeError(f"{image.place(pc)}: the core stopped: {problem}")
            result = host.call(core.register(core.cpu.operation), core.register(core.cpu.argument))
            core.uc.reg_write(core.cpu.operation, result & 0xFFFF_FFFF)
            pc += trap
        return _findings(image, ownership, lib, tracker)


def _findings(
    image: Image, ownership: Ownership, lib: ctypes.CDLL, tracker: int
) -> tuple[str, ...]:
    found = ctypes.POINTER(_Violation)()
    count = lib.tinyiree_ownership_violations(tracker, ctypes.byref(found))
    messages = [_message(image, ownership.steps, found[i]) for i in range(count)]
    done = lib.tinyiree_ownership_steps_done(tracker)
    runtime = [number for number, step in enumerate(ownership.steps) if step.entry]
    if runtime and done <= runtime[-1] and not messages:
        raise TinyireeError(
            f"{image.path.name}: expected {len(ownership.steps)} steps, found that step {done} "
            "never ended; the steps are not those of this firmware"
        )
    owners = lib.tinyiree_ownership_owners(tracker)
    for span in ownership.results:
        lost = [at for at in range(span.start, span.end) if owners[at] != span.tensor + 1]
        if lost:
            messages.append(
                f"at the end byte {lost[0]} of the arena belongs to {_owner(owners[lost[0]])}, "
                f"not to the result, tensor {span.tensor}"
            )
    return tuple(messages)


def _message(image: Image, steps: Sequence[OwnedStep], found: _Violation) -> str:
    name = steps[found.step].name if found.step < len(steps) else "after the last"
    return (
        f"step {found.step} ({name}) {_KINDS[found.kind]} byte {found.offset} of the arena, which "
        f"belongs to {_owner(found.owner)}, in {image.place(found.pc)}"
    )


def _owner(number: int) -> str:
    return f"tensor {number - 1}" if number else "nobody"
