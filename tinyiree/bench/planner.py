"""The memory planner on examples that other planners are judged by, beside greedy by size."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rich.table import Table

from tinyiree.errors import TinyireeError
from tinyiree.passes.plan_memory import Lifetime, MemoryPlan, PlanMemory
from tinyiree.passes.planning import greedy


@dataclass(frozen=True)
class Example:
    """A placement problem: buffers with lifetimes, and where it is from."""

    name: str
    source: str
    lifetimes: tuple[Lifetime, ...]


@dataclass(frozen=True)
class PlannerResult:
    """An example, what greedy by size needs, and our plan; in bytes."""

    example: Example
    greedy_bytes: int
    plan: MemoryPlan


def examples() -> tuple[Example, ...]:
    """All built-in examples."""
    paper = "a network of Pisarchyk and Lee, 2020, table 2; float32"
    return (
        Example("person detection", "unit test of TFLite Micro's planner", _person_detection()),
        Example("MobileNet v1", paper, tuple(_chain(_mobilenet_v1()))),
        Example("MobileNet v2", paper, tuple(_mobilenet_v2())),
        Example("U-Net 64x64", "four levels with long skips, int8", tuple(_unet())),
        *(
            Example(
                f"random {count}", f"{count} buffers, seed {seed}", random_lifetimes(count, seed)
            )
            for count, seed in ((50, 1), (100, 1), (200, 1), (200, 2))
        ),
    )


def measure(example: Example, planner: PlanMemory) -> PlannerResult:
    """Plan an example both ways."""
    problem = planner.problem(example.lifetimes)
    plain = problem.arena(greedy.place(problem)) * planner.alignment
    return PlannerResult(example, plain, planner.plan(example.lifetimes))


def render(results: Sequence[PlannerResult]) -> Table:
    """A row for each example."""
    table = Table(box=None)
    table.add_column("example", no_wrap=True)
    for name in ("buffers", "sum", "greedy by size", "lower bound", "tinyiree", "gap", "s"):
        table.add_column(name, justify="right")
    table.add_column("found by")
    for result in results:
        plan = result.plan
        gap = plan.arena_bytes - plan.bound_bytes
        table.add_row(
            result.example.name,
            str(len(plan.offsets)),
            f"{sum(one.size for one in result.example.lifetimes):,}",
            f"{result.greedy_bytes:,}",
            f"{plan.bound_bytes:,}",
            f"{plan.arena_bytes:,}",
            f"{gap / plan.bound_bytes:.2%}" if gap else "proven",
            f"{plan.seconds:.1f}",
            plan.method,
        )
    return table


def read_csv(path: Path) -> Example:
    """A problem in the format of minimalloc: columns lower, upper (exclusive) and size.

    Raises:
        TinyireeError: the file cannot be read as one.
    """
    try:
        with path.open(newline="") as file:
            rows = [
                (int(row["lower"]), int(row["upper"]), int(row["size"]))
                for row in csv.DictReader(file)
            ]
    except OSError as error:
        raise TinyireeError(f"cannot read {path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise TinyireeError(
            f"{path}: expected a CSV file with the columns lower, upper and size in whole numbers, "
            f"found {error!r}; correct it"
        ) from error
    if any(lower >= upper or size < 0 for lower, upper, size in rows):
        raise TinyireeError(
            f"{path}: expected lower < upper and size >= 0 in every row; correct it"
        )
    # Only the order of the times counts.
    times = {time: i for i, time in enumerate(sorted({t for row in rows for t in row[:2]}))}
    lifetimes = tuple(Lifetime(size, times[lower], times[upper] - 1) for lower, upper, size in rows)
    return Example(path.stem, str(path), lifetimes)


def random_lifetimes(count: int, seed: int) -> tuple[Lifetime, ...]:
    """Buffers of up to 4,000 bytes that live for up to a quarter of the steps."""
    random = Random(seed)
    found = []
    for _ in range(count):
        first = random.randrange(count)
        last = min(count, first + random.randrange(1, count // 4 + 2))
        found.append(Lifetime(random.randrange(1, 4000), first, last))
    return tuple(found)


def _chain(sizes: Iterable[int]) -> Iterator[Lifetime]:
    """Each buffer is written by one step and read by the next."""
    for step, size in enumerate(sizes):
        yield Lifetime(size, step - 1, step)


def _person_detection() -> tuple[Lifetime, ...]:
    """The activations of a MobileNet v1 0.25 at 96x96; the input (last) stays to the end."""
    sizes = [18432, 18432, 36864, 9216, 18432, 18432, 18432, 4608, 9216, 9216, 9216, 2304]
    sizes += [4608] * 11 + [1152, 2304, 2304, 2304, 256, 3]
    found = [Lifetime(size, step, step + 1) for step, size in enumerate(sizes)]
    return (*found, Lifetime(9216, 0, 29))


# Output channels and stride of the depthwise-separable layers (Howard et al., 2017, table 1).
_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2),
       (1024, 1))  # fmt: skip


def _mobilenet_v1() -> Iterator[int]:
    side, channels = 112, 32
    yield 224 * 224 * 3 * 4
    yield side * side * channels * 4
    for outputs, stride in _V1:
        side //= stride
        yield side * side * channels * 4
        channels = outputs
        yield side * side * channels * 4
    yield channels * 4
    yield 1001 * 4
    yield 1001 * 4


# Expansion, output channels, repeats, first stride (Sandler et al., 2018, table 2).
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
       (6, 320, 1, 1))  # fmt: skip


def _mobilenet_v2() -> Iterator[Lifetime]:
    step, side, channels = 0, 112, 32
    yield Lifetime(224 * 224 * 3 * 4, -1, 0)
    size, born = side * side * channels * 4, 0  # of the block's input, which waits for its reader
    for expansion, outputs, repeats, first_stride in _V2:
        for number in range(repeats):
            stride = first_stride if number == 0 else 1
            wide = channels * expansion
            step = born
            if expansion > 1:
                step += 1
                yield Lifetime(side * side * wide * 4, step, step + 1)
            else:
                wide = channels
            step += 1
            first_read = step if expansion == 1 else step - 1
            side //= stride
            yield Lifetime(side * side * wide * 4, step, step + 1)
            step += 1
            result = side * side * outputs * 4
            residual = stride == 1 and channels == outputs
            yield Lifetime(size, born, step + 1 if residual else first_read)
            if residual:
                yield Lifetime(result, step, step + 1)
                step += 1
            size, born, channels = result, step, outputs
    yield Lifetime(size, born, born + 1)
    tail = (side * side * 1280 * 4, 1280 * 4, 1001 * 4, 1001 * 4)
    yield from (Lifetime(n, born + 1 + i, born + 2 + i) for i, n in enumerate(tail))


def _unet() -> Iterator[Lifetime]:
    """Two convolutions a level; each level's result waits for the way up."""
    levels = 4
    yield Lifetime(64 * 64, -1, 0)
    for level in range(levels):
        size, step = 64 * 64 * 16 >> level, 2 * level
        yield Lifetime(size, step, step + 1)
        back = 2 * levels + 3 * (levels - 2 - level) + 1
        yield Lifetime(size, step + 1, back if level < levels - 1 else step + 2)
    for level in reversed(range(levels - 1)):
        size, step = 64 * 64 * 16 >> level, 2 * levels + 3 * (levels - 2 - level)
        yield Lifetime(size, step, step + 1)
        yield Lifetime(size, step + 1, step + 2)
        yield Lifetime(size, step + 2, step + 3)
