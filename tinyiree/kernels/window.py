"""The geometry of convolutions and pools as ``tinyiree_window_t``."""

from collections.abc import Mapping

from iree.compiler import ir

from tinyiree.ir import access

ONE_IMAGE = "a batch of more than one"


def window(
    op: ir.Operation, kernel: tuple[int, int], strides: list[int], padding: list[int]
) -> Mapping[str, int | str]:
    """``tinyiree_window_t`` of an op from [1, H, W, C] to [1, OH, OW, O]."""
    dilations = access.ints(op, "dilations") if "dilations" in op.attributes else [1, 1]
    _, height, width, channels = access.shape(op.operands[0])
    return {
        "in_height": height,
        "in_width": width,
        "in_channels": channels,
        "out_width": access.shape(op.results[0])[2],
        "kernel_height": kernel[0],
        "kernel_width": kernel[1],
        "stride_height": strides[0],
        "stride_width": strides[1],
        "dilation_height": dilations[0],
        "dilation_width": dilations[1],
        "pad_top": padding[0],
        "pad_left": padding[1],
    }


def batch_problem(op: ir.Operation) -> str | None:
    """Kernels compute one image."""
    return ONE_IMAGE if access.shape(op.operands[0])[0] != 1 else None
