"""Operators on uint8, int16 and other types with random shapes and scales: LiteRT's bytes."""

import cases
import numpy as np
import pytest
from builder import ModelBuilder
from cases import Make
from litert import Reference
from typed_cases import ALL, CASTS, INT16, OTHERS, UINT8, compare, joined

from tinyiree.errors import TinyireeError
from tinyiree.importers import supported_ops
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host

SEEDS = 20


@pytest.mark.parametrize("name", UINT8)
def test_uint8_equals_litert(name: str) -> None:
    cases.check(UINT8[name], range(SEEDS))


@pytest.mark.parametrize("name", INT16)
def test_int16_equals_litert(name: str) -> None:
    cases.check(INT16[name], range(SEEDS))


@pytest.mark.parametrize("name", OTHERS)
def test_other_types_equal_litert(name: str) -> None:
    cases.check(OTHERS[name], range(8))


@pytest.mark.parametrize("name", CASTS)
def test_casts_equal_litert(name: str) -> None:
    cases.check(CASTS[name], range(4))


@pytest.mark.parametrize("table", ALL, ids=["uint8", "int16", "others", "casts"])
def test_compiled_by_iree(table: dict[str, Make]) -> None:
    rng = np.random.default_rng(5)
    b, case = joined(table, rng)
    model = b.finish(case.inputs, case.outputs)
    module, reference = cases.import_bytes(model), Reference(model)
    with module.context:
        program = compile_host(module)
    for _ in range(3):
        data = cases.data_for(model, rng)
        found = program([cases.stored(array) for array in data])
        for number, (a, e) in enumerate(zip(found, reference(data), strict=True)):
            compare(a, e, f"output {number}")


def test_floats_that_no_integer_holds_saturate() -> None:
    beyond = [0.5, -0.5, 1.5, -1.9, 127.9, -128.9, 255.9, 3e9, -3e9, 1e30, -1e30, np.inf, -np.inf]
    values = np.array([*beyond, np.nan], np.float32)
    b = ModelBuilder()
    targets = ("int8", "uint8", "int16", "int32", "int64", "bool")
    x = b.tensor("x", values.shape, "float32")
    outputs = [b.tensor(name, values.shape, name) for name in targets]
    for y in outputs:
        b.op("CAST", [x], [y])
    model = b.finish([x], outputs)
    module = cases.import_bytes(model)
    with module.context:
        interpreted, compiled = interpret(module, [values]), compile_host(module)([values])
    for name, a, c in zip(targets, interpreted, compiled, strict=True):
        np.testing.assert_array_equal(a, c, err_msg=name)
    int8, uint8, int16, int32, int64, truth = interpreted
    assert int8.tolist()[4:8] == [127, -128, 127, 127]
    assert uint8.view(np.uint8).tolist()[:7] == [0, 0, 1, 0, 127, 0, 255]
    assert int16[-1] == 2**15 - 1  # NaN
    assert int32.tolist()[7:9] == [2**31 - 1, -(2**31)]
    assert int64.tolist()[9:11] == [2**63 - 1, -(2**63)]
    assert truth.all()


@pytest.mark.parametrize("name", ["ADD", "SUB"])
def test_int16_sums_of_powers_of_two_shift_and_saturate(name: str) -> None:
    for shifts in ((0, 0), (0, 3), (5, 0)):
        rng, b = np.random.default_rng(2), ModelBuilder()
        x = [
            b.tensor(n, (2, 30), "int16", scale=2.0 ** (-10 - s))
            for n, s in zip("ab", shifts, strict=True)
        ]
        y = b.tensor("y", (2, 30), "int16", scale=2.0**-10)
        options = {"pot_scale_int16": True, "fused_activation_function": 0}
        b.op(name, x, [y], (f"{name.capitalize()}Options", options), version=3)
        model = b.finish(x, [y])
        module, reference = cases.import_bytes(model), Reference(model)
        for _ in range(3):
            data = cases.data_for(model, rng)
            with module.context:
                found = interpret(module, data)
            np.testing.assert_array_equal(found[0], reference(data)[0], err_msg=str(shifts))


