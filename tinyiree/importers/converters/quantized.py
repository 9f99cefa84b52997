"""The quantize and dequantize ops of a model that was quantized in PyTorch (PT2E, torchao)."""

import numpy as np
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Array, Call, Entry, Result, Unsupported
from tinyiree.ir import access, build

# torch.int8 and torch.int32 as torch's ScalarType enumeration numbers them (c10/core/ScalarType.h).
_INT8, _INT32 = 1, 3
_REMEDY = "quantize activations and weights to signed 8 bits (torch.int8, -128 to 127)"


def _quantize_per_tensor(call: Call) -> Result:
    """quantize_per_tensor(x, scale, zero_point, quant_min, quant_max, dtype)."""
    return _quantize(call, [call.number(1)], [_whole(call, 2)], 0, first=3)


def _quantize_per_channel(call: Call) -> Result:
    """quantize_per_channel(x, scales, zero_points, axis, quant_min, quant_max, dtype)."""
    scales, zero_points = _per_channel(call)
    return _quantize(call, scales, zero_points, _axis(call), first=4)


def _quantize(
    call: Call, scales: list[float], zero_points: list[int], axis: int, first: int
) -> Result:
    low, high = call.integer(first), call.integer(first + 1)
    if call.integer(first + 2) != _INT8:
        raise Unsupported(f"quantization to {call.kinds[0].dtype}", _REMEDY)
    if low < -128 or high > 127:
        raise Unsupported(f"the quantized range {low} to {high}", _REMEDY)
    x = call.raw(0)
    if not isinstance(x, ir.Value):
        return _quantize_constant(x, scales, zero_points, axis, low, high)
    if (low, high) != (-128, 127):
        if len(scales) > 1:
            raise Unsupported(f"a range of {low} to {high} for each channel", _REMEDY)
        # nn.quantize saturates at -128 and 127: the narrower range is a clamp before it.
        x = emit.clamp(x, (low - zero_points[0]) * scales[0], (high - zero_points[0]) * scales[0])
    return emit.explicit_quantize(x, scales, zero_points, axis)


def _quantize_constant(
    x: Array, scales: list[float], zero_points: list[int], axis: int, low: int, high: int
) -> Array:
    shape = [1] * x.ndim
    if len(scales) > 1:
        shape[axis] = -1
    # In float32, and by the reciprocal, as torch's reference computes it.
    inverse = (np.float32(1.0) / np.array(scales, np.float32)).reshape(shape)
    q = np.rint(x.astype(np.float32) * inverse) + np.array(zero_points).reshape(shape)
    quantized: Array = np.clip(q, low, high).astype(np.int8)
    return quantized


def _dequantize_per_tensor(call: Call) -> Result:
    """dequantize_per_tensor(x, scale, zero_point, quant_min, quant_max, dtype)."""
    return _dequantize(call, [call.number(1)], [_whole(call, 2)], 0, first=3)


def _dequantize_per_channel(call: Call) -> Result:
    """dequantize_per_channel(x, scales, zero_points, axis, quant_min, quant_max, dtype)."""
    scales, zero_points = _per_channel(call)
    return _dequantize(call, scales, zero_points, _axis(call), first=4)


def _dequantize(
    call: Call, scales: list[float], zero_points: list[int], axis: int, first: int
) -> Result:
    if call.integer(first + 2) not in (_INT8, _INT32):
        raise Unsupported("a quantized tensor that is neither int8 nor int32", _REMEDY)
    x = call.tensor(0)
    return build.op(
        "nn.dequantize",
        [x],
        access.shape(x),
        "f32",
        scales=scales,
        zero_points=zero_points,
        axis=axis,
    )


def _per_channel(call: Call) -> tuple[list[float], list[int]]:
    scales = [float(s) for s in call.constant(1, "the scales").astype(np.float64).ravel()]
    if not call.given(2):
        return scales, [0] * len(scales)
    zero_points = call.constant(2, "the zero points").astype(np.int64).ravel()
    return scales, [int(z) for z in zero_points]


def _whole(call: Call, index: int) -> int:
    return int(call.number(index))


def _axis(call: Call) -> int:
    return emit.axis(call.integer(3), len(call.shape))


_QUANTIZE, _DEQUANTIZE = ("nn.quantize", "nn.clamp"), ("nn.dequantize",)

ENTRIES: dict[str, Entry] = {
    "quantized_decomposed.quantize_per_tensor": Entry(_quantize_per_tensor, _QUANTIZE),
    "quantized_decomposed.quantize_per_tensor.tensor": Entry(_quantize_per_tensor, _QUANTIZE),
    "quantized_decomposed.quantize_per_channel": Entry(_quantize_per_channel, _QUANTIZE),
    "quantized_decomposed.dequantize_per_tensor": Entry(_dequantize_per_tensor, _DEQUANTIZE),
    "quantized_decomposed.dequantize_per_tensor.tensor": Entry(_dequantize_per_tensor, _DEQUANTIZE),
    "quantized_decomposed.dequantize_per_channel": Entry(_dequantize_per_channel, _DEQUANTIZE),
}

REMEDIES: dict[str, str] = {
    "quantized_decomposed.choose_qparams.tensor": "use static quantization, not dynamic",
    "quantized_decomposed.choose_qparams_symmetric.tensor": "use static quantization, not dynamic",
    "aten.fake_quantize_per_tensor_affine": "convert the trained model with convert_pt2e first",
    "aten.fake_quantize_per_channel_affine": "convert the trained model with convert_pt2e first",
}
