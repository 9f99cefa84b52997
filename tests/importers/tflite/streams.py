"""Models with state for the tests: random recurrent operators, and variables."""

from collections.abc import Sequence

import numpy as np
from builder import ModelBuilder
from cases import PATH, Rng, data_for
from iree.compiler import ir
from litert import Reference

from tinyiree.importers.tflite.convert import convert_model
from tinyiree.importers.tflite.reader import parse_model
from tinyiree.ir.interpret import interpret
from tinyiree.ir.state import states_of

INVOCATIONS = 5
_GATES = "ifgo"


def lstm(
    b: ModelBuilder,
    rng: Rng,
    dtype: str,
    *,
    steps: int = 1,
    batch: int = 1,
    time_major: bool = False,
    cell_clip: float = 0.0,
    left_out: Sequence[int] = (),
    extra: Sequence[int] = (),
    fields: dict[str, object] | None = None,
    features: int | None = None,
    cells: int | None = None,
) -> tuple[list[int], list[int]]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM; the tensors to feed and to read."""
    features = features or int(rng.integers(1, 7))
    cells = cells or int(rng.integers(1, 9))
    quantized = dtype == "int8"
    first = (steps, batch) if time_major else (batch, steps)

    def scaled(scale: float, zero_point: int = 0) -> dict[str, object]:
        return {"scale": scale, "zero_point": zero_point} if quantized else {}

    def weights(name: str, shape: tuple[int, ...]) -> int:
        if quantized:
            scale = float(np.exp(rng.uniform(np.log(0.002), np.log(0.03))))
            data = rng.integers(-127, 128, shape).astype(np.int8)
            return b.constant(name, data, scale=scale)
        return b.constant(name, rng.normal(size=shape).astype(np.float32))

    def bias(name: str) -> int:
        if quantized:
            data = rng.integers(-2000, 2000, cells).astype(np.int32)
            return b.constant(name, data, scale=1e-4)
        return b.constant(name, rng.normal(size=cells).astype(np.float32))

    zero = int(rng.integers(-128, 128))
    x = b.tensor("x", (*first, features), dtype, **scaled(float(rng.uniform(0.01, 0.1)), zero))
    hidden = scaled(float(rng.uniform(0.004, 0.01)), int(rng.integers(-60, 60)))
    inputs = [x]
    inputs += [weights(f"w{g}", (cells, features)) for g in _GATES]
    inputs += [weights(f"r{g}", (cells, cells)) for g in _GATES]
    inputs += [-1] * 3
    inputs += [bias(f"b{g}") for g in _GATES]
    inputs += [-1] * 2
    inputs.append(b.tensor("h", (batch, cells), dtype, variable=True, **hidden))
    cell_type = "int16" if quantized else dtype
    power = 2.0 ** -int(rng.integers(9, 16))
    inputs.append(b.tensor("c", (batch, cells), cell_type, variable=True, **scaled(power)))
    inputs += [-1] * 4
    for index in left_out:
        inputs[index] = -1
    for index in extra:
        dtypes = np.int8 if quantized else np.float32
        inputs[index] = b.constant(f"extra{index}", np.ones((cells, cells), dtypes), **scaled(0.1))
    y = b.tensor("y", (*first, cells), dtype, **hidden)
    intermediates = []
    if quantized:
        intermediates = [b.tensor(f"i{n}", (1,), "int16", scale=2.0**-12) for n in range(4)]
        intermediates.append(b.tensor("i4", (1,), "int8", **hidden))
    options = {
        "fused_activation_function": 4,
        "cell_clip": cell_clip,
        "proj_clip": 0.0,
        "time_major": time_major,
        **(fields or {}),
    }
    b.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        [y],
        ("UnidirectionalSequenceLSTMOptions", options),
        intermediates=intermediates,
    )
    return [x], [y]


def svdf(
    b: ModelBuilder,
    rng: Rng,
    dtype: str,
    *,
    batch: int = 1,
    rank: int = 1,
    memory: int = 4,
    bias: bool = True,
    activation: int = 1,
) -> tuple[list[int], list[int]]:
    """SVDF; the tensors to feed and to read."""
    features, units = int(rng.integers(1, 9)), int(rng.integers(1, 7))
    filters = units * rank
    quantized = dtype == "int8"
    if not quantized:
        x = b.tensor("x", (batch, features), dtype)
        wf = b.constant("wf", rng.normal(size=(filters, features)).astype(np.float32))
        wt = b.constant("wt", rng.normal(size=(filters, memory)).astype(np.float32))
        offset = b.constant("b", rng.normal(size=units).astype(np.float32)) if bias else -1
        state = b.tensor("s", (batch, memory * filters), dtype, variable=True)
        y = b.tensor("y", (batch, units), dtype)
    else:
        zero = int(rng.integers(-128, 128))
        x = b.tensor(
            "x", (batch, features), dtype, scale=float(rng.uniform(0.01, 0.1)), zero_point=zero
        )
        data = rng.integers(-127, 128, (filters, features)).astype(np.int8)
        wf = b.constant("wf", data, scale=float(rng.uniform(0.002, 0.02)))
        data = rng.integers(-32767, 32768, (filters, memory)).astype(np.int16)
        data //= 1 if rank * memory < 4 else 8
        time_scale = float(rng.uniform(1e-5, 1e-4))
        wt = b.constant("wt", data, scale=time_scale)
        state_scale = float(rng.uniform(2e-4, 2e-3))
        offset = -1
        if bias:
            data = rng.integers(-(2**22), 2**22, units).astype(np.int32)
            offset = b.constant("b", data, scale=1e-8)
        state = b.tensor("s", (batch, memory * filters), "int16", variable=True, scale=state_scale)
        # So that most results lie between the ends of the range.
        output_scale = state_scale * time_scale * 2**20 * float(rng.uniform(0.2, 4))
        zero = int(rng.integers(-128, 128))
        y = b.tensor("y", (batch, units), dtype, scale=output_scale, zero_point=zero)
    options = {"rank": rank, "fused_activation_function": activation}
    b.op("SVDF", [x, wf, wt, offset, state], [y], ("SVDFOptions", options))
    return [x], [y]


def accumulator(b: ModelBuilder, dtype: str = "float32") -> tuple[list[int], list[int]]:
    """``total += x; y = 2 total`` in a variable that starts as (1, 2, 3)."""
    keywords = {} if dtype == "float32" else {"scale": 0.5}
    handle = b.tensor("handle", (1,), "resource")
    x = b.tensor("x", (1, 3), dtype, **keywords)
    before, after = (b.tensor(n, (1, 3), dtype, **keywords) for n in ("before", "after"))
    y = b.tensor("y", (1, 3), dtype, **keywords)
    variable(b, handle, "total", np.array([[1, 2, 3]], dtype))
    b.op("READ_VARIABLE", [handle], [before], ("ReadVariableOptions", {}))
    b.op("ADD", [before, x], [after], ("AddOptions", {"fused_activation_function": 0}))
    b.op("ASSIGN_VARIABLE", [handle, after], [], ("AssignVariableOptions", {}))
    b.op("ADD", [after, after], [y], ("AddOptions", {"fused_activation_function": 0}))
    return [x], [y]


def variable(b: ModelBuilder, handle: int, name: str, initial: np.ndarray | None) -> None:
    """CALL_ONCE and VAR_HANDLE, as the converter writes them."""
    options = ("VarHandleOptions", {"container": "", "shared_name": name})
    if initial is not None:
        once = b.initializer()
        inside = once.tensor("handle", (1,), "resource")
        value = once.constant("value", initial)
        once.op("VAR_HANDLE", [], [inside], options)
        once.op("ASSIGN_VARIABLE", [inside, value], [], ("AssignVariableOptions", {}))
        number = len(b._initializers)
        b.op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": number}))
    b.op("VAR_HANDLE", [], [handle], options)


def stream_of(model: bytes, rng: Rng, invocations: int = INVOCATIONS) -> list[list[np.ndarray]]:
    """Data for consecutive invocations."""
    return [data_for(model, rng) for _ in range(invocations)]


def expected(model: bytes, stream: Sequence[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """What LiteRT computes."""
    reference = Reference(model)
    return [reference(data) for data in stream]


def imported(model: bytes) -> ir.Module:
    """The normal form."""
    return convert_model(parse_model(model, PATH))


def interpreted(module: ir.Module, stream: Sequence[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """What the interpreter computes, carrying the state along."""
    with module.context:
        state = [variable.initial for variable in states_of(module)]
        found = []
        for data in stream:
            results = interpret(module, [*data, *state])
            outputs = len(results) - len(state)
            found.append(results[:outputs])
            state = results[outputs:]
        return found
