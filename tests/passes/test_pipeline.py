"""Pipelines are changed by name, in Python and by installed packages."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from iree.compiler import ir

import tinyiree as ti
from tinyiree.errors import TinyireeError
from tinyiree.passes.base import Pass, PassContext
from tinyiree.passes.pipeline import DEFAULT, Pipeline


@dataclass(frozen=True)
class Nothing:
    """Does nothing."""

    name: str = "nothing"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Leave the module as it is."""


def test_every_pass_is_a_pass_with_a_summary_and_a_name_of_its_own() -> None:
    for step in DEFAULT:
        assert isinstance(step, Pass)
        summary = (type(step).__doc__ or "").splitlines()[0]
        assert 10 < len(summary) <= 110, step.name
    names = Pipeline().names()
    assert len(set(names)) == len(names)


def test_each_pass_lives_in_a_file_of_its_name() -> None:
    for step in (*DEFAULT, Pipeline().planner):
        module = type(step).__module__
        assert module == f"tinyiree.passes.{step.name.replace('-', '_')}"


def test_changes_give_new_pipelines() -> None:
    names = Pipeline().names()
    at = names.index("quantize")
    after = Pipeline().insert_after("quantize", Nothing())
    assert after.names() == [*names[: at + 1], "nothing", *names[at + 1 :]]
    before = Pipeline().insert_before("quantize", Nothing())
    assert before.names() == [*names[:at], "nothing", *names[at:]]
    assert Pipeline().remove("quantize").names() == [*names[:at], *names[at + 1 :]]
    replaced = Pipeline().replace("quantize", Nothing())
    assert replaced.names() == [*names[:at], "nothing", *names[at + 1 :]]
    assert Pipeline().names() == names


def test_a_pass_may_replace_one_of_its_own_name() -> None:
    pipeline = Pipeline().replace("quantize", Nothing(name="quantize"))
    assert pipeline.names() == Pipeline().names()
    assert isinstance(pipeline.passes[pipeline.names().index("quantize")], Nothing)


def test_refusals() -> None:
    with pytest.raises(TinyireeError, match=r"no pass 'quantise'.*did you mean 'quantize'"):
        Pipeline().insert_after("quantise", Nothing())
    with pytest.raises(TinyireeError, match="has a pass 'fuse' already"):
        Pipeline().insert_after("quantize", Nothing(name="fuse"))
    with pytest.raises(TinyireeError, match="is not a pass"):
        Pipeline().insert_after("quantize", object())  # type: ignore[arg-type]


def install(folder: Path, function: str) -> None:
    """What pip leaves of a package with an entry point."""
    (folder / "prune.py").write_text(
        "from tests_nothing import Nothing\n\n\n"
        "def add(pipeline):\n    return pipeline.insert_after('fuse', Nothing())\n\n\n"
        "def wrong(pipeline):\n    return 5\n"
    )
    (folder / "tests_nothing.py").write_text(
        "class Nothing:\n    'Does nothing.'\n    name = 'from-a-package'\n\n"
        "    def run(self, module, context):\n        pass\n"
    )
    info = folder / "prune-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prune\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tinyiree.passes]\nprune = prune:{function}\n")


def test_a_package_adds_a_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "add")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ti.pipeline("cortex-m4").names()
    assert names[names.index("fuse") + 1] == "from-a-package"


def test_a_package_that_gives_no_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "wrong")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TinyireeError, match=r"'prune' .* gave int, expected a Pipeline"):
        ti.pipeline()


def test_an_unknown_target() -> None:
    with pytest.raises(TinyireeError, match="cortex-m9"):
        ti.pipeline("cortex-m9")
