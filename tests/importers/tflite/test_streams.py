"""Models with state against LiteRT over consecutive invocations, and what of them is refused."""

from collections.abc import Sequence

import numpy as np
import pytest
from builder import ModelBuilder
from streams import (
    accumulator,
    expected,
    imported,
    interpreted,
    lstm,
    stream_of,
    svdf,
    variable,
)

from tinyiree.errors import TinyireeError
from tinyiree.importers.tflite.sequence import MAX_STEPS
from tinyiree.ir import access
from tinyiree.ir.interpret_lstm import sigmoid16, tanh16
from tinyiree.ir.state import states_of
from tinyiree.iree.host import compile_host

Stream = Sequence[Sequence[np.ndarray]]


def compare(found: Stream, wanted: Stream, exact: bool) -> None:
    for number, (results, right) in enumerate(zip(found, wanted, strict=True)):
        for result, value in zip(results, right, strict=True):
            if exact:
                np.testing.assert_array_equal(result, value, err_msg=f"invocation {number}")
            else:
                np.testing.assert_allclose(result, value, rtol=1e-5, atol=1e-5)


def random_lstm(seed: int, dtype: str) -> tuple[bytes, np.random.Generator]:
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    inputs, outputs = lstm(
        b,
        rng,
        dtype,
        steps=int(rng.integers(1, 4)),
        batch=int(rng.integers(1, 3)),
        time_major=bool(rng.integers(2)),
        cell_clip=float(rng.choice([0, 0.3])),
    )
    return b.finish(inputs, outputs), rng


def random_svdf(seed: int, dtype: str) -> tuple[bytes, np.random.Generator]:
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    inputs, outputs = svdf(
        b,
        rng,
        dtype,
        batch=int(rng.integers(1, 3)),
        rank=int(rng.integers(1, 4)),
        memory=int(rng.integers(1, 6)),
        bias=bool(rng.integers(2)),
    )
    return b.finish(inputs, outputs), rng


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("make", [random_lstm, random_svdf])
def test_interpreter_equals_litert(make, dtype: str) -> None:
    values: set[int] = set()
    for seed in range(40):
        model, rng = make(seed, dtype)
        stream = stream_of(model, rng)
        wanted = expected(model, stream)
        compare(interpreted(imported(model), stream), wanted, dtype == "int8")
        values.update(int(v) for results in wanted for v in results[0].ravel())
    # Not all at the ends of the range.
    assert dtype == "float32" or len(values) > 100


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_host_module_equals_litert(dtype: str) -> None:
    """Several recurrent operators in one file, compiled once."""
    rng = np.random.default_rng(7)
    b = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for made in (
        lstm(b, rng, dtype, steps=3, batch=2),
        lstm(b, rng, dtype, steps=2, time_major=True, cell_clip=0.3),
        lstm(b, rng, dtype, features=16, cells=12),
        svdf(b, rng, dtype, rank=2, memory=5, batch=2),
        svdf(b, rng, dtype, rank=1, memory=1),
        svdf(b, rng, dtype, rank=3, memory=4, bias=False),
    ):
        inputs += made[0]
        outputs += made[1]
    model = b.finish(inputs, outputs)
    stream = stream_of(model, rng, 8)
    wanted = expected(model, stream)
    module = imported(model)
    host = compile_host(module)
    compare([host(data) for data in stream], wanted, dtype == "int8")
    # A new stream starts where the first one did.
    host.reset()
    compare([host(data) for data in stream[:2]], wanted[:2], dtype == "int8")


def test_long_sequence_of_steps_that_share_their_code() -> None:
    rng = np.random.default_rng(3)
    b = ModelBuilder()
    inputs, outputs = lstm(b, rng, "int8", steps=20, features=5, cells=6)
    model = b.finish(inputs, outputs)
    stream = stream_of(model, rng, 3)
    host = compile_host(imported(model))
    compare([host(data) for data in stream], expected(model, stream), exact=True)


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 4, 5, 6])
def test_fixed_point_functions_are_near_the_real_ones(bits: int) -> None:
    x = np.arange(-(2**15), 2**15, dtype=np.int64)
    real = x / 2.0 ** (15 - bits)
    assert np.abs(tanh16(x, bits) / 2**15 - np.tanh(real)).max() < 1e-3
    if bits:
        assert np.abs(sigmoid16(x, bits) / 2**15 - 1 / (1 + np.exp(-real))).max() < 1e-3


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_variables_with_an_initial_value(dtype: str) -> None:
    b = ModelBuilder()
    inputs, outputs = accumulator(b, dtype)
    model = b.finish(inputs, outputs)
    stream = stream_of(model, np.random.default_rng(1))
    wanted = expected(model, stream)
    module = imported(model)
    with module.context:
        (state,) = states_of(module)
    assert state.name == "total"
    np.testing.assert_array_equal(state.initial, [[1, 2, 3]])
    compare(interpreted(module, stream), wanted, dtype == "int8")
    host = compile_host(module)
    compare([host(data) for data in stream], wanted, dtype == "int8")


def test_state_of_int8_starts_at_its_zero_point_and_comes_first() -> None:
    b = ModelBuilder()
    module = imported(b.finish(*lstm(b, np.random.default_rng(1), "int8")))
    with module.context:
        h, c = states_of(module)
    assert (h.initial.dtype, c.initial.dtype) == (np.int8, np.int16)
    assert len(set(h.initial.ravel().tolist())) == 1
    assert h.initial.any()
    assert not c.initial.any()


