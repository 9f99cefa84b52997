"""The ONNX operators that can be imported: one literal table for each family."""

from tinyiree.importers.onnx.converters import (
    convolution,
    elementwise,
    layout,
    pooling,
    quantized,
)
from tinyiree.importers.onnx.node import Entry

FAMILIES: dict[str, dict[str, Entry]] = {
    "convolution and matrix product": convolution.ENTRIES,
    "pooling and reduction": pooling.ENTRIES,
    "elementwise": elementwise.ENTRIES,
    "layout": layout.ENTRIES,
    "quantization": quantized.ENTRIES,
}

TABLE: dict[str, Entry] = {
    name: entry for family in FAMILIES.values() for name, entry in family.items()
}

REMEDIES: dict[str, str] = {
    **convolution.REMEDIES,
    **pooling.REMEDIES,
    **elementwise.REMEDIES,
    **layout.REMEDIES,
    **quantized.REMEDIES,
}
"""What to do about a well-known operator that is not in the table."""