def test_int16_with_a_bias_of_32_bits_rounds_twice() -> None:
    for seed in range(10):
        rng, b = np.random.default_rng(seed), ModelBuilder()
        x = b.tensor("x", (1, 4, 4, 3), "int16", scale=1e-4)
        values = rng.integers(-127, 128, (5, 2, 2, 3)).astype(np.int8)
        w = b.constant("w", values, scale=rng.uniform(0.01, 0.02, 5), axis=0)
        bias = b.constant("b", rng.integers(-(2**20), 2**20, 5).astype(np.int32), scale=1e-6)
        y = b.tensor("y", (1, 3, 3, 5), "int16", scale=1e-3)
        options = {"padding": 1, "stride_h": 1, "stride_w": 1, "quantized_bias_type": 2}
        options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
        b.op("CONV_2D", [x, w, bias], [y], ("Conv2DOptions", options), version=8)
        model = b.finish([x], [y])
        data = cases.data_for(model, rng)
        with pytest.raises(TinyireeError, match="version 8, expected at most"):
            cases.import_bytes(model)
        b._codes[0] = (b._codes[0][0], 6, None)
        module = cases.import_bytes(b.finish([x], [y]))
        (op,) = access.named(module, "qnn.conv2d")
        assert access.rounding(op) == "double"
        with module.context:
            found = interpret(module, data)
        np.testing.assert_array_equal(found[0], Reference(model)(data)[0])


def test_long_sums_are_exact() -> None:
    """int16 sums that pass 32 bits, on the interpreter and compiled."""
    rng, b = np.random.default_rng(0), ModelBuilder()
    depth = 2000
    x = b.tensor("x", (2, depth), "int16", scale=1e-4)
    image = b.tensor("image", (1, 1, 2, depth), "int16", scale=1e-4)
    values = rng.integers(100, 128, (3, depth)).astype(np.int8)
    w = b.constant("w", values, scale=0.01)
    filters = b.constant("f", values.reshape(3, 1, 1, depth), scale=[0.01, 0.02, 0.03])
    bias = b.constant("b", rng.integers(-(2**40), 2**40, 3), scale=1e-6)
    y = b.tensor("y", (2, 3), "int16", scale=0.02)
    z = b.tensor("z", (1, 1, 2, 3), "int16", scale=1.0)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], ("FullyConnectedOptions", {}), version=4)
    options = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
    b.op("CONV_2D", [image, filters, bias], [z], ("Conv2DOptions", options), version=4)
    model = b.finish([x, image], [y, z])
    module, reference = cases.import_bytes(model), Reference(model)
    with module.context:
        program = compile_host(module)
    for most in (300, 2**15):
        data = [
            rng.integers(-most, most, shape).astype(np.int16)
            for shape in ((2, depth), (1, 1, 2, depth))
        ]
        data[0][0], data[1][0, 0, 0] = most - 1, -most
        with module.context:
            interpreted = interpret(module, data)
        for a, c, e in zip(interpreted, program(data), reference(data), strict=True):
            np.testing.assert_array_equal(a, e)
            np.testing.assert_array_equal(c, e)


def test_edges_have_the_types_of_the_file() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4), "uint8", scale=0.5, zero_point=100)
    y = b.tensor("y", (1, 4), "bool")
    b.op("GREATER", [x, b.constant("c", np.array([[7]], np.uint8), scale=0.5)], [y])
    module = cases.import_bytes(b.finish([x], [y]))
    with module.context:
        zero_point = access.argument_attribute(module, 0, "tiny.zero_point")
        types = [
            access.argument_attribute(module, 0, "tiny.dtype"),
            access.result_attribute(module, 0, "tiny.dtype"),
        ]
    assert str(zero_point) == "100 : i64"
    assert [str(found) for found in types] == ['"uint8"', '"bool"']


def test_the_list_of_operators_names_types_and_notes() -> None:
    found = {op.name: op for op in supported_ops() if op.frontend == "tflite"}
    assert found["CONV_2D"].dtypes == ("int8", "uint8", "int16", "float32")
    assert "int8 weights" in found["CONV_2D"].note
    assert "bool" in found["CAST"].dtypes
    assert "unsigned" in found["SUM"].note


def test_importing_many_edges_is_fast() -> None:
    import time

    def seconds(count: int) -> float:
        b = ModelBuilder()
        inputs = [b.tensor(f"x{i}", (1, 2), scale=0.5) for i in range(count)]
        outputs = [b.tensor(f"y{i}", (1, 2), scale=0.5) for i in range(count)]
        for x, y in zip(inputs, outputs, strict=True):
            b.op("RELU", [x], [y])
        model = b.finish(inputs, outputs)
        start = time.perf_counter()
        cases.import_bytes(model)
        return time.perf_counter() - start

    few, many = min(seconds(200) for _ in range(2)), seconds(2000)
    assert many < 40 * few, "the time is not linear in the number of edges"
