"""Every app on every core and board of its manifest prints what the manifest expects."""

from pathlib import Path

import pytest

from tinyiree import apps
from tinyiree.targets import load

CASES = [(name, place) for name in apps.names() for place in apps.places(apps.find(name))]


@pytest.mark.parametrize(
    ("name", "place"), CASES, ids=[f"{name}-{place.name}" for name, place in CASES]
)
def test_console_is_as_expected(name: str, place: apps.Place, tmp_path: Path) -> None:
    app = apps.find(name)
    if missing := app.missing_files():
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    image = apps.build_app(app, place, tmp_path / name)
    result = apps.run_app(image)
    assert result.is_success, result.console
    assert result.unmet is None, result.console
    assert result.inferences


@pytest.mark.parametrize("name", apps.names())
def test_app_runs_on_both_instruction_sets_and_is_documented(name: str) -> None:
    app = apps.find(name)
    if app.targets:
        assert {load(target).isa for target in app.targets} == {"arm", "riscv"}
    readme = (app.folder / "README.md").read_text(encoding="utf-8")
    assert f"tinyiree sample run {name}" in readme
    for word in ("float", "int8", "instructions"):
        assert word in readme.lower()
