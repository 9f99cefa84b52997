"""Models quantized by onnxruntime, made integer-only by our passes, against onnxruntime."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import prepare
from onnx import helper
from onnx_integers import differences, integerize, scale_of
from onnx_models import NETWORKS, export, lively, model_of, quantize, save, session
from onnx_qdq import OPERATORS, Graph, one_operator, quantized
from torch.nn import functional

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret

Record = Callable[[str, object], None]


# Least share of equal bytes; all that is missing is one step. Batch norms that the quantizer leaves
# apart have biases of 32 bits, and softmax has integer exponentials, unlike the float reference.
SHARES = {"plain": 1.0, "residual": 1.0, "signal": 1.0, "attention": 0.98, "autoencoder": 0.97}


@pytest.mark.parametrize(
    ("unsigned", "per_channel"),
    [(False, True), (True, True), (True, False)],
    ids=["int8", "uint8", "uint8-per-tensor"],
)
@pytest.mark.parametrize("name", SHARES)
def test_networks(
    name: str, unsigned: bool, per_channel: bool, tmp_path: Path, record_property: Record
) -> None:
    """onnxruntime as the format is defined: its optimizer rounds otherwise (next test)."""
    path, samples = quantized(name, tmp_path, unsigned, per_channel)
    steps = differences(integerize(path), path, samples, optimize=False)
    share = float((steps == 0).mean())
    record_property("share of equal bytes", share)
    print(f"{name}: {share:.2%} of bytes equal")
    assert np.abs(steps).max() <= 1, f"{share:.2%} equal"
    assert share >= SHARES[name]


def test_onnxruntime_differs_from_itself_by_more(tmp_path: Path) -> None:
    """Its integer kernels against its own float reference: no importer can equal both."""
    path, samples = quantized("attention", tmp_path, unsigned=True)
    module = integerize(path)
    reference, optimized = (differences(module, path, samples, each) for each in (False, True))
    assert np.abs(reference).max() <= 1 < np.abs(optimized).max()
    assert (reference == 0).mean() > (optimized == 0).mean() + 0.05


@pytest.mark.parametrize(
    ("kernel", "halves", "share"),
    [([2, 2], False, 0.72), ([3, 2], False, 0.7), ([8, 8], False, 0.55), ([4, 4], True, 1.0)],
)
def test_averages_differ_from_onnxruntime_in_halves_only(
    kernel: list[int], halves: bool, share: float, tmp_path: Path
) -> None:
    """Between equal scales halves are frequent. By definition they go to even.

    onnxruntime adds float32 numbers, each with an error of its own, and where their sum lies a last
    bit beside a half it rounds to that side. Scales that are powers of two have no such errors.
    """
    generator = np.random.default_rng(0)
    equal = total = 0
    for scale in [1 / 32] if halves else generator.uniform(0.01, 0.1, 8).astype(np.float32):
        graph = Graph(unsigned=False)
        x = graph.pair("x", float(scale), 3)
        attributes = {"kernel_shape": kernel, "strides": kernel}
        graph.nodes.append(helper.make_node("AveragePool", [x], ["y"], **attributes))
        shape = (1, 32, 8 * kernel[0], 8 * kernel[1])
        model = model_of(
            graph.nodes, {"x": shape}, [graph.pair("y", float(scale), 3)], graph.constants
        )
        path = save(model, tmp_path / "model.onnx")
        raw = np.clip(generator.normal(0, 40, shape), -128, 127).astype(np.int8)
        real = (raw.astype(np.float32) - 3) * np.float32(scale)
        wanted = np.rint(session(path, False).run(None, {"x": real})[0] / scale) + 3
        (found,) = interpret(integerize(path), [raw])
        sums = (raw.astype(int) - 3).reshape(1, 32, 8, kernel[0], 8, kernel[1]).sum((3, 5))
        count = kernel[0] * kernel[1]
        half = 2 * (sums % count) == count
        np.testing.assert_array_equal(found[~half], wanted[~half])
        assert np.abs(found - wanted).max() <= 1
        equal, total = equal + int((found == wanted)[half].sum()), total + int(half.sum())
    print(f"{kernel}: {equal / total:.2%} of {total} halves equal")
    assert total > 20
    assert equal / total >= share


def test_a_network_of_no_halves_is_equal(tmp_path: Path) -> None:
    """An average pool is the one cause of differences in the network `branches`."""
    path, samples = quantized("branches", tmp_path, unsigned=False)
    steps = differences(integerize(path), path, samples, optimize=False)
    assert (steps == 0).mean() > 0.85

    class WithoutTies(NETWORKS["branches"][0]):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            wide = torch.tanh(self.a(x))
            low = functional.leaky_relu(self.b(functional.max_pool2d(x, 2)), 0.1)
            low = functional.interpolate(low, scale_factor=2)
            return torch.sigmoid(self.mix(torch.cat([wide, 3 * low], 1)))

    shape = NETWORKS["branches"][1]
    plain = export(lively(WithoutTies()), [torch.randn(shape)], tmp_path / "max.onnx")
    for unsigned in (False, True):
        path = quantize(plain, samples, unsigned)
        assert np.abs(differences(integerize(path), path, samples, optimize=False)).max() == 0


# Powers of two as scales make halves frequent in sums and products, too, which R rounds up.
HALVES_UP = {"add": 0.5, "sub-broadcast": 0.5, "mul": 0.1, "conv": 0.02}


@pytest.mark.parametrize("halves", [False, True], ids=["any-scale", "power-of-two"])
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(
    name: str, unsigned: bool, halves: bool, tmp_path: Path, record_property: Record
) -> None:
    different, total = 0, 0
    for seed in range(2):
        model, samples = one_operator(OPERATORS[name], unsigned, seed, halves)
        path = save(model, tmp_path / "model.onnx")
        module = integerize(path)
        raw = []
        for i, sample in enumerate(samples):
            scale, zero_point = scale_of(module, result=False, index=i)
            steps = np.rint(sample / np.float32(scale)) + zero_point
            raw.append(np.clip(steps, -128, 127).astype(np.int8))
        (found,) = interpret(module, raw)
        scale, zero_point = scale_of(module, result=True)
        runtime = session(path, optimize=False)
        feeds = {value.name: x for value, x in zip(runtime.get_inputs(), samples, strict=True)}
        wanted = np.rint(runtime.run(None, feeds)[0] / scale) + zero_point
        assert np.abs(found - wanted).max() <= 1
        assert len(np.unique(found)) > 3
        different, total = different + int((found != wanted).sum()), total + found.size
    record_property("share of equal bytes", 1 - different / total)
    print(f"{name}: {1 - different / total:.2%} of bytes equal")
    # Only halves may be rounded to the other side.
    allowed = 0.15 if "average" in name else 0.04
    if halves:
        allowed = next((most for kind, most in HALVES_UP.items() if name.startswith(kind)), 0.0)
    assert different / total <= allowed


def test_weights_are_int8_per_channel_and_biases_int32(tmp_path: Path) -> None:
    path, _ = quantized("plain", tmp_path, unsigned=True)
    module = prepare(import_model(path))
    for op in access.named(module, "nn.conv2d", "nn.fully_connected"):
        for operand, element in zip(list(op.operands)[1:], ("i8", "i32"), strict=True):
            dequantize = access.defining_op(operand)
            assert dequantize is not None
            assert dequantize.name == "nn.dequantize"
            assert access.element_type(dequantize.operands[0]) == element
            assert access.integer(dequantize, "axis") == 0


def test_zero_points_of_weights_are_taken_out_where_they_fit(tmp_path: Path) -> None:
    """uint8 weights that use half of their range, with zero point 140."""
    generator = np.random.default_rng(0)
    graph = Graph(unsigned=True)
    x = graph.pair("x", 0.03, 2)
    graph.constants |= {
        "w_q": generator.integers(40, 240, (5, 8)).astype(np.uint8),
        "w_s": np.array(0.01, np.float32),
        "w_z": np.array(140, np.uint8),
    }
    graph.nodes.append(helper.make_node("DequantizeLinear", ["w_q", "w_s", "w_z"], ["w"]))
    graph.nodes.append(helper.make_node("Gemm", [x, "w"], ["y"], transB=1))
    model = model_of(graph.nodes, {"x": (3, 8)}, [graph.pair("y", 0.11, 5)], graph.constants)
    path = save(model, tmp_path / "model.onnx")
    samples = [generator.standard_normal((3, 8)).astype(np.float32) for _ in range(8)]
    assert np.abs(differences(integerize(path), path, samples, optimize=False)).max() == 0
    model.graph.initializer[2].raw_data = generator.integers(0, 256, 40).astype(np.uint8).tobytes()
    with pytest.raises(TinyireeError, match="quantize the weights symmetrically"):
        import_model(save(model, tmp_path / "wide.onnx"))


def test_a_float_weight_behind_a_quantize_becomes_int8(tmp_path: Path) -> None:
    """As quantization-aware training exports it: QuantizeLinear of a float constant."""
    generator = np.random.default_rng(0)
    graph = Graph(unsigned=False)
    x = graph.pair("x", 0.03, 2)
    graph.constants["w"] = generator.standard_normal((5, 8)).astype(np.float32)
    w = graph.pair("w", 0.025, 0)
    graph.nodes.append(helper.make_node("Gemm", [x, w], ["y"], transB=1))
    model = model_of(graph.nodes, {"x": (3, 8)}, [graph.pair("y", 0.11, 5)], graph.constants)
    path = save(model, tmp_path / "model.onnx")
    samples = [generator.standard_normal((3, 8)).astype(np.float32) for _ in range(8)]
    module = integerize(path)
    assert [op.name for op in access.named(module, "qnn.fully_connected")]
    assert np.abs(differences(module, path, samples, optimize=False)).max() == 0
