"""The structs of ``targets/kernels/tinyiree_kernels.h``: as bytes and as C source.

The layout is the natural one of the C ABIs in question (AAPCS32, RISC-V psABI, x86-64 System V):
members in order, each aligned to its size. `tests/kernels` compares it with the compilers'.
"""

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from tinyiree.errors import TinyireeError
from tinyiree.kernels.kernel import Field, Packed

POINTER = "P"
_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}
_WINDOW = "tinyiree_window_t"
_OUTPUT = "tinyiree_output_t"
_MULH = "tinyiree_mulh_t"

STRUCTS: Mapping[str, Mapping[str, str]] = {
    _WINDOW: {
        "in_height": "u16",
        "in_width": "u16",
        "in_channels": "u16",
        "out_width": "u16",
        "kernel_height": "u8",
        "kernel_width": "u8",
        "stride_height": "u8",
        "stride_width": "u8",
        "dilation_height": "u8",
        "dilation_width": "u8",
        "pad_top": "u8",
        "pad_left": "u8",
    },
    _OUTPUT: {
        "zero_point": "i8",
        "clamp_min": "i8",
        "clamp_max": "i8",
        "double_rounding": "u8",
    },
    "tinyiree_conv2d_t": {
        "weights": POINTER,
        "channels": POINTER,
        "window": _WINDOW,
        "output": _OUTPUT,
        "out_channels": "u16",
        "groups": "u16",
        "input_zero_point": "i16",
    },
    "tinyiree_fully_connected_t": {
        "weights": POINTER,
        "channels": POINTER,
        "inputs": "u16",
        "outputs": "u16",
        "input_zero_point": "i16",
        "output": _OUTPUT,
    },
    "tinyiree_add_t": {
        "a_multiplier": "i32",
        "b_multiplier": "i32",
        "offset": "i32",
        "row_elements": "u32",
        "shift": "u8",
        "output": _OUTPUT,
    },
    "tinyiree_tflite_add_t": {
        "a_multiplier": "i32",
        "b_multiplier": "i32",
        "multiplier": "i32",
        "row_elements": "u32",
        "a_zero_point": "i16",
        "b_zero_point": "i16",
        "a_shift": "u8",
        "b_shift": "u8",
        "shift": "u8",
        "left_shift": "u8",
        "b_sign": "i8",
        "output": _OUTPUT,
    },
    "tinyiree_avg_pool2d_t": {
        "positions": POINTER,
        "window": _WINDOW,
        "output": _OUTPUT,
        "one_position": "u8",
    },
    "tinyiree_max_pool2d_t": {"window": _WINDOW},
    "tinyiree_channels_last_t": {"height": "u16", "width": "u16", "channels": "u16"},
    _MULH: {"shift": "u8", "add": "i8", "add_if_negative": "i8"},
    "tinyiree_mulh_conv2d_t": {
        "weights": POINTER,
        "channels": POINTER,
        "window": _WINDOW,
        "output": _OUTPUT,
        "rescale": _MULH,
        "out_channels": "u16",
        "input_zero_point": "i16",
        "odd_weights": "u32",
    },
    "tinyiree_mulh_fully_connected_t": {
        "weights": POINTER,
        "channels": POINTER,
        "inputs": "u16",
        "outputs": "u16",
        "output": _OUTPUT,
        "rescale": _MULH,
    },
    "tinyiree_mulh_avg_pool2d_t": {
        "positions": POINTER,
        "window": _WINDOW,
        "output": _OUTPUT,
        "rescale": _MULH,
        "one_position": "u8",
    },
}


def fits(kind: str, value: int) -> bool:
    """True when a member of this kind can hold the value."""
    bits, signed = int(kind[1:]), kind[0] == "i"
    low = -(1 << (bits - 1)) if signed else 0
    return low <= value < low + (1 << bits)


def too_large(name: str, fields: Mapping[str, Field]) -> str | None:
    """Which number does not fit its member, as a reason to refuse an op; None when all do."""
    for member, kind in STRUCTS[name].items():
        value = fields.get(member, 0)
        if isinstance(value, Mapping):
            problem = too_large(kind, value)
            if problem is not None:
                return problem
        elif isinstance(value, int) and kind != POINTER and not fits(kind, value):
            return f"{member.replace('_', ' ')} {value} does not fit {kind}"
    return None


