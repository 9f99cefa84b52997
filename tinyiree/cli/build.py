"""``tinyiree build``."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.table import Table

from tinyiree.api import build as build_model
from tinyiree.api import pipeline
from tinyiree.cli.console import ShownProgress, out
from tinyiree.cli.sizes import bytes_of
from tinyiree.errors import TinyireeError
from tinyiree.interleave.goal import Optimize
from tinyiree.passes.settings import LayerRule, RangeMethod
from tinyiree.report.terminal import render
from tinyiree.settings import Format, Int8, ToolchainName
from tinyiree.tensors import read_npz
from tinyiree.tune import TuneKernels


def build(
    model: Annotated[
        str,
        typer.Argument(
            help="FILE.py:NAME, or a .pt2, .onnx, .tflite or .mlir file", metavar="MODEL"
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="core to build for; see `tinyiree targets`")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="board that it has to fit; see `tinyiree boards`")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder; default build/NAME-TARGET")
    ] = None,
    quantize: Annotated[str, typer.Option(help="int8 or none")] = "int8",
    calibration: Annotated[
        Path | None, typer.Option(help=".npz of float samples; the leading axis counts them")
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(help="such as 1,1,28,28; once for each input; the default is example_inputs"),
    ] = None,
    formats: Annotated[str, typer.Option(help="static, or static,vmfb")] = "static,vmfb",
    name: Annotated[str | None, typer.Option(help="C identifier; by default the model's")] = None,
    range_method: Annotated[
        str, typer.Option(help="activation ranges: min-max, percentile or mse")
    ] = "min-max",
    percentile: Annotated[
        float, typer.Option(help="share of values in percent, for --range-method percentile")
    ] = 99.99,
    per_tensor: Annotated[bool, typer.Option(help="one weight scale per tensor")] = False,
    keep_float: Annotated[
        list[str] | None, typer.Option(help="pattern of layer names to compute in float")
    ] = None,
    toolchain: Annotated[str, typer.Option(help="zig or gcc, for the self-test image")] = "zig",
    optimize: Annotated[
        str, typer.Option(help="speed; or ram, for up to a third more instructions")
    ] = "speed",
    ram_limit: Annotated[
        str | None, typer.Option(help="most that the arena may have, such as 16K")
    ] = None,
    ram_bank: Annotated[
        list[str] | None,
        typer.Option(help="a memory, such as dtcm=64K; several, the fastest first"),
    ] = None,
    dump_ir: Annotated[
        Path | None, typer.Option(help="folder that receives the module after every pass")
    ] = None,
    pass_timing: Annotated[bool, typer.Option(help="print where the time goes")] = False,
    tune: Annotated[
        bool, typer.Option(help="measure all kernels for each layer, and take the best")
    ] = False,
) -> None:
    """Build a model: C sources, a static library, and a self-test image."""
    times: list[tuple[str, float]] = []
    stem = name or Path(model.rpartition(":")[2] or model).stem
    folder = output or Path("build") / f"{stem}-{board or target}"
    with ShownProgress() as progress:
        built = build_model(
            model,
            target=target,
            board=board,
            out=folder,
            quantize=quantization(
                quantize, calibration, range_method, percentile, not per_tensor, keep_float or ()
            ),
            input_shapes=[shape(text) for text in input_shape or ()],
            name=name,
            formats=[cast(Format, part.strip()) for part in formats.split(",")],
            pipeline=pipeline(target).replace("select-kernels", TuneKernels())
            if tune
            else pipeline(target),
            toolchain=cast(ToolchainName, _choice("--toolchain", toolchain, ("zig", "gcc"))),
            optimize=cast(Optimize, _choice("--optimize", optimize, get_args(Optimize))),
            ram_limit=bytes_of("--ram-limit", ram_limit) if ram_limit is not None else None,
            ram_banks=banks(ram_bank or ()),
            dump_ir=dump_ir,
            observe=lambda step, seconds: times.append((step, seconds)),
            progress=progress,
        )
    out.print(render(built.report))
    if pass_timing:
        out.print(_timing(times))
    out.print(f"built {built.manifest.name} for {board or target} in {folder}")


def quantization(
    quantize: str,
    calibration: Path | None,
    method: str = "min-max",
    percentile: float = 99.99,
    per_channel: bool = True,
    keep_float: Sequence[str] = (),
) -> Int8 | None:
    """What ``--quantize`` and the options beside it ask for."""
    if _choice("--quantize", quantize, ("int8", "none")) == "none":
        if calibration is not None:
            raise TinyireeError(
                "--calibration has no use with --quantize none; leave out one of the two"
            )
        return None
    if not 50 < percentile <= 100:
        raise TinyireeError(f"--percentile {percentile}: expected a number in (50, 100]")
    return Int8(
        calibration=read_npz(calibration) if calibration is not None else None,
        method=cast(RangeMethod, _choice("--range-method", method, get_args(RangeMethod))),
        percentile=percentile,
        per_channel=per_channel,
        rules=tuple(LayerRule(pattern, keep_float=True) for pattern in keep_float),
    )


def banks(texts: Sequence[str]) -> dict[str, int]:
    """What all ``--ram-bank`` say: bytes by name, in their order."""
    found: dict[str, int] = {}
    for text in texts:
        name, _, size = text.partition("=")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name in found:
            raise TinyireeError(
                f"--ram-bank {text}: expected a new name and a size, such as dtcm=64K"
            )
        found[name] = bytes_of("--ram-bank", size)
    return found


def _choice(option: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise TinyireeError(f"{option} {value}: expected one of {', '.join(allowed)}")
    return value


def shape(text: str) -> tuple[int, ...]:
    """What one ``--input-shape`` says."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise TinyireeError(
            f"--input-shape {text}: expected positive integers separated by commas, such as "
            "1,1,28,28"
        )
    return numbers


def _timing(times: Sequence[tuple[str, float]]) -> Table:
    table = Table(box=None, show_footer=True)
    table.add_column("step", footer="total")
    table.add_column("seconds", justify="right", footer=f"{sum(time for _, time in times):.2f}")
    for step, seconds in times:
        table.add_row(step, f"{seconds:.2f}")
    return table
