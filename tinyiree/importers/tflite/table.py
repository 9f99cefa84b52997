"""The operators of TensorFlow Lite that can be imported: one literal table for each family."""

from tinyiree.importers.tflite import (
    activation,
    arithmetic_ops,
    binary,
    blocks,
    comparison,
    convolution,
    elementwise,
    fully_connected,
    layout,
    movement,
    pooling,
    quantized,
    recurrent,
    reduction,
    svdf,
    transpose_conv,
    variables,
)
from tinyiree.importers.tflite.call import Entry

FAMILIES: dict[str, dict[str, Entry]] = {
    "convolution and matrix product": {
        **convolution.ENTRIES,
        **transpose_conv.ENTRIES,
        **fully_connected.ENTRIES,
        **binary.MATMUL_ENTRIES,
    },
    "pooling and reduction": {**pooling.ENTRIES, **reduction.ENTRIES},
    "elementwise": {
        **arithmetic_ops.ENTRIES,
        **binary.ENTRIES,
        **activation.ENTRIES,
        **elementwise.ENTRIES,
    },
    "layout": {**layout.ENTRIES, **movement.ENTRIES, **blocks.ENTRIES},
    "quantization": quantized.ENTRIES,
    "types and logic": comparison.ENTRIES,
    "state": {**recurrent.ENTRIES, **svdf.ENTRIES, **variables.ENTRIES},
}

TABLE: dict[str, Entry] = {
    name: entry for family in FAMILIES.values() for name, entry in family.items()
}
