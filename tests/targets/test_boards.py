"""Every board and chip of the package can be read, and bad files are refused."""

from pathlib import Path

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.targets import Board, Memory, board_names, chip_names, load, load_board, load_chip
from tinyiree.targets.board import check_apart
from tinyiree.targets.board_reader import read_board, read_chip

CHIPS = Path(__file__).parents[2] / "targets" / "chips"


@pytest.mark.parametrize("name", board_names())
def test_every_board_runs_a_known_core(name: str) -> None:
    board = load_board(name)
    assert load(board.core).name == board.core
    assert board.flash_bytes >= 16 << 10
    assert board.ram_bytes >= 2 << 10
    assert board.source
    assert board.chip.source


def test_every_chip_is_on_a_board() -> None:
    assert {load_board(name).chip.name for name in board_names()} == set(chip_names())


def test_there_are_boards_of_every_core() -> None:
    cores = {load_board(name).core for name in board_names()}
    assert cores >= {"cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"}
    assert cores >= {"cortex-m55", "rv32imc", "rv32imac"}


def test_a_board_adds_memory_to_its_chip() -> None:
    board = load_board("raspberry-pi-pico")
    assert board.chip.flash == ()
    assert [memory.name for memory in board.flash] == ["qspi"]
    assert board.clock_hz == 125_000_000 < board.chip.clock_hz


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz = 180_000_000", "clock_hz = 18", "expected clock_hz between"),
        ("wait_states = 5", "wait_states = -1", "expected 0 to 100 wait states, found -1"),
        ("wait_states = 5", "latency = 5", "key 'flash\\[0\\].latency': expected only the keys"),
        ("base = 0x2000_0000", "base = 0x800_0000", "'flash' .* and 'sram' .* overlap"),
        ('name = "sram"', 'name = "flash"', "two memories are called 'flash'"),
        ("[[ram]]", "[[flash]]", "expected \\[\\[ram\\]\\], found none"),
        ('core = "cortex-m4"', "", "key 'core': expected a str, found nothing"),
        ("[[flash]]", "[flash]", "key 'flash': expected a list"),
    ],
)
def test_bad_chip(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (CHIPS / "stm32f446re.toml").read_text()
    assert old in text
    path = tmp_path / "stm32f446re.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TinyireeError, match=message) as caught:
        read_chip(path)
    assert str(path) in str(caught.value)


def board_of(tmp_path: Path, text: str) -> Board:
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\nvendor = "me"\ndescription = "d"\nsource = "s"\n{text}')
    return read_board(path, load_chip)


def test_bad_board(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=r"chip 'stm32f446': .* did you mean 'stm32f446re'"):
        board_of(tmp_path, 'chip = "stm32f446"\n')
    with pytest.raises(TinyireeError, match="clock_hz of at most 180000000, that of chip"):
        board_of(tmp_path, 'chip = "stm32f446re"\nclock_hz = 200_000_000\n')
    with pytest.raises(TinyireeError, match="expected a flash, found none"):
        board_of(tmp_path, 'chip = "rp2040"\n')


def test_memories_side_by_side_do_not_overlap() -> None:
    check_apart("x", (Memory("a", 0, 64), Memory("b", 64, 64)))
