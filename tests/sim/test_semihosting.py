"""The semihosting calls, by the letter of Arm's specification, without a core."""

import struct

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.sim.semihosting import Host

OPEN, CLOSE, WRITEC, WRITE0, WRITE, READ, ISTTY, SEEK, FLEN, ERRNO, EXIT, EXIT_EXTENDED = (
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0A, 0x0C, 0x13, 0x18, 0x20,
)  # fmt: skip
FAILED = -1
R, RB, WB, AB = 0, 1, 5, 9


class Ram:
    """64 bytes for argument blocks at 0, and for data from 64 on."""

    def __init__(self) -> None:
        self.bytes = bytearray(4096)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        self.bytes[address : address + len(data)] = data


class Program:
    """The simulated program's side."""

    def __init__(self, data: bytes = b"") -> None:
        self.ram = Ram()
        self.host = Host(self.ram, data)

    def call(self, operation: int, *words: int) -> int:
        self.ram.write(0, struct.pack(f"<{len(words)}I", *words))
        return self.host.call(operation, 0)

    def open(self, name: bytes, mode: int) -> int:
        self.ram.write(64, name)
        return self.call(OPEN, 64, mode, len(name))


def test_read_returns_the_bytes_it_could_not_read() -> None:
    program = Program(b"abcdef")
    handle = program.open(b"tinyiree.in", RB)
    assert handle > 0
    assert program.call(FLEN, handle) == 6
    assert program.call(READ, handle, 100, 4) == 0
    assert program.ram.read(100, 4) == b"abcd"
    assert program.call(READ, handle, 200, 4) == 2
    assert program.ram.read(200, 4) == b"ef\0\0"
    assert program.call(READ, handle, 200, 4) == 4
    assert program.call(SEEK, handle, 1) == 0
    assert program.call(READ, handle, 300, 2) == 0
    assert program.ram.read(300, 2) == b"bc"
    assert program.call(CLOSE, handle) == 0
    assert program.call(READ, handle, 300, 2) == 2
    assert program.call(CLOSE, handle) == FAILED


def test_write_appends_seeks_and_truncates() -> None:
    program = Program()
    handle = program.open(b"tinyiree.out", WB)
    program.ram.write(100, b"12345678")
    assert program.call(WRITE, handle, 100, 8) == 0
    assert program.call(SEEK, handle, 2) == 0
    assert program.call(WRITE, handle, 100, 1) == 0
    assert bytes(program.host.output) == b"12145678"
    again = program.open(b"tinyiree.out", AB)
    assert program.call(WRITE, again, 100, 1) == 0
    assert bytes(program.host.output) == b"121456781"
    program.open(b"tinyiree.out", WB)
    assert bytes(program.host.output) == b""


def test_other_files_and_wrong_directions_are_refused() -> None:
    program = Program(b"in")
    assert program.open(b"/etc/passwd", R) == FAILED
    assert program.call(ERRNO) == 2
    assert program.open(b"tinyiree.in", WB) == FAILED
    assert program.open(b"tinyiree.out", RB) == FAILED
    assert program.open(b"tinyiree.in", 12) == FAILED
    source = program.open(b"tinyiree.in", RB)
    assert program.call(WRITE, source, 100, 3) == 3
    target = program.open(b"tinyiree.out", WB)
    assert program.call(READ, target, 100, 3) == 3


def test_console() -> None:
    program = Program()
    program.ram.write(500, b"one\0")
    assert program.host.call(WRITE0, 500) == 0
    assert program.host.call(WRITEC, 502) == 0
    console = program.open(b":tt", 4)
    assert program.call(WRITE, console, 500, 3) == 0
    assert bytes(program.host.console) == b"oneeone"
    assert program.call(ISTTY, console) == 1
    assert program.call(ISTTY, program.open(b"tinyiree.in", RB)) == 0


@pytest.mark.parametrize(
    ("operation", "words", "code"),
    [(EXIT_EXTENDED, (0x20026, 7), 7), (EXIT_EXTENDED, (0x20023, 0), 1)],
)
def test_exit_extended(operation: int, words: tuple[int, int], code: int) -> None:
    program = Program()
    assert program.host.exit_code is None
    program.call(operation, *words)
    assert program.host.exit_code == code


@pytest.mark.parametrize(("reason", "code"), [(0x20026, 0), (0x20023, 1)])
def test_exit(reason: int, code: int) -> None:
    program = Program()
    program.host.call(EXIT, reason)
    assert program.host.exit_code == code


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(TinyireeError, match=r"semihosting: .*0x18, 0x20, found 0x30"):
        Program().host.call(0x30, 0)
