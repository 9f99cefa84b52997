"""FULLY_CONNECTED: integers, float32, and float32 with int8 weights (hybrid).

The reference kernel rounds once: ``round(double(acc) * scale)``, halves away from zero. The
importer finds multipliers with which ``R`` gives the same for every accumulator (``exact``).
"""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, materialize
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.convolution import (
    bias_of,
    centered_weights,
    check_accumulator,
    integer_bias,
    narrow,
    rescaling_factors,
    weighted_type,
)
from tinyiree.importers.tflite.exact import fit, fit_long, round_product
from tinyiree.importers.tflite.hybrid import HYBRID_OPS, hybrid, is_hybrid
from tinyiree.importers.tflite.model import Array
from tinyiree.importers.tflite.types import ARITHMETIC
from tinyiree.ir import access, build


def fully_connected(call: Call) -> Tensor:
    """``[..., K]`` flattened to rows of K, times weights ``[O, K]``."""
    dtype = weighted_type(call)
    weights = call.constant(1, "weights")
    if call.option("weights_format", 0) != 0:
        raise Unsupported("shuffled weights", "convert the model again with default weights")
    if weights.ndim != 2 or np.prod(call.input(0).shape) % weights.shape[1]:
        raise Unsupported(
            f"weights of shape {list(weights.shape)} for {call.input(0)}", "convert it again"
        )
    outputs, depth = weights.shape
    rows = int(np.prod(call.input(0).shape)) // depth
    if np.prod(call.output().shape) != rows * outputs:
        raise Unsupported(
            f"the output {call.output()}, expected {rows} x {outputs} elements",
            "convert the model again",
        )
    x = call.reshaped(call.value(0), (rows, depth))
    if is_hybrid(call):
        bias = bias_of(call, outputs, np.float32)
        asymmetric = bool(call.option("asymmetric_quantize_inputs", 0))
        rows_of_data = materialize(x)
        y = hybrid(call, rows_of_data, weights, bias, 0, asymmetric, shape=(rows, outputs))
    else:
        y = _float(call, x, weights) if dtype == "float32" else _integer(call, x, weights)
    return call.reshaped(y, call.output().shape)


def _float(call: Call, x: Tensor, weights: Array) -> ir.Value:
    operands = [x, weights, bias_of(call, len(weights), np.float32)]
    shape = (access.shape(x)[0] if isinstance(x, ir.Value) else x.shape[0], len(weights))
    return call.clamped(call.emit("nn.fully_connected", operands, {}, shape))


def _integer(call: Call, x: Tensor, weights: Array) -> ir.Value:
    _, zero_point = call.quantization(call.input(0))
    bias = integer_bias(call, len(weights))
    weights = centered_weights(call, weights)
    bound = check_accumulator(call, weights, bias, zero_point)
    output = call.integer_output()
    low, high = (output[name] - output["output_zero_point"] for name in ("clamp_min", "clamp_max"))
    factors = rescaling_factors(call, len(weights), 0)
    find = fit_long if call.output().dtype == "int16" else fit
    fitted = {
        factor: find(round_product(factor), factor, low, high, bound) for factor in set(factors)
    }
    pairs = np.array([fitted[factor] for factor in factors], np.int64)
    multipliers: Tensor = pairs[:, 0].astype(np.int32)
    if (pairs[:, 0] >= 2**31).any():
        multipliers = build.constant(pairs[:, 0])
    rows = access.shape(x)[0] if isinstance(x, ir.Value) else x.shape[0]
    return call.emit(
        "qnn.fully_connected",
        [x, weights, narrow(bias), multipliers, pairs[:, 1].astype(np.int32)],
        {"input_zero_point": zero_point, **output},
        (rows, len(weights)),
    )


ENTRIES: dict[str, Entry] = {
    "FULLY_CONNECTED": Entry(
        fully_connected,
        (
            "nn.fully_connected",
            "nn.clamp",
            "qnn.fully_connected",
            "qnn.hybrid_fully_connected",
            *HYBRID_OPS,
            "nn.reshape",
        ),
        ARITHMETIC,
        12,
        "float32 also with int8 weights; int16 with int8 weights",
    ),
}
