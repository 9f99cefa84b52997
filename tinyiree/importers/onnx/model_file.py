"""Reading a ``.onnx`` file: what it must be, its external data, static shapes, element types."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnx import checker, external_data_helper, inliner, shape_inference

from tinyiree.errors import TinyireeError

OLDEST_OPSET = 13
SIZE_LIMIT = 256 * 2**20
"""Bytes of the file with its external data: a hundred times what a microcontroller holds."""

_SHAPELESS = "export the model for fixed input shapes, batch 1"
_TYPE = onnx.TensorProto.DataType
_REFUSED: dict[int, str] = {
    _TYPE.FLOAT16: "convert the model to float32 before the export (model.float())",
    _TYPE.BFLOAT16: "convert the model to float32 before the export (model.float())",
    _TYPE.STRING: "take texts out of the model",
    _TYPE.COMPLEX64: "compute with real numbers",
    _TYPE.COMPLEX128: "compute with real numbers",
}
_NARROW = "quantize to 8 bits (int8 or uint8); narrower types are not supported"
# What this importer and IREE's know: everything else is a type of fewer than 8 bits, or float8.
_KNOWN = {
    *(_TYPE.FLOAT, _TYPE.DOUBLE, _TYPE.BOOL),
    *(_TYPE.INT8, _TYPE.INT16, _TYPE.INT32, _TYPE.INT64),
    *(_TYPE.UINT8, _TYPE.UINT16, _TYPE.UINT32, _TYPE.UINT64),
}


def load(path: Path, input_shapes: Sequence[Sequence[int]] = ()) -> onnx.ModelProto:
    """Read a model, with its external data, static shapes of its inputs, and inferred types.

    Args:
        path: of the file; external data lies beside it.
        input_shapes: one for each input, where the file leaves extents open.

    Raises:
        TinyireeError: damaged, too large or too old; external data is missing; an input has no
            static shape; or a tensor has an element type that cannot be used.
    """
    model = _parse(path)
    _check_opset(model, path)
    _load_external_data(model, path)
    if model.functions:
        model = inliner.inline_local_functions(model)
    for node in model.graph.node:
        # onnxruntime's own two are older than those of ONNX, and mean the same.
        if node.domain == "com.microsoft" and node.op_type in (
            "QuantizeLinear",
            "DequantizeLinear",
        ):
            node.domain = ""
    _set_shapes(model, path, input_shapes)
    _check_splits(model, path)
    try:
        checker.check_model(model)
    except (checker.ValidationError, ValueError) as error:
        raise TinyireeError(
            f"{path}: not a valid ONNX model: {_first_line(error)}; export it again"
        ) from error
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        # Without data_prop, which expands constants without bound (a ConstantOfShape of a damaged
        # file). Values that shapes are computed from are known when the nodes are converted.
        model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except (shape_inference.InferenceError, ValueError, MemoryError) as error:
        raise TinyireeError(
            f"{path}: its shapes and attributes do not fit together: {_first_line(error)}; "
            f"{_SHAPELESS}"
        ) from error
    _check_types(model, path)
    return model


def _parse(path: Path) -> onnx.ModelProto:
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        raise TinyireeError(_too_large(path, size))
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # protobuf has an error of its own, which has no type stubs
        raise TinyireeError(
            f"{path}: expected an ONNX model, found a file that is none, or is damaged: "
            f"{_first_line(error)}; export it again"
        ) from error
    if not model.opset_import or not (model.graph.node or model.graph.output):
        raise TinyireeError(
            f"{path}: expected an ONNX model, found a file without a graph; export it again"
        )
    if not all(isinstance(text, str) for text in _texts(model)):
        raise TinyireeError(
            f"{path}: expected an ONNX model, found names that are not UTF-8: the file is damaged; "
            "export it again"
        )
    return model


def _texts(model: onnx.ModelProto) -> Iterator[object]:
    """Every text that is used; protobuf gives bytes for one that is not UTF-8."""
    graph = model.graph
    yield graph.name
    for entry in model.opset_import:
        yield entry.domain
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name
            yield from (_decoded(text) for text in (attribute.s, *attribute.strings))
    for value in (*graph.input, *graph.output):
        yield value.name
        yield from (extent.dim_param for extent in value.type.tensor_type.shape.dim)
    for tensor in _tensors(graph):
        yield tensor.name
        for pair in tensor.external_data:
            yield from (pair.key, pair.value)


def _decoded(text: bytes) -> str | bytes:
    """What protobuf gives for fields that are texts by their type."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _check_opset(model: onnx.ModelProto, path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and not OLDEST_OPSET <= entry.version <= newest:
            raise TinyireeError(
                f"{path}: the model is of opset {entry.version}, expected {OLDEST_OPSET} to "
                f"{newest}; export it with opset_version=17"
            )


