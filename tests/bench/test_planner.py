"""The planner beside greedy by size on known problems."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tinyiree.bench.planner import Example, examples, measure, random_lifetimes, read_csv
from tinyiree.cli.app import app
from tinyiree.errors import TinyireeError
from tinyiree.passes.plan_memory import PlanMemory

KNOWN = {
    # 36,864 and 18,432 bytes at once, and 9,216 of the input.
    "person detection": 64_512,
    # 4.594 and 5.742 MiB in the paper's tables.
    "MobileNet v1": 4_816_896,
    "MobileNet v2": 6_021_120,
    "U-Net 64x64": 196_608,
    "random 50": 30_024,
}


@pytest.mark.parametrize("name", KNOWN)
def test_proven_minima(name: str) -> None:
    example = next(example for example in examples() if example.name == name)
    found = measure(example, PlanMemory())
    assert found.plan.arena_bytes == found.plan.bound_bytes == KNOWN[name] <= found.greedy_bytes


@pytest.mark.parametrize(("count", "seed"), [(100, 3), (200, 4)])
def test_random_graphs_within_the_limit(count: int, seed: int) -> None:
    """Within little work the plan is near its bound, and never worse than greedy by size."""
    lifetimes = random_lifetimes(count, seed)
    found = measure(Example("random", "", lifetimes), PlanMemory(effort=0.02))
    plan = found.plan
    assert plan.bound_bytes <= plan.arena_bytes <= found.greedy_bytes
    assert plan.arena_bytes <= 1.1 * plan.bound_bytes
    for a in range(count):
        for b in range(a + 1, count):
            if lifetimes[a].conflicts(lifetimes[b]):
                apart = plan.offsets[b] - plan.offsets[a]
                assert apart >= lifetimes[a].size or -apart >= lifetimes[b].size


def test_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("id,lower,upper,size\na,0,300,4\nb,300,900,4\nc,0,900,4\nd,900,2100,4\n")
    result = CliRunner().invoke(app, ["bench", "planner", "--csv", str(path), "--alignment", "1"])
    assert result.exit_code == 0, result.output
    (row,) = (line for line in result.output.splitlines() if "proven" in line)
    assert row.split()[:7] == ["small", "4", "16", "8", "8", "8", "proven"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lower,upper\n1,2\n", "columns lower, upper and size"),
        ("lower,upper,size\n3,3,8\n", "lower < upper"),
        ("lower,upper,size\n1,x,8\n", "whole numbers"),
    ],
)
def test_a_damaged_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TinyireeError, match=message):
        read_csv(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=r"cannot read .*nothing\.csv"):
        read_csv(tmp_path / "nothing.csv")
