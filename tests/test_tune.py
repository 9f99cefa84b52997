"""Measured choices of kernels: what is measured, kept and used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from iree.compiler import ir

import tinyiree.tune
from tinyiree.bench.layers import LAYERS, make_module
from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.kernels import tuned as tables
from tinyiree.kernels.signature import signature
from tinyiree.kernels.tuned import Choice, Tuned
from tinyiree.passes.select_kernels import SelectKernels
from tinyiree.targets import load, names
from tinyiree.tune import measure, tune

CORE = load("cortex-m4")
POOL = "avg pool 2x2 stride 2, 24x24x16"
SIGNATURE = (
    "qnn.avg_pool2d 1x24x24x16 1x1 1x1 -> 1x12x12x16 strides=2,2 padding=0,0,0,0 kernel=2,2 "
    "rounding=single"
)


@pytest.fixture
def ops() -> Iterator[list[ir.Operation]]:
    """A pool, for which there are a kernel and the compiler's code, and a lookup: no kernel."""
    layers = [layer for layer in LAYERS if layer.name in (POOL, "lookup 16x16x32")]
    module = ir.Module.parse(make_module(layers).text, build.new_context())
    with module.context, ir.Location.unknown():
        yield access.operations(module)


def pool_of(ops: list[ir.Operation]) -> ir.Operation:
    return next(op for op in ops if op.name == "qnn.avg_pool2d")


def test_signature(ops: list[ir.Operation]) -> None:
    assert signature(pool_of(ops)) == SIGNATURE


def test_all_candidates_are_run(ops: list[ir.Operation]) -> None:
    choices = tune(ops, CORE, Tuned(), workers=1).choices["cortex-m4"]
    assert list(choices) == [SIGNATURE]
    choice = choices[SIGNATURE]
    assert choice.default == "armv7em.avg_pool2d"
    assert choice.instructions <= choice.default_instructions


def test_what_is_known_is_not_run_again(
    ops: list[ir.Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tinyiree.tune, "measure", None)
    known = Tuned({"cortex-m4": {SIGNATURE: Choice("iree", 1, "a", 2, "tuned")}})
    assert tune(ops, CORE, known).choices == {"cortex-m4": {}}


def test_the_best_is_taken() -> None:
    counts = {"a": 30, "b": 20, "iree": 25}
    best = tinyiree.tune._best(["a", "b", "iree"], counts)
    assert (best.kernel, best.instructions, best.default_instructions) == ("b", 20, 30)
    assert "20 instructions, a needs 30" in best.why
    equal = tinyiree.tune._best(["a", "b"], {"a": 7, "b": 7})
    assert equal.kernel == "a"
    assert "none needs less" in equal.why


def test_a_trial_that_cannot_be_run_counts_for_nothing() -> None:
    assert measure(tinyiree.tune.Trial("no module", {}, "cortex-m4", {})) == {}


def test_selection_uses_what_was_measured(ops: list[ir.Operation]) -> None:
    op = pool_of(ops)
    choice = Choice("iree", 10, "armv7em.avg_pool2d", 20, "tuned")
    chosen = SelectKernels(tuned=Tuned({"cortex-m4": {SIGNATURE: choice}})).select(op, CORE)
    assert chosen is not None
    assert (chosen.kernel, chosen.why) == ("iree", choice.why)
    # Another core, or a kernel that is not to be used: the first one that can.
    default = SelectKernels(tuned=Tuned({"cortex-m7": {SIGNATURE: choice}})).select(op, CORE)
    assert default is not None
    assert default.kernel == "armv7em.avg_pool2d"
    gone = Tuned({"cortex-m4": {SIGNATURE: Choice("no.such", 1, "a", 2, "tuned")}})
    absent = SelectKernels(tuned=gone).select(op, CORE)
    assert absent is not None
    assert absent.kernel == "armv7em.avg_pool2d"


def test_forced_candidates(ops: list[ir.Operation]) -> None:
    chosen = SelectKernels(forced={POOL: "iree"}).select(pool_of(ops), CORE)
    assert chosen is not None
    assert chosen.kernel == "iree"


def test_a_table_survives_writing(tmp_path: Path) -> None:
    table = Tuned({"cortex-m4": {SIGNATURE: Choice("iree", 1, "a.b", 2, "here")}})
    path = tmp_path / "table.toml"
    tables.write(path, table, ["a comment"])
    assert tables.read(path, "here") == table
    assert tables.read(tmp_path / "absent.toml", "here") == Tuned()


@pytest.mark.parametrize("text", ["[", "a = 1", '[core]\nlayer = {kernel = "a"}'])
def test_a_damaged_table_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(TinyireeError, match=r"table\.toml: expected a table of measured kernels"):
        tables.read(path, "here")


def test_the_shipped_table_names_kernels_that_there_are() -> None:
    from tinyiree.kernels import KERNELS

    known = {kernel.name for kernel in KERNELS} | {"iree"}
    for core, choices in tables.shipped().choices.items():
        assert core in names()
        for choice in choices.values():
            assert {choice.kernel, choice.default} <= known
            assert choice.instructions < choice.default_instructions
