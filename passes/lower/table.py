"""Which function lowers which operator of the normal form."""

from tinyiree.passes.lower import (
    convolution,
    elementwise,
    layout,
    matmul,
    pooling,
    quantize,
    reduction,
)
from tinyiree.passes.lower.layer import Emitter

EMITTERS: dict[str, Emitter] = {
    "nn.conv2d": convolution.float_conv2d,
    "nn.fully_connected": matmul.float_fully_connected,
    "nn.batch_matmul": matmul.float_batch_matmul,
    "nn.clamp": elementwise.float_clamp,
    "nn.unary": elementwise.float_unary,
    "nn.softmax": reduction.float_softmax,
    "nn.log_softmax": reduction.float_log_softmax,
    "nn.add": elementwise.float_binary("addf"),
    "nn.sub": elementwise.float_binary("subf"),
    "nn.mul": elementwise.float_binary("mulf"),
    "nn.max_pool2d": pooling.max_pool2d,
    "nn.avg_pool2d": pooling.float_avg_pool2d,
    "nn.mean": reduction.float_mean,
    "nn.argmax": reduction.argmax,
    "nn.concat": layout.concat,
    "nn.transpose": layout.transpose,
    "nn.pad": layout.pad,
    "nn.slice": layout.slice_,
    "nn.upsample_nearest": layout.upsample_nearest,
    "nn.quantize": quantize.quantize,
    "nn.dequantize": quantize.dequantize,
    "qnn.conv2d": convolution.integer_conv2d,
    "qnn.fully_connected": matmul.integer_fully_connected,
    "qnn.batch_matmul": matmul.integer_batch_matmul,
    "qnn.add": elementwise.integer_add,
    "qnn.mul": elementwise.integer_mul,
    "qnn.avg_pool2d": pooling.integer_avg_pool2d,
    "qnn.mean": reduction.integer_mean,
    "qnn.requantize": elementwise.requantize,
    "qnn.clamp": elementwise.integer_clamp,
    "qnn.lookup": elementwise.lookup,
    "qnn.softmax": reduction.integer_softmax,
    "qnn.log_softmax": reduction.integer_log_softmax,
}
"""All operators but ``nn.reshape``, which is free, and ``nn.batch_norm``, which is folded before."""
