"""Int8 quantization in PyTorch, after training or during it (torchao PT2E), as tinyiree compiles
it.

After training::

    prepared = prepare(model, example_inputs)
    for x in calibration:                       # a few dozen typical batches
        prepared(x)
    torch.export.save(convert(prepared, example_inputs), "model.pt2")

Quantization-aware training: ``prepare(model, example_inputs, qat=True)``, then train ``prepared``
like any other module (``train()`` and ``eval()`` work; batch normalization learns on), then
``convert``.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import (
    FusedMovingAvgObsFakeQuantize,
    HistogramObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    PerChannelMinMaxObserver,
    allow_exported_model_train_eval,
    move_exported_model_to_eval,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e
from torchao.quantization.pt2e.quantizer import (
    FixedQParamsQuantizationSpec,
    QuantizationAnnotation,
    QuantizationSpec,
    QuantizationSpecBase,
    Quantizer,
    SharedQuantizationSpec,
)

from tinyiree.errors import TinyireeError

Tensors = torch.Tensor | Sequence[torch.Tensor]

_ANNOTATION = "quantization_annotation"
# The least scale: a channel of zeros must not get a scale of 0.
_EPS = 2**-20

_WEIGHTED = {"conv1d", "conv2d", "linear"}
_CLAMPS = {"relu", "relu6", "hardtanh", "clamp", "clamp_min"}
_COMPUTE = (
    _WEIGHTED
    | {
        *("add", "sub", "mul", "div", "matmul", "bmm", "mean", "batch_norm"),
        *("avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        *("hardswish", "hardsigmoid", "leaky_relu", "silu", "gelu", "elu", "log_softmax"),
        *("sigmoid", "tanh", "softmax"),
    }
    | _CLAMPS
)
# Ops that move values: their result has the parameters of their (first) operand.
_SHARING = {
    *("max_pool1d", "max_pool2d", "flatten", "view", "reshape", "permute", "transpose", "t"),
    *("squeeze", "unsqueeze", "slice", "select", "pad", "constant_pad_nd", "cat"),
    *("dropout", "clone", "contiguous", "detach", "alias", "upsample_nearest2d"),
}
# Outputs of a known range, at the scale that the integer kernels have.
_FIXED = {"sigmoid": (1 / 256, -128), "softmax": (1 / 256, -128), "tanh": (1 / 128, 0)}


class TinyQuantizer(Quantizer):  # type: ignore[misc]
    """What becomes int8: activations asymmetric per tensor, weights symmetric per output channel.

    Biases stay float here; tinyiree makes them int32. A batch normalization, relu, relu6 or clamp
    right after an op belongs to it: nothing is rounded in between.
    """

    def __init__(self, *, qat: bool = False, keep_float: Sequence[str] = ()) -> None:
        """Options.

        Args:
            qat: fake quantization with moving averages, for ``prepare_qat_pt2e``.
            keep_float: shell-style patterns of module paths (``layer1.*``) that are left in float.
        """
        super().__init__()
        self.keep_float = tuple(keep_float)
        self.activation = _activation_spec(qat)
        self.weight = _weight_spec(qat)

    def annotate(self, model: GraphModule) -> GraphModule:
        """Say for every edge and result of the graph how it is quantized."""
        specs: dict[Node, QuantizationSpecBase] = {}
        for node in model.graph.nodes:
            name = _name(node)
            if _ANNOTATION in node.meta or not _is_float(node) or self._is_kept(node):
                continue
            if name in _COMPUTE:
                self._annotate_compute(node, name, specs)
            elif name in _SHARING:
                self._annotate_sharing(node, specs)
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to check: tinyiree's importer names what it cannot compile."""

    def _is_kept(self, node: Node) -> bool:
        paths = [_module_path(entry[0]) for entry in node.meta.get("nn_module_stack", {}).values()]
        return any(fnmatchcase(path, pattern) for path in paths for pattern in self.keep_float)

    def _annotate_compute(
        self, node: Node, name: str, specs: dict[Node, QuantizationSpecBase]
    ) -> None:
        chain = _chain(node, name)
        output = _fixed(name) if len(chain) == 1 and name in _FIXED else self.activation
        inputs = {operand: specs.get(operand, self.activation) for operand in _operands(node)}
        if name in _WEIGHTED:
            x, weight = node.args[:2]
            inputs = {operand: spec for operand, spec in inputs.items() if operand == x}
            if isinstance(weight, Node):
                inputs[weight] = self.weight
        for inner in chain:
            inner.meta[_ANNOTATION] = QuantizationAnnotation(_annotated=True)
        node.meta[_ANNOTATION].input_qspec_map = inputs
        chain[-1].meta[_ANNOTATION].output_qspec = output
        specs[chain[-1]] = output

    def _annotate_sharing(self, node: Node, specs: dict[Node, QuantizationSpecBase]) -> None:
        operands = list(_operands(node))
        if not operands:
            return
        first = operands[0]
        # Several operands take one range between them, so that none can insist on its own.
        spec = specs.get(first, self.activation) if len(operands) == 1 else self.activation
        shared = SharedQuantizationSpec((first, node))
        node.meta[_ANNOTATION] = QuantizationAnnotation(
            input_qspec_map={first: spec, **dict.fromkeys(operands[1:], shared)},
            output_qspec=shared,
            _annotated=True,
        )
        specs[node] = spec


