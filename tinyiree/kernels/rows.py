"""Rows of a layer as ``first_row`` and ``last_row`` count them."""

from iree.compiler import ir

from tinyiree.ir import access


def rows(op: ir.Operation) -> int:
    """Rows of an op's result: those of a matrix, H of one image, and else a single one.

    Several images are one row: only an image by itself is walked row by row.
    """
    shape = access.shape(op.results[0])
    if op.name == "qnn.fully_connected":
        return shape[0]
    one_image = len(shape) == 4 and shape[0] == 1 and op.name != "qnn.mean"
    return shape[1] if one_image else 1
