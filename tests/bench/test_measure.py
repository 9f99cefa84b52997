"""Networks built and run for real, in this process and in others, and the command."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tinyiree.bench.measure import Failure, Job, Measurement, measure, measure_all
from tinyiree.bench.networks import FRONTENDS, NETWORKS, Frontend
from tinyiree.bench.reference import Agreement, agreement
from tinyiree.cli.app import app
from tinyiree.errors import TinyireeError

AD = next(network for network in NETWORKS if network.name == "ad")


@pytest.fixture
def ad() -> None:
    missing = sorted({*AD.missing_files("pytorch"), *AD.missing_files("tflite")})
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", "mlperf-tiny", *arguments])


@pytest.mark.usefixtures("ad")
@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_measurement_is_complete(frontend: Frontend, tmp_path: Path) -> None:
    found = measure(Job("ad", "cortex-m4", frontend, 3, simulations=1), tmp_path / "ad")
    assert (found.network, found.target, found.frontend) == ("ad", "cortex-m4", frontend)
    assert found.macs == 264_192
    assert (found.samples, found.unequal, found.bit_exact) == (3, 0, True)
    assert found.dispatches >= 10
    assert 640 <= found.arena_bound_bytes <= found.arena_bytes < 2580  # of TFLite Micro
    assert 100 < found.stack_bytes < 1024
    assert found.flash_bytes == found.code_bytes + found.weight_bytes > 264_192
    assert 0.5 < found.instructions_per_mac < 5
    assert found.cycles_estimate >= found.instructions


@pytest.mark.usefixtures("ad")
def test_a_failure_stops_no_other(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    jobs = [
        Job("ad", "cortex-m99", "pytorch", 2, simulations=1),
        Job("ad", "rv32imc", "pytorch", 2, simulations=1),
    ]
    outcomes = measure_all(
        jobs,
        workers=2,
        folder=tmp_path,
        progress=lambda what, done, total: told.append((done, total)),
    )
    failed, measured = outcomes
    assert isinstance(failed, Failure)
    assert "cortex-m99" in failed.message
    assert isinstance(measured, Measurement)
    assert measured.bit_exact
    assert (tmp_path / "ad-rv32imc" / "report.json").is_file()
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.usefixtures("ad")
def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    options = ("--model", "ad", "--target", "cortex-m4", "--frontend", "pytorch", "--limit", "2")
    result = run(*options, "--json", str(path))
    assert result.exit_code == 0, result.output
    for words in ("ad: autoencoder, 264,192 MAC", "2 of 2", "TinyEngine", "Plumerai", "done in"):
        assert words in result.output
    (found,) = json.loads(path.read_text())["results"]
    assert found["bit_exact"] is True
    assert found["best_peer"]["instructions"]["best"] == 583_000


@pytest.mark.usefixtures("ad")
def test_unequal_bytes_end_with_1_and_failures_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    good = Measurement("ad", "cortex-m4", "pytorch", 9, 1, *[8] * 9, samples=4, unequal=0)
    outcomes: list[Measurement | Failure] = [good]
    monkeypatch.setattr("tinyiree.cli.bench.measure_all", lambda *_, **__: outcomes)
    options = ("--model", "ad", "--target", "cortex-m4", "--frontend", "pytorch")
    assert run(*options).exit_code == 0
    outcomes[:] = [Measurement("ad", "cortex-m4", "pytorch", 9, 1, *[8] * 9, samples=4, unequal=1)]
    assert run(*options).exit_code == 1
    outcomes[:] = [good, Failure("ad", "cortex-m7", "the reason")]
    result = run(*options)
    assert isinstance(result.exception, TinyireeError)  # main() ends it with 2
    assert "1 of the benchmark's runs failed:\nad on cortex-m7: the reason" in str(result.exception)
    assert "cortex-m4" in result.output  # what could be measured is printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frontend", "onnx"), "--frontend onnx: expected one of tflite, pytorch"),
        (("--target", "cortex-m4,z80"), "z80"),
        (("--json", "nowhere/at/all.json"), "there is no folder nowhere/at"),
        (("--reference", "onnx"), "--reference onnx: expected litert"),
        (("--reference", "litert", "--frontend", "pytorch"), "expected --frontend tflite"),
    ],
)
def test_wrong_options_are_refused(options: tuple[str, ...], message: str) -> None:
    result = run(*options)
    assert isinstance(result.exception, TinyireeError)
    assert message in str(result.exception)


@pytest.mark.parametrize("name", ["kws", "ad"])
def test_the_core_equals_litert(name: str, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    network = next(network for network in NETWORKS if network.name == name)
    if missing := network.missing_files("tflite"):
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    path = tmp_path / "out.json"
    options = ("--model", name, "--target", "cortex-m4", "--limit", "4", "--reference", "litert")
    result = run(*options, "--json", str(path))
    assert result.exit_code == 0, result.output
    found = json.loads(path.read_text())["results"][0]["agreement"]
    assert (found["samples"], found["unequal"]) == (4, 0)
    if name == "kws":
        assert found["correct"] == found["reference_correct"] >= 2
        assert "LiteRT's reference kernels" in result.output
        assert f"{found['correct']} of 4 (" in result.output
    else:
        assert found["correct"] is None


def test_unequal_bytes_and_classes_are_counted() -> None:
    ours = np.array([[1, 5, 0], [9, 2, 2], [0, 0, 3]], np.int8)
    other = np.array([[1, 5, 0], [2, 9, 2], [0, 0, 4]], np.int8)
    found = agreement([ours], [other], np.array([1, 0, 0]))
    assert (found.samples, found.unequal) == (3, 2)
    assert (found.correct, found.reference_correct) == (2, 1)
    with pytest.raises(TinyireeError, match=r"LiteRT gives int8 of shape \[2, 3\]"):
        agreement([ours], [other[:2]], None)


def test_an_outcome_unlike_litert_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = Agreement("litert", 4, 1, 3, 4)
    found = Measurement("kws", "cortex-m4", "tflite", 9, 1, *[8] * 9, 4, 0, agreement=apart)
    monkeypatch.setattr("tinyiree.cli.bench.measure_all", lambda *_, **__: [found])
    monkeypatch.setattr("tinyiree.cli.bench.find_networks", lambda *_: ())
    result = run("--target", "cortex-m4", "--reference", "litert")
    assert result.exit_code == 1
    assert "3 of 4 (75.00%)" in result.output


def test_without_litert_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    result = run("--model", "ad", "--reference", "litert")
    assert isinstance(result.exception, TinyireeError)
    assert "pip install ai-edge-litert" in str(result.exception)