def _check_splits(model: onnx.ModelProto, path: Path) -> None:
    """Shape inference makes room for as many outputs as the attribute says."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "num_outputs" and attribute.i != len(node.output):
                raise TinyireeError(
                    f"{path}: {node.op_type} '{node.name}' has {len(node.output)} outputs, "
                    f"expected {attribute.i} as its attribute num_outputs says; export it again"
                )


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    folder, total = path.parent, path.stat().st_size
    for tensor in _tensors(model.graph):
        if not external_data_helper.uses_external_data(tensor):
            continue
        try:
            info = external_data_helper.ExternalDataInfo(tensor)
            offset, length = int(info.offset or 0), int(info.length or 0)
        except ValueError as error:
            raise TinyireeError(
                f"{path}: tensor '{tensor.name}' says wrongly where its data is: {error}; "
                "export the model again"
            ) from error
        file = Path(info.location)
        if file.is_absolute() or ".." in file.parts or not info.location:
            raise TinyireeError(
                f"{path}: tensor '{tensor.name}' has its data in '{info.location}', expected a "
                "file beside the model; save the model again with relative external data"
            )
        if not (folder / file).is_file():
            raise TinyireeError(
                f"{path}: the external data file '{info.location}' of tensor '{tensor.name}' is "
                f"missing; put it into {folder}"
            )
        size = (folder / file).stat().st_size
        if offset < 0 or length < 0 or offset + length > size:
            raise TinyireeError(
                f"{path}: the external data file '{info.location}' has {size} bytes, expected "
                f"{offset + length} for tensor '{tensor.name}'; copy or export it again"
            )
        total += length or size - offset
        if total > SIZE_LIMIT:
            raise TinyireeError(_too_large(path, total))
    try:
        external_data_helper.load_external_data_for_model(model, str(folder))
    except Exception as error:  # onnx raises what its checks and the file system raise
        raise TinyireeError(
            f"{path}: its external data cannot be read: {_first_line(error)}; export it again"
        ) from error


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _too_large(path: Path, size: int) -> str:
    return (
        f"{path}: the model has {size / 2**20:.0f} MiB with its external data, expected at most "
        f"{SIZE_LIMIT / 2**20:.0f} MiB; it would not fit a microcontroller"
    )


def model_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are not initializers; old exporters list these too."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def _set_shapes(model: onnx.ModelProto, path: Path, shapes: Sequence[Sequence[int]]) -> None:
    inputs = model_inputs(model.graph)
    if shapes and len(shapes) != len(inputs):
        raise TinyireeError(
            f"{path}: {len(shapes)} input shapes for {len(inputs)} inputs "
            f"({', '.join(value.name for value in inputs)}); give one --input-shape for each"
        )
    for i, value in enumerate(inputs):
        if not value.type.HasField("tensor_type"):
            raise TinyireeError(f"{path}: input '{value.name}' is not a tensor; take it out")
        _set_shape(value, path, shapes[i] if shapes else None)
    # What the file says of all other tensors was worked out for open extents.
    del model.graph.value_info[:]
    for output in model.graph.output:
        # The checker asks for a shape, which need not say anything.
        output.type.tensor_type.shape.SetInParent()


def _set_shape(value: onnx.ValueInfoProto, path: Path, shape: Sequence[int] | None) -> None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") and shape is not None:
        for _ in shape:
            tensor.shape.dim.add()
    extents = tensor.shape.dim
    text = ",".join(
        str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in extents
    )
    if not tensor.HasField("shape"):
        raise TinyireeError(
            f"{path}: input '{value.name}' has no shape, expected a static one; give it with "
            "--input-shape, such as --input-shape 1,3,32,32"
        )
    if shape is None:
        fixed = [d.dim_value if d.HasField("dim_value") else None for d in extents]
        if None in fixed:
            hint = ",".join(str(n or 1) for n in fixed)
            raise TinyireeError(
                f"{path}: input '{value.name}' has the dynamic shape [{text}], expected a static "
                f"one; give it with --input-shape, such as --input-shape {hint}"
            )
        shape = [n or 0 for n in fixed]
    fits = len(shape) == len(extents) and all(
        not d.HasField("dim_value") or d.dim_value == n for d, n in zip(extents, shape, strict=True)
    )
    if not fits or any(n < 1 for n in shape):
        raise TinyireeError(
            f"{path}: input '{value.name}' has the shape [{text}] in the file, found "
            f"[{','.join(map(str, shape))}]; give --input-shape positive extents that fit it"
        )
    for extent, n in zip(extents, shape, strict=True):
        extent.dim_value = n


def _check_types(model: onnx.ModelProto, path: Path) -> None:
    graph = model.graph
    if graph.sparse_initializer:
        raise TinyireeError(
            f"{path}: the model has sparse tensors, expected dense ones; export it without sparsity"
        )
    values = [*graph.input, *graph.value_info, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types.update((tensor.name, tensor.data_type) for tensor in graph.initializer)
    found: dict[int, list[str]] = {}
    for name, code in types.items():
        # 0: a type that inference does not know, behind an operator that is not supported.
        if code not in _KNOWN and code != 0:
            found.setdefault(code, []).append(name)
    if found:
        listed = "\n  ".join(
            f"{_type_name(code)} in '{names[0]}'"
            + (f" and {len(names) - 1} others" if len(names) > 1 else "")
            + f": {_REFUSED.get(code, _NARROW)}"
            for code, names in found.items()
        )
        raise TinyireeError(
            f"{path}: element types that cannot be imported, expected float32, and int8 or uint8 "
            f"where it is quantized:\n  {listed}"
        )


def _type_name(code: int) -> str:
    name = {number: name for name, number in _TYPE.items()}.get(code)
    return name.lower() if name else f"type {code}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    text = lines[0].replace("[ShapeInferenceError] ", "").replace("Inference error(s): ", "")
    return text.rstrip(".;:")
