"""The list of operations that can be imported, for ``tinyiree ops``."""

from collections.abc import Iterator
from dataclasses import dataclass

from tinyiree.importers.converters import FAMILIES as PYTORCH
from tinyiree.importers.onnx.converters import FAMILIES as ONNX
from tinyiree.importers.tflite.table import FAMILIES as TFLITE


@dataclass(frozen=True)
class SupportedOp:
    """An operation of a frontend and the ops of the normal form that it becomes.

    Attributes:
        frontend: ``pytorch``, ``onnx`` or ``tflite``.
        name: such as ``aten.conv2d``, ``Conv`` or ``CONV_2D``.
        becomes: such as ``("nn.conv2d",)``; empty for an op that does nothing. The transposes and
            reshapes between channels first and channels last come on top.
        family: a heading.
        dtypes: element types of its data; empty for those of the frontend as a whole.
        note: what else there is to know, such as combinations of types.
    """

    frontend: str
    name: str
    becomes: tuple[str, ...]
    family: str
    dtypes: tuple[str, ...] = ()
    note: str = ""


def supported_ops() -> tuple[SupportedOp, ...]:
    """All of them, by frontend and family; read from the tables that the importers use."""
    return tuple(_all())


def _all() -> Iterator[SupportedOp]:
    for family, entries in PYTORCH.items():
        for name, entry in entries.items():
            yield SupportedOp("pytorch", name, entry.emits, family)
    for family, onnx_entries in ONNX.items():
        for name, onnx_entry in onnx_entries.items():
            yield SupportedOp("onnx", name, onnx_entry.emits, family)
    for family, tflite_entries in TFLITE.items():
        for name, tflite_entry in tflite_entries.items():
            yield SupportedOp(
                "tflite",
                name,
                tflite_entry.emits,
                family,
                tflite_entry.dtypes,
                tflite_entry.note,
            )