def test_variables_that_are_only_read_or_only_written() -> None:
    b = ModelBuilder()
    x, y, z = (b.tensor(n, (1, 2), "float32") for n in "xyz")
    read, written = (b.tensor(n, (1,), "resource") for n in ("read", "written"))
    variable(b, read, "offset", np.array([[3, 4]], np.float32))
    variable(b, written, "last", None)
    b.op("READ_VARIABLE", [read], [y])
    b.op("ADD", [x, y], [z], ("AddOptions", {"fused_activation_function": 0}))
    b.op("ASSIGN_VARIABLE", [written, x], [])
    model = b.finish([x], [z])
    stream = stream_of(model, np.random.default_rng(1))
    module = imported(model)
    compare(interpreted(module, stream), expected(model, stream), exact=True)
    host = compile_host(module)
    compare([host(data) for data in stream], expected(model, stream), exact=True)


def refusal(b: ModelBuilder, inputs: list[int], outputs: list[int]) -> str:
    with pytest.raises(TinyireeError) as error:
        imported(b.finish(inputs, outputs))
    return str(error.value)


@pytest.mark.parametrize(
    ("extra", "left_out", "fields", "reason"),
    [
        ([9], [], {}, "peephole weights ('extra9'"),
        ([16], [], {}, "projection weights ('extra16'"),
        ([21], [], {}, "layer normalization ('extra21'"),
        ([], [1, 5, 12], {}, "coupled input and forget gates (CIFG)"),
        ([], [], {"diagonal_recurrent_tensors": True}, "diagonal recurrent weights"),
        ([], [], {"fused_activation_function": 1}, "an activation other than TANH"),
    ],
)
def test_forms_of_lstm_that_are_refused(
    extra: list[int], left_out: list[int], fields: dict[str, object], reason: str
) -> None:
    b = ModelBuilder()
    made = lstm(b, np.random.default_rng(1), "int8", extra=extra, left_out=left_out, fields=fields)
    text = refusal(b, *made)
    assert reason in text
    assert "operator 0 UNIDIRECTIONAL_SEQUENCE_LSTM" in text
    assert "convert a plain LSTM" in text


def test_too_many_time_steps() -> None:
    b = ModelBuilder()
    text = refusal(b, *lstm(b, np.random.default_rng(1), "int8", steps=MAX_STEPS + 1))
    assert f"{MAX_STEPS + 1} time steps, expected at most {MAX_STEPS}; feed shorter" in text


def test_lstm_without_intermediate_tensors() -> None:
    b = ModelBuilder()
    made = lstm(b, np.random.default_rng(1), "int8")
    b._ops[-1].intermediates = []
    assert "0 intermediate tensors, expected 5" in refusal(b, *made)


def test_hybrid_lstm() -> None:
    b = ModelBuilder()
    made = lstm(b, np.random.default_rng(1), "float32")
    for tensor in b._tensors[1:9]:
        tensor.dtype, tensor.scales, tensor.zero_points = "int8", [0.1], [0]
        assert tensor.data is not None
        tensor.data = tensor.data.astype(np.int8)
    assert "(hybrid); quantize the whole model to int8" in refusal(b, *made)


def test_svdf_of_other_types() -> None:
    b = ModelBuilder()
    made = svdf(b, np.random.default_rng(1), "int8")
    time = b._tensors[2]
    assert time.data is not None
    time.dtype, time.data = "int8", time.data.astype(np.int8)
    assert "state of int8, int8, int16" in refusal(b, *made)


def test_a_variable_that_is_read_before_it_has_a_value() -> None:
    b = ModelBuilder()
    handle, y = b.tensor("handle", (1,), "resource"), b.tensor("y", (1, 2), "float32")
    variable(b, handle, "lost", None)
    b.op("READ_VARIABLE", [handle], [y])
    x = b.tensor("x", (1, 2), "float32")
    assert "variable '/lost' is read before it has a value" in refusal(b, [x], [y])


def test_an_initial_value_of_another_shape() -> None:
    b = ModelBuilder()
    handle, y = b.tensor("handle", (1,), "resource"), b.tensor("y", (1, 2), "float32")
    variable(b, handle, "v", np.zeros((1, 3), np.float32))
    b.op("READ_VARIABLE", [handle], [y])
    x = b.tensor("x", (1, 2), "float32")
    text = refusal(b, [x], [y])
    assert "variable '/v' is float32[1, 2], its initial value float32[1, 3]" in text


def test_an_initial_value_that_is_computed() -> None:
    b = ModelBuilder()
    handle, y = b.tensor("handle", (1,), "resource"), b.tensor("y", (1, 2), "float32")
    variable(b, handle, "v", np.zeros((1, 2), np.float32))
    (once,) = b._initializers
    zero, twice = once.constant("zero", np.zeros((1, 2), np.float32)), once.tensor("t", (1, 2))
    once.op("ADD", [zero, zero], [twice], ("AddOptions", {"fused_activation_function": 0}))
    b.op("READ_VARIABLE", [handle], [y])
    x = b.tensor("x", (1, 2), "float32")
    text = refusal(b, [x], [y])
    assert "initializer 0: operator 2 ADD: expected the assignment of a constant" in text


def test_a_handle_of_nothing() -> None:
    b = ModelBuilder()
    handle, y = b.tensor("handle", (1,), "resource"), b.tensor("y", (1, 2), "float32")
    b.op("READ_VARIABLE", [handle], [y])
    x = b.tensor("x", (1, 2), "float32")
    assert "READ_VARIABLE" in refusal(b, [x], [y])


def test_every_op_of_a_sequence_has_one_meaning_in_the_normal_form() -> None:
    b = ModelBuilder()
    module = imported(b.finish(*lstm(b, np.random.default_rng(1), "int8", steps=3)))
    names = [op.name for op in access.operations(module)]
    assert names.count("qnn.tflite_lstm_gates") == 3
    assert names.count("nn.step") == 3
    assert names.count("nn.stack") == 1
