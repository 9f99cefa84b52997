"""Samples on their way in and out: .npz files, raw tensors, quantization at the model's edge."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError

Array = npt.NDArray[np.generic]


def read_npz(path: Path) -> dict[str, Array]:
    """All arrays of an .npz file.

    Raises:
        TinyireeError: the file is missing, unreadable, or holds no arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise TinyireeError(f"{path}: no such file; expected an .npz file of samples") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TinyireeError(
            f"{path} is not a readable .npz file ({error}); write one with numpy.savez"
        ) from error
    if not arrays:
        raise TinyireeError(f"{path} holds no arrays; expected one for each input of the model")
    return arrays


def by_input(arrays: Mapping[str, Array], inputs: Sequence[str], source: str) -> dict[str, Array]:
    """The arrays by input name: one each, or a single array ``x`` for a model of one input.

    Args:
        arrays: as in the file.
        inputs: names of the model's inputs.
        source: what to call the file in messages.

    Raises:
        TinyireeError: an input has no array, or the arrays differ in their number of samples.
    """
    if len(inputs) == 1 and inputs[0] not in arrays and "x" in arrays:
        arrays = {inputs[0]: arrays["x"]}
    missing = [name for name in inputs if name not in arrays]
    if missing:
        raise TinyireeError(
            f"{source} has no array for input {', '.join(missing)}; it holds "
            f"{', '.join(arrays) or 'nothing'}. Name the arrays after the inputs "
            f"({', '.join(inputs)}), or a single one 'x'"
        )
    chosen = {name: np.asarray(arrays[name]) for name in inputs}
    for name, array in chosen.items():
        if array.ndim == 0 or len(array) == 0:
            raise TinyireeError(f"{source}: array '{name}' is empty; expected at least one sample")
    counts = {name: len(array) for name, array in chosen.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise TinyireeError(
            f"{source}: the arrays hold different numbers of samples ({listed}); the leading axis "
            "counts samples and must agree"
        )
    return chosen


def sample_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of one sample in a file: the tensor's, without a leading batch axis of one."""
    return tuple(shape[1:]) if len(shape) > 1 and shape[0] == 1 else tuple(shape)


def split_samples(array: Array, name: str, shape: Sequence[int], source: str) -> Array:
    """An array of samples as ``[N, *shape]``.

    Sample shapes with and without the tensor's leading batch axis of one are taken.

    Raises:
        TinyireeError: the samples have another shape.
    """
    given = tuple(array.shape[1:])
    if given not in (tuple(shape), sample_shape(shape)):
        raise TinyireeError(
            f"{source}: samples of '{name}' have shape {list(given)}, expected "
            f"{list(sample_shape(shape))} (the model's input is {list(shape)}); the leading axis "
            "counts samples"
        )
    return array.reshape(len(array), *shape)


def encode(array: Array, tensor: IoTensor, source: str) -> Array:
    """Samples as the model's raw input ``[N, *shape]``.

    Integer arrays are taken as they are, float arrays are quantized with the input's scale and zero
    point: ``clip(round_half_even(x / scale) + zero_point, -128, 127)``.

    Raises:
        TinyireeError: wrong shape, NaN, or integers that the input's type cannot hold.
    """
    array = split_samples(array, tensor.name, tensor.shape, source)
    wanted = np.dtype(tensor.dtype)
    if wanted == np.bool_:
        return _truths(array, tensor.name, source)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise TinyireeError(f"{source}: array '{tensor.name}' contains NaN or infinity")
        if tensor.scale is None or tensor.zero_point is None:
            if np.issubdtype(wanted, np.floating):
                return array.astype(wanted)
            raise TinyireeError(
                f"{source}: array '{tensor.name}' is {array.dtype}; the model's input is "
                f"{tensor.dtype} without a scale: give integers"
            )
        quantized = np.rint(array.astype(np.float64) / tensor.scale) + tensor.zero_point
        limits = np.iinfo(wanted)
        raw: Array = np.clip(quantized, limits.min, limits.max).astype(wanted)
        return raw
    if not np.issubdtype(array.dtype, np.integer):
        raise TinyireeError(
            f"{source}: array '{tensor.name}' is {array.dtype}; expected integers or floats"
        )
    if np.issubdtype(wanted, np.floating):
        raise TinyireeError(
            f"{source}: array '{tensor.name}' is {array.dtype}, but the model's input is "
            f"{tensor.dtype}; give floats (integers are taken as raw input)"
        )
    limits = np.iinfo(wanted)
    if array.min() < limits.min or array.max() > limits.max:
        raise TinyireeError(
            f"{source}: array '{tensor.name}' is taken as the raw {tensor.dtype} input, but holds "
            f"values from {array.min()} to {array.max()}; give {tensor.dtype} values, or floats "
            "to have them quantized"
        )
    return array.astype(wanted)


def _truths(array: Array, name: str, source: str) -> Array:
    if not np.isin(array, (0, 1)).all():
        raise TinyireeError(
            f"{source}: array '{name}' is {array.dtype} for an input of truth values, and holds "
            "others than 0 and 1; give bool"
        )
    return array.astype(np.bool_)


def as_stored(array: Array) -> Array:
    """A tensor as the host module takes it: the bytes of uint8 and bool as int8."""
    return array.view(np.int8) if array.dtype in (np.uint8, np.bool_) else array


def dequantize(array: Array, tensor: IoTensor) -> npt.NDArray[np.float64]:
    """Raw output values as real numbers."""
    values = array.astype(np.float64)
    if tensor.scale is None or tensor.zero_point is None:
        return values
    return (values - tensor.zero_point) * tensor.scale


def pack(samples: Sequence[Array], index: int) -> bytes:
    """The bytes of one sample: all inputs in order."""
    return b"".join(np.ascontiguousarray(array[index]).tobytes() for array in samples)


def unpack(data: bytes, tensors: Sequence[IoTensor]) -> list[Array]:
    """The outputs of one inference from their bytes in order."""
    outputs: list[Array] = []
    position = 0
    for tensor in tensors:
        part = np.frombuffer(data[position : position + tensor.size], tensor.dtype)
        outputs.append(part.reshape(tensor.shape))
        position += tensor.size
    return outputs
