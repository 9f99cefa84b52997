"""From an ONNX graph to ops of the torch dialect, by IREE's ONNX importer.

Constants do not pass through MLIR, whose Python bindings do not show the values of large ones: they
become further inputs of the graph, and their values stay here as arrays.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from iree.compiler import ir
from iree.compiler.extras import onnx_importer
from onnx import numpy_helper

from tinyiree.errors import TinyireeError
from tinyiree.importers.call import Array
from tinyiree.importers.onnx.model_file import model_inputs


@dataclass(frozen=True)
class TorchGraph:
    """A graph as ``torch.operator "onnx.Conv"`` and the like.

    Attributes:
        module: of the torch dialect; the name in each op's location is the node's index.
        inputs: how many arguments of the function are the model's; the others are constants.
        constants: their values, in order.
    """

    module: ir.Module
    inputs: int
    constants: tuple[Array, ...]

    @property
    def block(self) -> ir.Block:
        """The only block of the function."""
        found: ir.Block = self.module.body.operations[0].regions[0].blocks[0]
        return found


def import_graph(model: onnx.ModelProto, context: ir.Context, source: str) -> TorchGraph:
    """Run IREE's importer.

    Args:
        model: with inferred shapes and types; not changed.
        context: for the module.
        source: what error messages call the model.

    Raises:
        TinyireeError: a constant cannot be read, or the importer refuses the graph.
    """
    lifted = onnx.ModelProto()
    lifted.CopyFrom(model)
    graph = lifted.graph
    constants = dict(_constants(model.graph, source))
    inputs = [onnx.ValueInfoProto.FromString(v.SerializeToString()) for v in model_inputs(graph)]
    nodes = []
    for index, node in enumerate(graph.node):
        if node.op_type == "Constant" and node.output[0] in constants:
            continue
        node.name = str(index)
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    for field in (graph.initializer, graph.input, graph.node):
        del field[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    for name, array in constants.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
    graph.name = "main"
    # An operator that is not supported stays one: its parts would be listed under no name.
    config = onnx_importer.Config(function_expansion_allowlists_by_domain={})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = onnx_importer.ModelInfo(lifted, config=config)
            module = info.create_module(context=context)
            onnx_importer.NodeImporter.define_function(
                info.main_graph, module.operation
            ).import_all()
    except Exception as error:  # whatever the importer and MLIR raise, the reason is theirs
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TinyireeError(
            f"{source}: IREE's ONNX importer refuses the model: {lines[0]}; export it again with "
            "opset_version=17, for fixed input shapes"
        ) from error
    return TorchGraph(module, len(inputs), tuple(constants.values()))


def _constants(graph: onnx.GraphProto, source: str) -> Iterator[tuple[str, Array]]:
    """Initializers, and the results of Constant nodes, by name."""
    for tensor in graph.initializer:
        yield tensor.name, _read(tensor, source)
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx") and node.attribute:
            array = _attribute(node.attribute[0], source)
            if array is not None:
                yield node.output[0], array


def _read(tensor: onnx.TensorProto, source: str) -> Array:
    try:
        array: Array = numpy_helper.to_array(tensor).copy()
    except Exception as error:  # numpy and onnx raise several kinds
        raise TinyireeError(
            f"{source}: the constant '{tensor.name}' cannot be read: {error}; export it again"
        ) from error
    return array


def _attribute(attribute: onnx.AttributeProto, source: str) -> Array | None:
    if attribute.name == "value":
        return _read(attribute.t, source)
    if attribute.name == "value_float":
        return np.array(attribute.f, np.float32)
    if attribute.name == "value_int":
        return np.array(attribute.i, np.int64)
    if attribute.name == "value_floats":
        return np.array(list(attribute.floats), np.float32)
    if attribute.name == "value_ints":
        return np.array(list(attribute.ints), np.int64)
    return None
