"""Bad input ends in one clear message on stderr and exit code 2, and leaves nothing behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Callable[..., Any]


def refused(ended: Any, *words: str) -> None:
    """Exit code 2, no traceback, and a message with all the words."""
    assert ended.code == 2, (ended.out, ended.err)
    assert "Traceback" not in ended.err
    text = " ".join(ended.err.replace("│", " ").split())
    for word in words:
        assert word in text, text


@pytest.fixture
def build(tinyiree: Command, samples: Path, tmp_path: Path) -> Command:
    def run(model: object, *options: object, calibration: object = samples) -> Any:
        given = ("--calibration", calibration) if calibration else ()
        target = (
            () if any("--target" in str(option) for option in options) else ("--target=cortex-m4",)
        )
        ended = tinyiree("build", model, *target, "-o", tmp_path / "out", *given, *options)
        if ended.code:
            assert not (tmp_path / "out").exists(), "something half-written was left"
            assert not list(tmp_path.glob(".out-*"))
        return ended

    return run


def test_missing_file(build: Command, tmp_path: Path) -> None:
    refused(build(tmp_path / "absent.pt2"), "absent.pt2", "no such file")
    refused(build(f"{tmp_path}/absent.py:Net"), "absent.py", "no such file")


def test_unreadable_file(build: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.pt2").write_bytes(b"PK\x03\x04 this is not a program")
    refused(build(tmp_path / "broken.pt2"), "broken.pt2", "torch.export.save")
    (tmp_path / "broken.mlir").write_text("func.func @main( {")
    refused(build(tmp_path / "broken.mlir"), "broken.mlir")
    (tmp_path / "broken.py").write_text("def (")
    refused(build(f"{tmp_path}/broken.py:Net"), "broken.py", "SyntaxError")


def test_truncated_pt2(build: Command, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2), (torch.zeros(1, 4),)), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(build(path), "net.pt2")


def test_other_kinds_of_file(build: Command, tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"")
    refused(build(tmp_path / "net.h5"), ".h5", "expected")
    refused(build(tmp_path / "net.py"), "which object of the file")


def test_py_without_the_attribute(build: Command, network: Path) -> None:
    refused(build(f"{network}:Nett"), "has no 'Nett'", "did you mean 'Net'?")
    refused(build(f"{network}:number"), "expected an nn.Module", "found int")


def test_module_that_fails_to_export(build: Command, network: Path) -> None:
    refused(build(f"{network}:Fails"), "net.py:Fails", "shape '[-1, 7]' is invalid")


def test_unknown_shapes(build: Command, network: Path) -> None:
    refused(build(f"{network}:NoShapes"), "example_inputs", "--input-shape")


@pytest.mark.parametrize("shape", ["1,1,x", "1,0,6,6", "", "1,,2"])
def test_wrong_input_shape_text(build: Command, network: Path, shape: str) -> None:
    refused(build(f"{network}:Net", "--input-shape", shape), "--input-shape", "positive integers")


def test_input_shape_that_the_model_refuses(build: Command, network: Path) -> None:
    refused(build(f"{network}:Net", "--input-shape", "1,3,6,6"), "net.py:Net")


def test_unsupported_ops_are_all_listed(build: Command, network: Path) -> None:
    ended = build(f"{network}:Unsupported")
    refused(ended, "cumsum", "fft", "net.py:")


def test_unknown_target_and_option(build: Command, network: Path) -> None:
    refused(build(f"{network}:Net", "--target=cortex-m44"), "cortex-m44", "cortex-m4")
    refused(build(f"{network}:Net", "--no-such-option"), "--no-such-option")
    refused(build(f"{network}:Net", "--quantize=int3"), "--quantize", "int8, none")
    refused(build(f"{network}:Net", "--range-method=best"), "--range-method", "percentile")
    refused(build(f"{network}:Net", "--percentile=7"), "--percentile")
    refused(build(f"{network}:Net", "--toolchain=tcc"), "--toolchain", "zig, gcc")
    refused(build(f"{network}:Net", "--formats=hex"), "formats", "static")
    refused(build(f"{network}:Net", "--name=9lives"), "9lives", "C identifier")
    refused(build(f"{network}:Net", "--keep-float=nothing*"), "nothing*")


def test_dynamic_shapes(build: Command, tmp_path: Path) -> None:
    import torch

    batch = torch.export.Dim("batch", min=2, max=8)
    program = torch.export.export(
        torch.nn.Linear(4, 2), (torch.zeros(2, 4),), dynamic_shapes={"input": {0: batch}}
    )
    torch.export.save(program, tmp_path / "dynamic.pt2")
    refused(build(tmp_path / "dynamic.pt2"), "dynamic", "static")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((4, 1, 5, 5), np.float32)}, ["[1, 5, 5]", "expected [1, 6, 6]"]),
        ({"x": np.full((4, 1, 6, 6), np.nan, np.float32)}, ["NaN"]),
        ({"x": np.zeros((0, 1, 6, 6), np.float32)}, ["empty"]),
        ({"x": np.zeros((4, 1, 6, 6), np.int8)}, ["int8", "expected floats"]),
        ({"a": np.zeros(3), "b": np.zeros(3)}, ["no array for input x", "it holds a, b"]),
        ({}, ["holds no arrays"]),
    ],
)
def test_calibration_data(
    build: Command, network: Path, tmp_path: Path, arrays: dict[str, Any], words: list[str]
) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    refused(build(f"{network}:Net", calibration=path), *words)


def test_calibration_file(build: Command, network: Path, tmp_path: Path) -> None:
    refused(build(f"{network}:Net", calibration=tmp_path / "none.npz"), "none.npz", "no such file")
    refused(build(f"{network}:Net", calibration=None), "needs calibration data", "--calibration")
    refused(build(f"{network}:Net", "--quantize=none"), "--calibration has no use")


def test_output_folder(tinyiree: Command, network: Path, samples: Path, tmp_path: Path) -> None:
    command = ("build", f"{network}:Net", "--target=cortex-m4", "--calibration", samples, "-o")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("precious")
    refused(tinyiree(*command, taken), "is not a former build")
    assert (taken / "thesis.txt").read_text() == "precious"
    file = tmp_path / "file"
    file.write_text("")
    refused(tinyiree(*command, file), "is a file")
    refused(tinyiree(*command, file / "below"), "cannot write the output folder")


def test_artifact_folder(tinyiree: Command, tmp_path: Path, samples: Path) -> None:
    refused(tinyiree("run", tmp_path / "none", "--input", samples), "no such folder")
    refused(tinyiree("report", tmp_path), "not the result of a finished")


def test_incomplete_and_foreign_artifacts(
    build: Command, tinyiree: Command, network: Path, tmp_path: Path, samples: Path
) -> None:
    assert build(f"{network}:Net", "--formats=static").code == 0
    folder = tmp_path / "out"
    missing = tmp_path / "missing.npz"
    refused(tinyiree("run", folder, "--input", missing), "missing.npz", "no such file")
    refused(tinyiree("run", folder, "--input", samples, "--simulator=spike"), "unicorn")
    refused(tinyiree("run", folder, "--input", samples, "--limit", 0), "limit")
    lost = tmp_path / "no" / "y.npz"
    refused(tinyiree("run", folder, "--input", samples, "--output", lost), "no folder")

    manifest = folder / "manifest.json"
    text = manifest.read_text()
    content = json.loads(text)
    content["version"] = "0.0.1"
    manifest.write_text(json.dumps(content))
    refused(tinyiree("verify", folder, "--input", samples), "built by tinyiree 0.0.1")
    manifest.write_text(text)
    (folder / "net.host.vmfb").unlink()
    refused(tinyiree("verify", folder, "--input", samples), "net.host.vmfb is missing")


def test_debug_shows_the_traceback(tinyiree: Command, tmp_path: Path) -> None:
    ended = tinyiree("report", tmp_path, "--debug")
    assert ended.code == 2
    assert "Traceback" in ended.err


def test_unknown_sample(tinyiree: Command) -> None:
    refused(tinyiree("demo", "nope"), "'nope'", "digits")
