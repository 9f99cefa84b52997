"""Each thing that the verifier refuses, and how it says so."""

import pytest
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import build
from tinyiree.ir.verify import verify

F, Q = "tensor<2xf32>", "tensor<2xi8>"

REFUSED = {
    "unknown op": (f'"nn.fft"(%x) : ({F}) -> {F}', r"nn\.fft 'l1': not an operator"),
    "one operand short": (f'"nn.add"(%x) : ({F}) -> {F}', "expected 2 operands, found 1"),
    "too many": (
        f'"nn.conv2d"(%x, %x, %x, %x) : ({F}, {F}, {F}, {F}) -> {F}',
        "expected 2 to 3 operands, found 4",
    ),
    "none at all": (
        f'"nn.concat"() {{axis = 0 : i64}} : () -> {F}',
        "expected 1 to any number of operands, found 0",
    ),
    "no tensor": ('"nn.exp"(%i) : (index) -> index', "not an operator"),
    "scalar": (f'"nn.softmax"(%i) : (index) -> {F}', "expected tensors, found index"),
    "dynamic": (
        f'"nn.softmax"(%x) : ({F}) -> tensor<?xf32>',
        r"expected a static shape, found tensor<\?xf32>",
    ),
    "integer data": (f'"nn.softmax"(%q) : ({Q}) -> {Q}', "expected f32 data, found i8"),
    "result": (f'"nn.softmax"(%x) : ({F}) -> {Q}', "expected a result of f32, found i8"),
    "result of argmax": (
        f'"nn.argmax"(%x) {{axis = 0 : i64}} : ({F}) -> {F}',
        "expected a result of i32, found f32",
    ),
    "missing attribute": (
        f'"nn.clamp"(%x) {{min = 0.0 : f64}} : ({F}) -> {F}',
        r"attribute 'max' \(f64\) is missing",
    ),
    "kind of attribute": (
        f'"nn.clamp"(%x) {{min = 0.0 : f64, max = 1 : i64}} : ({F}) -> {F}',
        "attribute 'max' should be f64, found 1 : i64",
    ),
    "function": (
        f'"nn.unary"(%x) {{fn = "sin", alpha = 0.0 : f64}} : ({F}) -> {F}',
        "unknown function 'sin', expected one of sigmoid",
    ),
    "rounding": (
        f'"nn.quantize"(%x) {{scales = array<f64: 1.0>, zero_points = array<i64: 0>, '
        f'axis = 0 : i64, rounding = "double"}} : ({F}) -> {Q}',
        "unknown rounding 'double', expected one of even, away",
    ),
    "kind of an optional attribute": (
        f'"nn.quantize"(%x) {{scales = array<f64: 1.0>, zero_points = array<i64: 0>, '
        f"axis = 0 : i64, rounding = 1 : i64}} : ({F}) -> {Q}",
        "attribute 'rounding' should be str, found 1 : i64",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: str, message: str) -> None:
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(
            f'func.func @main(%x: {F}, %q: {Q}, %i: index) {{\n %y = {text} loc("l1")\n return }}'
        )
        with pytest.raises(TinyireeError, match=message) as caught:
            verify(module)
    assert "'l1'" in str(caught.value)


def test_accepted() -> None:
    with build.new_context(), ir.Location.unknown():
        verify(
            ir.Module.parse(
                f'func.func @main(%x: {F}) {{\n %y = "nn.softmax"(%x) {{tiny.note = 1 : i64}} '
                f": ({F}) -> {F}\n return }}"
            )
        )
