"""Tile sizes for the two ops that IREE tiles for registers: dense convolution and matrix product.

IREE's own choice counts on vector registers; on a core without them it spills (13 KB of code and
860 bytes of stack for one 3x3 convolution on RV32IMAC). The sizes here are the best of those tried
on Cortex-M4, Cortex-M0+ and RV32IMAC: one output position, a few output channels, and a few steps
of the reduction unrolled.
"""

from collections.abc import Sequence

_CONV_CHANNELS, _CONV_DEPTH = 8, 4
_MATMUL_CHANNELS, _MATMUL_DEPTH = 4, 8
# Fewer output channels at a time share too little; then IREE's choice is better.
_LEAST_CHANNELS = 3


def largest_divisor(extent: int, most: int) -> int:
    """The largest divisor of an extent that is not above ``most``: tiles must divide."""
    return next(d for d in range(min(most, extent), 0, -1) if extent % d == 0)


def convolution(channels: int, depth: int) -> str:
    """Attribute of ``conv_2d_nhwc_hwcf`` (loops n, oh, ow, f, kh, kw, c), or nothing."""
    tile = largest_divisor(channels, _CONV_CHANNELS)
    if tile < min(_LEAST_CHANNELS, channels):
        return ""
    steps = largest_divisor(depth, _CONV_DEPTH)
    parallel, reduction = (1, 1, 1, tile, 0, 0, 0), (0, 0, 0, 0, 1, 1, steps)
    return _attribute(parallel, reduction, "ConvTileAndDecomposeExpert")


def matmul(channels: int, depth: int) -> str:
    """Attribute of ``matmul`` (loops m, n, k), or nothing."""
    tile = largest_divisor(channels, _MATMUL_CHANNELS)
    if tile < min(_LEAST_CHANNELS, channels):
        return ""
    steps = largest_divisor(depth, _MATMUL_DEPTH)
    return _attribute((1, tile, 0), (0, 0, steps), "DoubleTilingExpert")


def _attribute(parallel: Sequence[int], reduction: Sequence[int], pipeline: str) -> str:
    nothing = [0] * len(parallel)
    return (
        "compilation_info = #iree_codegen.compilation_info<"
        f"lowering_config = #iree_cpu.lowering_config<distribution = {nothing}, "
        f"vector_common_parallel = {list(parallel)}, vector_reduction = {list(reduction)}>, "
        "translation_info = #iree_codegen.translation_info<"
        f"pipeline = #iree_cpu.pipeline<{pipeline}>>>"
    )
