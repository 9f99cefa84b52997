"""The binding of tracer.c: instruction counts from Unicorn's hooks."""

import ctypes
import functools
from typing import Any

from unicorn import unicorn_const as uc_const
from unicorn.unicorn_py3.unicorn import Uc, uclib

from tinyiree.errors import TinyireeError
from tinyiree.sim.model import RUNTIME, BlockCount, Inference, Isa, Probe
from tinyiree.sim.native import library

STATUS_LIMIT = 1
STATUS_CALL_DEPTH = 2
STATUS_OUT_OF_MEMORY = 3

_CALLERS_SHOWN = 16


class _Inference(ctypes.Structure):
    _fields_ = [
        ("instructions", ctypes.c_uint64),
        ("runtime_instructions", ctypes.c_uint64),
        ("first_layer", ctypes.c_uint64),
        ("layer_count", ctypes.c_uint64),
    ]


class _BlockCount(ctypes.Structure):
    _fields_ = [
        ("call", ctypes.c_uint32),
        ("address", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
        ("executions", ctypes.c_uint64),
        ("taken", ctypes.c_uint64),
    ]


class Summary(ctypes.Structure):
    """`tracer_summary_t` of tracer.c: a view of the tracer's state, valid until it runs on."""

    _fields_ = [
        ("harness_instructions", ctypes.c_uint64),
        ("inference_count", ctypes.c_uint64),
        ("inferences", ctypes.POINTER(_Inference)),
        ("layers", ctypes.POINTER(ctypes.c_uint64)),
        ("stack", ctypes.POINTER(ctypes.c_uint32)),
        ("profile", ctypes.POINTER(_BlockCount)),
        ("profile_count", ctypes.c_uint64),
        ("depth", ctypes.c_uint32),
        ("pc", ctypes.c_uint32),
        ("status", ctypes.c_uint32),
        ("interrupt", ctypes.c_uint32),
        ("access", ctypes.c_uint32),
        ("access_address", ctypes.c_uint32),
        ("access_size", ctypes.c_uint32),
    ]


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(library("tracer.c")))
    u32, u64, pointer = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p
    loaded.tinyiree_tracer_new.restype = pointer
    loaded.tinyiree_tracer_new.argtypes = [
        ctypes.c_int, u32, u32, ctypes.POINTER(u32), ctypes.c_size_t, u64, pointer, pointer,
    ]  # fmt: skip
    loaded.tinyiree_tracer_summary.restype = ctypes.POINTER(Summary)
    for name in ("summary", "free", "resume", "finish"):
        getattr(loaded, f"tinyiree_tracer_{name}").argtypes = [pointer]
    return loaded


def _address_of(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


class Tracer:
    """Counts what `uc` executes. Close it after the last `emu_start` and before using `uc` again.

    `limit` is the number of instructions allowed in one inference, and in the harness between two.
    """

    def __init__(self, uc: Uc, isa: Isa, entry: int, probe: Probe, limit: int) -> None:
        self._uc = uc
        self._lib = _library()
        mask = ~1 if isa == "arm" else ~0
        steps = (ctypes.c_uint32 * len(probe.steps))(*(step & mask for step in probe.steps))
        self._tracer = self._lib.tinyiree_tracer_new(
            int(isa == "riscv"), entry, probe.invoke & mask, steps, len(probe.steps), limit,
            _address_of(uclib.uc_mem_read), _address_of(uclib.uc_emu_stop),
        )  # fmt: skip
        if not self._tracer:
            raise TinyireeError("simulator: expected memory for the tracer, found none left; "
                                "close other programs")  # fmt: skip
        self._hook(uc_const.UC_HOOK_BLOCK, self._lib.tinyiree_tracer_on_block)
        self._hook(uc_const.UC_HOOK_INTR, self._lib.tinyiree_tracer_on_interrupt)
        self._hook(uc_const.UC_HOOK_MEM_INVALID, self._lib.tinyiree_tracer_on_bad_access)

    def _hook(self, kind: int, callback: Any) -> None:
        """Registers a C callback. Unicorn's Python binding would wrap a Python function."""
        handle = ctypes.c_size_t()
        # Everywhere: Unicorn takes a range whose begin is above its end for all addresses.
        status = uclib.uc_hook_add(
            self._uc._uch, ctypes.byref(handle), kind, _address_of(callback), self._tracer, 1, 0
        )
        if status:
            raise TinyireeError(
                f"simulator: expected Unicorn to take hook {kind}, found error {status}; "
                "check the installed unicorn package (2.1 is supported)"
            )

    @property
    def summary(self) -> Summary:
        """The current state."""
        contents: Summary = self._lib.tinyiree_tracer_summary(self._tracer).contents
        return contents

    def resume(self) -> None:
        """Forgets the exception that stopped the run, before it goes on."""
        self._lib.tinyiree_tracer_resume(self._tracer)

    def callers(self) -> tuple[int, ...]:
        """Return addresses on the call stack, innermost first, at most 16."""
        state = self.summary
        lowest = max(0, state.depth - _CALLERS_SHOWN)
        return tuple(state.stack[i] for i in range(state.depth - 1, lowest - 1, -1))

    def finish(self) -> tuple[tuple[Inference, ...], int]:
        """The complete inferences, and the instructions outside of them."""
        self._lib.tinyiree_tracer_finish(self._tracer)
        state = self.summary
        found = []
        for i in range(state.inference_count):
            one = state.inferences[i]
            layers = state.layers[one.first_layer : one.first_layer + one.layer_count]
            found.append(Inference(one.instructions, one.runtime_instructions, tuple(layers)))
        return tuple(found), state.harness_instructions

    def profile(self) -> tuple[BlockCount, ...]:
        """The basic blocks of the first inference."""
        state = self.summary
        return tuple(
            BlockCount(
                None if b.call == RUNTIME else b.call, b.address, b.end, b.executions, b.taken
            )
            for b in state.profile[: state.profile_count]
        )

    def close(self) -> None:
        """Frees the counts."""
        self._lib.tinyiree_tracer_free(self._tracer)
        self._tracer = None
