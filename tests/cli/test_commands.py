"""The commands on a small model: build, run, verify, report, and the lists."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinyiree.passes.pipeline import Pipeline

Command = Callable[..., Any]


@pytest.fixture
def folder(tinyiree: Command, network: Path, samples: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    command = ["build", f"{network}:Net", "--target", "cortex-m4", "-o", out]
    ended = tinyiree(*command, "--calibration", samples)
    assert ended.code == 0, ended.err
    return out


def test_build_writes_what_a_firmware_needs(folder: Path) -> None:
    for name in (
        "net.c",
        "net.h",
        "libnet.a",
        "net.vmfb",
        "net.host.vmfb",
        "selftest.elf",
        "report.json",
        "manifest.json",
        "tinyiree.h",
        "tinyiree.c",
        "iree_library.h",
    ):
        assert (folder / name).is_file(), name
    assert not list(folder.parent.glob(".out-*")), "a scratch folder was left"


def test_report_json_has_the_fields_of_the_contract(
    tinyiree: Command, folder: Path, samples: Path
) -> None:
    assert tinyiree("verify", folder, "--input", samples, "--limit", 3).code == 0
    report = json.loads((folder / "report.json").read_text())
    assert (report["target"], report["model"]) == ("cortex-m4", "net")
    memory = report["memory"]
    for key in ("arena_bytes", "arena_bound_bytes", "stack_bytes", "static_ram_bytes"):
        assert isinstance(memory[key], int), key
    assert memory["total_ram_bytes"] == (
        memory["arena_bytes"] + memory["stack_bytes"] + memory["static_ram_bytes"]
    )
    flash = report["flash"]
    assert flash["total_bytes"] >= flash["code_bytes"] + flash["weight_bytes"]
    assert report["run"]["instructions"] > 0
    assert report["run"]["cycles_estimate"] > 0
    assert report["verify"] == {"samples": 3, "bit_exact": True}
    keys = {"name", "op", "macs", "kernel", "weight_bytes", "output_bytes", "instructions"}
    assert all(keys <= layer.keys() for layer in report["layers"])
    assert [layer["macs"] for layer in report["layers"]] == [4 * 4 * 4 * 9, 64 * 3]
    assert report["operations"]["smult_8_8"] == 4 * 4 * 4 * 9 + 64 * 3


def test_run_writes_outputs_and_instructions(
    tinyiree: Command, folder: Path, samples: Path, tmp_path: Path
) -> None:
    y = tmp_path / "y.npz"
    ended = tinyiree("run", folder, "--input", samples, "--output", y, "--limit", 5)
    assert ended.code == 0, ended.err
    with np.load(y) as archive:
        assert archive["y"].shape == (5, 1, 3)
        assert archive["y"].dtype == np.int8
        assert archive["instructions"].shape == (5,)
        assert (archive["instructions"] > 1000).all()


def test_verify_ends_with_1_when_a_byte_differs(
    tinyiree: Command, folder: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyiree.built import Built

    true = Built.run_host
    monkeypatch.setattr(
        Built,
        "run_host",
        lambda self, raw, progress: [array ^ 1 for array in true(self, raw, progress)],
    )
    ended = tinyiree("verify", folder, "--input", samples, "--limit", 2)
    assert ended.code == 1
    assert "0 of 2 samples bit-exact" in ended.out
    assert "differ from the host: 0, 1" in ended.out


def test_report_prints_the_layers(tinyiree: Command, folder: Path) -> None:
    ended = tinyiree("report", folder)
    assert ended.code == 0
    for word in ("conv", "fc", "arena", "not measured yet"):
        assert word in ended.out


def test_dump_ir_and_pass_timing(
    tinyiree: Command, network: Path, samples: Path, tmp_path: Path
) -> None:
    dump = tmp_path / "ir"
    ended = tinyiree(
        "build",
        f"{network}:Net",
        "--target=rv32imc",
        "-o",
        tmp_path / "out",
        "--calibration",
        samples,
        "--dump-ir",
        dump,
        "--pass-timing",
        "--formats=static",
    )
    assert ended.code == 0, ended.err
    names = ["import", *Pipeline().names()]
    expected = [f"{i:02}-{name}.mlir" for i, name in enumerate(names)]
    assert sorted(path.name for path in dump.iterdir()) == expected
    assert "nn.quantize" in (dump / f"{names.index('quantize'):02}-quantize.mlir").read_text()
    for step in (*names[1:], "IREE: static library", "total"):
        assert step in ended.out
    assert not (tmp_path / "out" / "net.vmfb").exists()


def test_pt2_and_mlir_are_models_too(
    tinyiree: Command, network: Path, samples: Path, tmp_path: Path
) -> None:
    from tinyiree.python_file import load_object

    module = load_object(f"{network}:Net")().eval()
    program = torch.export.export(module, module.example_inputs)
    torch.export.save(program, tmp_path / "net.pt2")
    dump = tmp_path / "ir"
    build = ("--target=cortex-m4", "--formats=static", "--calibration", samples)
    ended = tinyiree("build", tmp_path / "net.pt2", *build, "-o", tmp_path / "a", "--dump-ir", dump)
    assert ended.code == 0, ended.err
    (tmp_path / "net.mlir").write_text((dump / "00-import.mlir").read_text())
    ended = tinyiree("build", tmp_path / "net.mlir", *build, "-o", tmp_path / "b")
    assert ended.code == 0, ended.err
    assert (tmp_path / "a" / "net.c").read_text() == (tmp_path / "b" / "net.c").read_text()
    ended = tinyiree("verify", tmp_path / "b", "--input", samples, "--limit", 2)
    assert ended.code == 0, ended.err


def test_a_build_replaces_a_former_one(
    tinyiree: Command, folder: Path, network: Path, samples: Path
) -> None:
    (folder / "stale.txt").write_text("from before")
    command = ("build", f"{network}:Net", "--target=rv32imc", "--calibration", samples)
    assert tinyiree(*command, "--formats=static", "-o", folder).code == 0
    assert not (folder / "stale.txt").exists()
    assert json.loads((folder / "report.json").read_text())["target"] == "rv32imc"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("targets", ["cortex-m0plus", "rv32imafc", "mps3-an547"]),
        ("passes", ["calibrate", "integerize", "plan-memory"]),
        ("ops", ["aten.conv2d", "qnn.softmax"]),
    ],
)
def test_lists(tinyiree: Command, command: str, words: list[str]) -> None:
    ended = tinyiree(command)
    assert ended.code == 0
    for word in words:
        assert word in ended.out


def test_help_names_every_command(tinyiree: Command) -> None:
    ended = tinyiree("--help")
    for command in ("build", "run", "verify", "report", "targets", "passes", "ops", "demo"):
        assert command in ended.out
