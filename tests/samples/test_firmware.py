"""Every sample on its simulated cores: accuracy kept, every byte equal."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tinyiree.cli.app import app
from tinyiree.demo import float_score, run_sample
from tinyiree.samples import find

# Samples to simulate, and the points that int8 may lose on the host over all test samples.
CASES = {"digits": (360, 0.6), "mnist": (2000, 0.3), "resnet20": (10, 1.0)}


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
@pytest.mark.parametrize("name", CASES)
def test_int8_keeps_accuracy_and_bytes(name: str, target: str, tmp_path: Path) -> None:
    sample = find(name)
    if missing := sample.missing_files():
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    limit, points = CASES[name]
    result = run_sample(sample, target, tmp_path / name, limit=limit)
    assert result.unequal == ()
    assert result.device.samples == limit
    lost = 100 * (float_score(sample).accuracy - result.host.accuracy)
    assert lost <= points
    assert result.host.accuracy >= sample.accuracy_floor
    if limit >= 360:
        assert result.device.accuracy >= sample.accuracy_floor


def test_demo_prints_what_the_manifest_expects() -> None:
    result = CliRunner().invoke(app, ["demo", "digits", "--target", "cortex-m4", "--limit", "6"])
    assert result.exit_code == 0, result.output
    assert re.search(find("digits").expect, result.output)
    for words in ("float, PyTorch", "cortex-m4 simulated", "arena", "cycles (estimate)", "runtime"):
        assert words in result.output
