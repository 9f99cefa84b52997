"""What is refused in a quantized model, and the reason that is given."""

import numpy as np
import pytest
import qdq_models as qdq
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.base import Pass
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.settings import Quantization
from tinyiree.passes.verify_integer import VerifyInteger

SOFTMAX_OUT = (1 / 256, -128)


def check(module: ir.Module, quantization: Quantization | None = None) -> None:
    context = qdq.context(quantization)
    Integerize().run(module, context)
    VerifyInteger().run(module, context)


def message_of(module: ir.Module, quantization: Quantization | None = None) -> str:
    with pytest.raises(TinyireeError) as caught:
        check(module, quantization)
    return str(caught.value)


def keep_float(value: ir.Value) -> ir.Value:
    op = access.defining_op(value)
    assert op is not None
    op.attributes["tiny.keep_float"] = ir.UnitAttr.get()
    return value


def test_it_is_a_pass() -> None:
    assert isinstance(VerifyInteger(), Pass)
    assert VerifyInteger().name == "verify-integer"


def test_a_float_model_passes() -> None:
    with qdq.model([1, 4]) as m:
        check(m.finish(m.op("nn.softmax", [m.inputs[0]], [1, 4])))


def test_a_model_that_should_be_quantized_and_is_not() -> None:
    with qdq.model([1, 4]) as m:
        y = m.op("nn.softmax", [m.inputs[0]], [1, 4], layer="head")
        message = message_of(m.finish(y), Quantization())
    assert "no layer of the model is quantized: nn.softmax 'head' (model.py:7)" in message


def test_a_model_that_is_kept_float_as_a_whole_passes() -> None:
    with qdq.model([1, 4]) as m:
        check(m.finish(keep_float(m.op("nn.softmax", [m.inputs[0]], [1, 4]))), Quantization())


def test_an_input_that_is_not_quantized() -> None:
    with qdq.model([1, 4], [1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.unary", [m.inputs[1]], [1, 4], fn="tanh", alpha=0.0, layer="gate")
        y = m.op("nn.add", [x, y], [1, 4], layer="join")
        message = message_of(m.finish(m.quantize(y, 0.1, 0)))
    assert message.startswith("1 float op(s) are left")
    assert "nn.add 'join' (model.py:7): its input 1 is not quantized: it comes from" in message
    assert "nn.unary 'gate'" in message
    assert "keep these layers in float" in message


def test_an_argument_that_is_not_quantized() -> None:
    with qdq.model([1, 4], [1, 4]) as m:
        y = m.op("nn.mul", [m.quantize(m.inputs[0], 0.05, 3), m.inputs[1]], [1, 4])
        message = message_of(m.finish(m.quantize(y, 0.1, 0)))
    assert "its input 1 is an argument of the model that is not quantized" in message


def test_a_float_weight() -> None:
    with qdq.model([1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        w = m.constant(np.ones((2, 4), np.float32))
        y = m.op("nn.fully_connected", [x, w], [1, 2], layer="fc")
        message = message_of(m.finish(m.quantize(y, 0.1, 0)))
    assert "its input 1 is not quantized: it comes from a float constant" in message


def test_a_result_that_is_not_quantized() -> None:
    with qdq.model([1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.unary", [x], [1, 4], fn="tanh", alpha=0.0, layer="act")
        y = m.op("nn.softmax", [y], [1, 4], layer="head")
        message = message_of(m.finish(m.quantize(y, *SOFTMAX_OUT)))
    assert message.startswith("2 float op(s)")
    assert "nn.unary 'act' (model.py:7): its result is not quantized: it goes" in message
    assert "nn.softmax 'head' (model.py:7): its input 0 is not quantized" in message


def test_a_result_used_in_float_by_several() -> None:
    with qdq.model([1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.softmax", [x], [1, 4], layer="head")
        message = message_of(m.finish(m.quantize(y, *SOFTMAX_OUT), y))
    assert "its result is used in float by several ops: nn.quantize" in message
    assert "the model's results" in message


def test_an_activation_quantized_per_channel() -> None:
    with qdq.model([1, 2]) as m:
        parameters = {"scales": [0.1, 0.2], "zero_points": [0, 0], "axis": 1}
        raw = m.op("nn.quantize", [m.inputs[0]], [1, 2], element="i8", **parameters)
        x = m.op("nn.dequantize", [raw], [1, 2], **parameters)
        y = m.op("nn.softmax", [x], [1, 2])
        message = message_of(m.finish(m.quantize(y, *SOFTMAX_OUT)))
    assert "its input 0 is quantized per channel; activations need one scale" in message


def test_an_op_without_an_integer_form() -> None:
    with qdq.model([1, 2]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        ones = m.dequantize(m.constant(np.ones(2, np.int8)), 1.0, 0)
        y = m.op("nn.batch_norm", [x, ones, ones, ones, ones], [1, 2], epsilon=1e-5)
        message = message_of(m.finish(m.quantize(y, 0.1, 0)))
    assert "there is no integer form of it" in message


def test_float_at_the_edges_passes() -> None:
    with qdq.model([1, 4]) as m:
        x = m.op("nn.unary", [m.inputs[0]], [1, 4], fn="tanh", alpha=0.0)
        y = m.op("nn.unary", [m.quantize(x, 0.01, 0)], [1, 4], fn="neg", alpha=0.0)
        module = m.finish(m.op("nn.softmax", [m.quantize(y, 0.01, 0)], [1, 4]))
        check(module)
        assert qdq.names(module) == [
            "nn.unary", "nn.quantize", "qnn.lookup", "nn.dequantize", "nn.softmax",
        ]  # fmt: skip


def test_a_layer_kept_float_passes() -> None:
    with qdq.model([1, 4]) as m:
        y = keep_float(m.op("nn.softmax", [m.quantize(m.inputs[0], 0.05, 3)], [1, 4]))
        check(m.finish(m.quantize(y, *SOFTMAX_OUT)))


def test_an_int8_weight_does_not_make_a_float_first_layer_an_integer_one() -> None:
    with qdq.model([1, 4]) as m:
        w = m.weight(np.ones((2, 4), np.int8), [0.1])
        y = m.op("nn.fully_connected", [m.inputs[0], w], [1, 2])
        y = m.op("nn.softmax", [m.quantize(y, 0.1, 0)], [1, 2])
        check(m.finish(m.quantize(y, *SOFTMAX_OUT)))
