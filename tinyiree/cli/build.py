"""``tinyiree build``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.table import Table

from tinyiree.api import build as build_model
from tinyiree.api import pipeline
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.passes.settings import LayerRule, RangeMethod
from tinyiree.report.terminal import render
from tinyiree.settings import Format, Int8, ToolchainName
from tinyiree.tensors import read_npz


def build(
    model: Annotated[
        str,
        typer.Argument(
            help="FILE.py:NAME, or a .pt2, .onnx, .tflite or .mlir file", metavar="MODEL"
        ),
    ],
    target: Annotated[str, typer.Option(help="core to build for; see `tinyiree targets`")],
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
    dump_ir: Annotated[
        Path | None, typer.Option(help="folder that receives the module after every pass")
    ] = None,
    pass_timing: Annotated[bool, typer.Option(help="print where the time goes")] = False,
) -> None:
    """Build a model: C sources, a static library, and a self-test image."""
    times: list[tuple[str, float]] = []
    stem = name or Path(model.rpartition(":")[2] or model).stem
    folder = output or Path("build") / f"{stem}-{target}"
    with ShownProgress() as progress:
        built = build_model(
            model,
            target=target,
            out=folder,
            quantize=_quantization(
                quantize, calibration, range_method, percentile, not per_tensor, keep_float or ()
            ),
            input_shapes=[_shape(text) for text in input_shape or ()],
            name=name,
            formats=[cast(Format, part.strip()) for part in formats.split(",")],
            pipeline=pipeline(target),
            toolchain=cast(ToolchainName, _choice("--toolchain", toolchain, ("zig", "gcc"))),
            dump_ir=dump_ir,
            observe=lambda step, seconds: times.append((step, seconds)),
            progress=progress,
        )
    out.print(render(built.report))
    if pass_timing:
        out.print(_timing(times))
    out.print(f"built {built.manifest.name} for {target} in {folder}")


def _quantization(
    quantize: str,
    calibration: Path | None,
    method: str,
    percentile: float,
    per_channel: bool,
    keep_float: Sequence[str],
) -> Int8 | None:
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


def _choice(option: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise TinyireeError(f"{option} {value}: expected one of {', '.join(allowed)}")
    return value


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise TinyireeError(
            f"--input-shape {text}: expected positive integers separated by commas, such as "
            "1,1,28,28"
        )
    return shape


def _timing(times: Sequence[tuple[str, float]]) -> Table:
    table = Table(box=None, show_footer=True)
    table.add_column("step", footer="total")
    table.add_column("seconds", justify="right", footer=f"{sum(time for _, time in times):.2f}")
    for step, seconds in times:
        table.add_row(step, f"{seconds:.2f}")
    return table
