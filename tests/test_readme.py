"""The README's code is run as it stands."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from iree.compiler import ir
from typer.testing import CliRunner

import tinyiree as ti
from tinyiree.cli.app import app
from tinyiree.importers import import_model
from tinyiree.ir import access

PATH = Path(__file__).parent.parent / "README.md"
README = PATH.read_text()


def code(marker: str, language: str) -> str:
    """The first code block of a language after a marker."""
    match = re.search(rf"```{language}\n(.*?)```", README[README.index(marker) :], re.DOTALL)
    assert match is not None
    return match.group(1)


def test_the_pass_runs_in_a_pipeline(tmp_path: Path) -> None:
    text = code("<!-- pass -->", "python")
    assert 25 <= len(text.splitlines()) <= 40
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(text, "README.md", "exec"), names)
    step = names["PruneWeights"](0.6)

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 2)
    )
    module = import_model(model.eval(), torch.zeros(1, 1, 4, 4))
    with module.context, ir.Location.unknown():
        step.run(module, None)
        for op in access.named(module, "nn.conv2d", "nn.fully_connected"):
            weights = access.constant(op.operands[1])
            assert 0.5 <= (weights == 0).mean() <= 0.65

    pipeline = ti.pipeline("cortex-m4").insert_after("fold-batch-norm", step)
    samples = np.random.default_rng(0).random((8, 1, 4, 4), np.float32)
    built = ti.build(
        model,
        torch.zeros(1, 1, 4, 4),
        target="cortex-m4",
        quantize=ti.Int8(calibration=samples),
        out=tmp_path / "pruned",
        pipeline=pipeline,
    )
    assert "prune-weights" in built.report.passes
    assert built.verify(samples).bit_exact


def test_your_own_model(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code("## Your own model", "python"), "README.md", "exec"), {})
    assert (tmp_path / "build/net/net.h").is_file()


def test_the_demo_s_output(request: pytest.FixtureRequest) -> None:
    """The README shows what ``tinyiree demo`` prints, but for the seconds."""
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.strip().splitlines()]
    printed = "\n".join(line for line in lines if not line.startswith("done in"))
    shown = code("<!-- demo -->", "").rstrip("\n")
    if request.config.getoption("--update-golden"):
        PATH.write_text(README.replace(shown, printed))
    else:
        assert printed == shown, "review with --update-golden"