def prepare(
    model: nn.Module,
    example_inputs: Tensors,
    *,
    qat: bool = False,
    keep_float: Sequence[str] = (),
    dynamic_batch: bool = True,
) -> GraphModule:
    """The model with observers (or fake quantization) in it, ready for calibration (or training).

    Args:
        model: float32; it is set to training mode for ``qat``, to eval mode otherwise.
        example_inputs: what forward takes; their first axis is the batch.
        qat: quantization-aware training.
        keep_float: see ``TinyQuantizer``.
        dynamic_batch: let the prepared module take batches of any size; False for a model that only
            works with the batch size of the example.

    Raises:
        TinyireeError: torch.export cannot export the model.
    """
    inputs = _tuple(example_inputs)
    dynamic = None
    if dynamic_batch:
        # torch.export would take a batch of 1 for a constant.
        inputs = tuple(torch.cat([x, x]) for x in inputs)
        dynamic = tuple({0: Dim.AUTO} for _ in inputs)
    model.train(qat)
    try:
        exported = torch.export.export(model, inputs, dynamic_shapes=dynamic).module()
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise TinyireeError(
            f"{type(model).__name__}: expected a model that torch.export can export"
            f"{' with any batch size' if dynamic_batch else ''}, found: {reason[0]}; "
            f"mend the model{' or pass dynamic_batch=False' if dynamic_batch else ''}"
        ) from error
    quantizer = TinyQuantizer(qat=qat, keep_float=keep_float)
    insert = prepare_qat_pt2e if qat else prepare_pt2e
    prepared: GraphModule = insert(exported, quantizer)
    allow_exported_model_train_eval(prepared)
    return prepared


def convert(prepared: GraphModule, example_inputs: Tensors) -> ExportedProgram:
    """The calibrated or trained model with quantize and dequantize ops, for ``tinyiree build``.

    Args:
        prepared: from ``prepare``; it is used up.
        example_inputs: as the firmware will get them: a batch of 1.
    """
    move_exported_model_to_eval(prepared)
    return torch.export.export(convert_pt2e(prepared), _tuple(example_inputs))


def _tuple(inputs: Tensors) -> tuple[torch.Tensor, ...]:
    return (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)


def _activation_spec(qat: bool) -> QuantizationSpec:
    observer = (
        FusedMovingAvgObsFakeQuantize.with_args(observer=MovingAverageMinMaxObserver, eps=_EPS)
        if qat
        else HistogramObserver.with_args(eps=_EPS)
    )
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr=observer,
    )


def _weight_spec(qat: bool) -> QuantizationSpec:
    # A weight's range is that of its present values: no average over the past.
    observer = (
        FusedMovingAvgObsFakeQuantize.with_args(
            observer=MovingAveragePerChannelMinMaxObserver, averaging_constant=1.0, eps=_EPS
        )
        if qat
        else PerChannelMinMaxObserver.with_args(eps=_EPS)
    )
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=observer,
    )


def _fixed(name: str) -> FixedQParamsQuantizationSpec:
    scale, zero_point = _FIXED[name]
    return FixedQParamsQuantizationSpec(
        dtype=torch.int8,
        scale=scale,
        zero_point=zero_point,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )


def _name(node: Node) -> str:
    """``relu`` for ``aten.relu.default`` and ``aten.relu_.default``; empty for other nodes."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return ""
    return str(node.target.overloadpacket.__name__).removeprefix("_").rstrip("_")


def _is_float(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32


def _operands(node: Node) -> Iterator[Node]:
    """The float tensors that an op reads, each once."""
    found = dict.fromkeys(node.all_input_nodes)
    limit = 1 if _name(node) in ("batch_norm", *_CLAMPS) else len(found)
    return (operand for operand in list(found)[:limit] if _is_float(operand))


def _chain(node: Node, name: str) -> list[Node]:
    """An op, the batch normalization and the clamp that belong to it."""
    chain = [node]
    wanted = [{"batch_norm"}, _CLAMPS] if name in _WEIGHTED else [_CLAMPS]
    for names in wanted:
        users = list(chain[-1].users)
        if len(users) == 1 and _name(users[0]) in names:
            chain.append(users[0])
    return chain


def _module_path(entry: str) -> str:
    """``layer1.0`` for ``L['self'].layer1.0`` and ``L['self']._modules['layer1']...``."""
    path = entry.replace("L['self']", "").replace("._modules['", ".").replace("']", "")
    return path.lstrip(".")