def emit(packed: Packed, name: str, section: str | None = None) -> str:
    """C source of the arrays and of `static const <struct> <name>`.

    `section` is where the arrays go, such as ``.rodata.tinyiree_weights``.
    """
    place = f'__attribute__((aligned(4), section("{section}")))' if section else ""
    place = place or "__attribute__((aligned(4)))"
    lines = []
    for array_name, array in packed.arrays.items():
        words = np.frombuffer(array.tobytes() + bytes(-array.nbytes % 4), "<i4")
        lines.append(f"static const int32_t {name}_{array_name}[] {place} = {{")
        lines.extend(
            "    " + ", ".join(_literal(int(word)) for word in words[i : i + 12]) + ","
            for i in range(0, len(words), 12)
        )
        lines.append("};")
    members = ",\n".join(f"    {text}" for text in _members(packed.struct, packed.fields, name))
    lines.append(f"static const {packed.struct} {name} = {{\n{members}\n}};")
    return "\n".join(lines) + "\n"


def _literal(word: int) -> str:
    # -2147483648 is an expression of a wider type in C.
    return "-2147483647 - 1" if word == -(2**31) else str(word)


def _members(name: str, fields: Mapping[str, Field], prefix: str) -> Iterator[str]:
    for member, kind in STRUCTS[name].items():
        value = fields[member]
        if isinstance(value, Mapping):
            inner = ", ".join(_members(kind, value, prefix))
            yield f".{member} = {{{inner}}}"
        elif isinstance(value, str):
            pointer = "(const void *)" if member == "positions" else ""
            yield f".{member} = {pointer}{prefix}_{value}"
        else:
            yield f".{member} = {_literal(value)}"


def serialize(packed: Packed, pointer_bytes: int = 4) -> tuple[bytes, tuple[int, ...]]:
    """The struct and then its arrays as one blob, 8-byte aligned.

    Pointers are offsets from the start of the blob.

    Returns:
        The blob, and the offsets in it of the pointers, to which the blob's address is to be added.

    Raises:
        TinyireeError: a number does not fit its member.
    """
    problem = too_large(packed.struct, packed.fields)
    if problem is not None:
        raise TinyireeError(
            f"{packed.struct}: expected numbers that fit its members, found {problem}; "
            "ask the kernel's `accepts` first"
        )
    size, _ = layout(packed.struct, pointer_bytes)
    offsets, tail = {}, b""
    start = (size + 7) // 8 * 8
    for array_name, array in packed.arrays.items():
        offsets[array_name] = start + len(tail)
        tail += array.tobytes() + bytes(-array.nbytes % 8)
    head = bytearray(start)
    relocations: list[int] = []
    _write(head, 0, packed.struct, packed.fields, offsets, pointer_bytes, relocations)
    return bytes(head) + tail, tuple(relocations)


def layout(name: str, pointer_bytes: int) -> tuple[int, int]:
    """Size and alignment in bytes of a member kind or struct."""
    if name == POINTER:
        return pointer_bytes, pointer_bytes
    if name in _CODES:
        return int(name[1:]) // 8, int(name[1:]) // 8
    end, widest = 0, 1
    for kind in STRUCTS[name].values():
        size, alignment = layout(kind, pointer_bytes)
        end = (end + alignment - 1) // alignment * alignment + size
        widest = max(widest, alignment)
    return (end + widest - 1) // widest * widest, widest


def _write(
    head: bytearray,
    at: int,
    name: str,
    fields: Mapping[str, Field],
    offsets: Mapping[str, int],
    pointer_bytes: int,
    relocations: list[int],
) -> None:
    for member, kind in STRUCTS[name].items():
        size, alignment = layout(kind, pointer_bytes)
        at = (at + alignment - 1) // alignment * alignment
        value = fields[member]
        if isinstance(value, Mapping):
            _write(head, at, kind, value, offsets, pointer_bytes, relocations)
        elif isinstance(value, str):
            head[at : at + size] = offsets[value].to_bytes(size, "little")
            relocations.append(at)
        else:
            struct.pack_into("<" + _CODES[kind], head, at, value)
        at += size
