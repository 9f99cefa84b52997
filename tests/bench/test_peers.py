"""The reader of peers.toml, and the figures in it."""

from pathlib import Path

import pytest

from tinyiree.bench.peers import NETWORKS, read_peers
from tinyiree.errors import TinyireeError
from tinyiree.targets import names

GOOD = """
[[stack]]
name = "Other"
core = "cortex-m4"
targets = ["cortex-m4"]
source = "a row"
kws = { instructions = 100, code_bytes = 20, model_bytes = 30 }
ad = { instructions = 7, flash_bytes = 44 }

[[board]]
name = "Board"
core = "cortex-m4"
clock_mhz = 120
source = "a round"
kws_mcycles = 1.5
resnet8_mcycles = 2.5
ad_mcycles = 0.5
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "peers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_figures_are_read(tmp_path: Path) -> None:
    peers = read_peers(write(tmp_path, GOOD))
    kws, ad = peers.stacks
    assert (kws.network, kws.instructions, kws.total_flash_bytes) == ("kws", 100, 50)
    assert (ad.network, ad.code_bytes, ad.total_flash_bytes) == ("ad", None, 44)
    assert peers.of("kws", ["rv32imc", "cortex-m4"]) == (kws,)
    assert peers.of("kws", ["rv32imc"]) == ()
    assert peers.boards[0].mcycles == {"kws": 1.5, "resnet8": 2.5, "ad": 0.5}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("code_bytes", "code_byte", "stack 'Other', kws: unknown key code_byte: expected only"),
        ("instructions = 7, ", "", "stack 'Other', ad: missing key instructions"),
        ("instructions = 7", "instructions = 7.0", "instructions: expected a positive int, found"),
        ("instructions = 7", "instructions = 0", "instructions: expected a positive int, found 0"),
        ('source = "a row"', "", "stack 'Other': missing key source"),
        ("ad_mcycles = 0.5", "", "board 'Board': missing key ad_mcycles"),
        ("ad_mcycles = 0.5", "ad_mcycles = -1.0", "ad_mcycles: expected a positive float"),
        ("[[board]]", "[[boards]]", "the file: unknown key boards"),
        ("[[board]]", "[[board", "cannot be read: expected TOML"),
    ],
)
def test_a_wrong_file_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(TinyireeError, match=message.replace("[", r"\[")):
        read_peers(write(tmp_path, GOOD.replace(old, new)))


def test_the_file_that_comes_with_it() -> None:
    peers = read_peers()
    assert {peer.network for peer in peers.stacks} == set(NETWORKS)
    for peer in peers.stacks:
        assert set(peer.targets) <= set(names()), peer.stack
        assert peer.source.startswith("whole models, "), peer.stack
    found = {(peer.stack, peer.core, peer.network): peer for peer in peers.stacks}
    assert len(found) == len(peers.stacks) == 20
    best = found["TFLite Micro + CMSIS-NN", "cortex-m4", "resnet8"]
    assert (best.instructions, best.total_flash_bytes) == (29_863_000, 149_494)
    assert best.targets == ("cortex-m4", "cortex-m7", "cortex-m33")
    assert found["IREE 3.1 EmitC + inline HAL", "rv32 (ETISS)", "ad"].ram_bytes == 25_000
    assert len(peers.boards) == 7
