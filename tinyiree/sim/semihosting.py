"""Arm semihosting, served from memory (RISC-V has taken over the same calls).

Operation numbers, argument blocks and results: "Semihosting for AArch32 and AArch64" (Arm
IHI 0115), 5 and 6. A program may open `tinyiree.in` to read, `tinyiree.out` to write, and `:tt`,
the console.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tinyiree.errors import TinyireeError

INPUT_NAME = "tinyiree.in"
OUTPUT_NAME = "tinyiree.out"
CONSOLE_NAME = ":tt"

_FAILED = -1
_ENOENT, _EBADF, _EINVAL = 2, 9, 22
_APPLICATION_EXIT = 0x20026


class Memory(Protocol):
    """The simulated core's memory. Both methods raise TinyireeError outside of it."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on."""

    def write(self, address: int, data: bytes) -> None:
        """Stores `data` from `address` on."""


@dataclass
class _File:
    name: str
    data: bytearray
    is_writable: bool
    position: int = 0


@dataclass
class Host:
    """The debugger's side of semihosting. `exit_code` is None until the program exits."""

    memory: Memory
    input: bytes
    output: bytearray = field(default_factory=bytearray)
    console: bytearray = field(default_factory=bytearray)
    exit_code: int | None = None
    _files: dict[int, _File] = field(default_factory=dict)
    _next_handle: int = 1
    _errno: int = 0

    def call(self, operation: int, argument: int) -> int:
        """Serves one call and returns the result, to be put into the result register as 32 bits.

        `argument` is the second register: for most operations the address of a block of words.
        Raises TinyireeError for an operation that is not served.
        """
        serve = self._operations().get(operation)
        if serve is None:
            raise TinyireeError(
                f"semihosting: expected one of the operations "
                f"{', '.join(hex(n) for n in sorted(self._operations()))}, found "
                f"{operation:#x} (argument {argument:#x}); the firmware must not use it"
            )
        return serve(argument)

    def _operations(self) -> dict[int, Callable[[int], int]]:
        return {
            0x01: self._open,
            0x02: self._close,
            0x03: self._write_character,
            0x04: self._write_string,
            0x05: self._write,
            0x06: self._read,
            0x09: self._is_console,
            0x0A: self._seek,
            0x0C: self._length,
            0x13: lambda _: self._errno,
            0x18: self._exit,
            0x20: self._exit_extended,
        }

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        block = self.memory.read(address, 4 * count)
        return tuple(int.from_bytes(block[i : i + 4], "little") for i in range(0, 4 * count, 4))

    def _fail(self, errno: int) -> int:
        self._errno = errno
        return _FAILED

    def _open(self, argument: int) -> int:
        address, mode, length = self._words(argument, 3)
        name = self.memory.read(address, length).decode("utf-8", "replace")
        writes = mode >= 4  # modes 0-3 are fopen's r, rb, r+, r+b; 4-7 w...; 8-11 a...
        if mode > 11:
            return self._fail(_EINVAL)
        if name == CONSOLE_NAME:
            opened = _File(name, self.console if writes else bytearray(), writes)
            opened.position = len(opened.data)
        elif name == INPUT_NAME and mode < 2:
            opened = _File(name, bytearray(self.input), is_writable=False)
        elif name == OUTPUT_NAME and writes:
            if mode < 8:
                self.output.clear()
            opened = _File(name, self.output, is_writable=True, position=len(self.output))
        else:
            return self._fail(_ENOENT)
        handle = self._next_handle
        self._next_handle += 1
        self._files[handle] = opened
        return handle

    def _close(self, argument: int) -> int:
        (handle,) = self._words(argument, 1)
        return 0 if self._files.pop(handle, None) else self._fail(_EBADF)

    def _write_character(self, argument: int) -> int:
        self.console += self.memory.read(argument, 1)
        return 0

    def _write_string(self, argument: int) -> int:
        while (byte := self.memory.read(argument, 1)) != b"\0":
            self.console += byte
            argument += 1
        return 0

    def _write(self, argument: int) -> int:
        """Returns the number of bytes that were not written."""
        handle, address, length = self._words(argument, 3)
        target = self._files.get(handle)
        if target is None or not target.is_writable:
            self._errno = _EBADF
            return length
        end = target.position + length
        if target.position > len(target.data):
            target.data.extend(bytes(target.position - len(target.data)))
        target.data[target.position : end] = self.memory.read(address, length)
        target.position = end
        return 0

    def _read(self, argument: int) -> int:
        """Returns the number of bytes that were not read: all of them at the end of the file."""
        handle, address, length = self._words(argument, 3)
        source = self._files.get(handle)
        if source is None or source.is_writable:
            self._errno = _EBADF
            return length
        data = bytes(source.data[source.position : source.position + length])
        self.memory.write(address, data)
        source.position += len(data)
        return length - len(data)

    def _is_console(self, argument: int) -> int:
        (handle,) = self._words(argument, 1)
        found = self._files.get(handle)
        return self._fail(_EBADF) if found is None else int(found.name == CONSOLE_NAME)

    def _seek(self, argument: int) -> int:
        handle, position = self._words(argument, 2)
        found = self._files.get(handle)
        if found is None:
            return self._fail(_EBADF)
        found.position = position
        return 0

    def _length(self, argument: int) -> int:
        (handle,) = self._words(argument, 1)
        found = self._files.get(handle)
        return self._fail(_EBADF) if found is None else len(found.data)

    def _exit(self, argument: int) -> int:
        """On 32-bit cores the argument is the reason itself; only one reason is success."""
        self.exit_code = 0 if argument == _APPLICATION_EXIT else 1
        return 0

    def _exit_extended(self, argument: int) -> int:
        reason, code = self._words(argument, 2)
        self.exit_code = code & 0xFF if reason == _APPLICATION_EXIT else 1
        return 0
