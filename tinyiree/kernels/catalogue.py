"""All kernels, the better ones first."""

from collections.abc import Iterator

from iree.compiler import ir

from tinyiree.kernels import add, conv2d, fully_connected, pool
from tinyiree.kernels.kernel import Kernel
from tinyiree.targets import Core

_CLAMP = "armv7em/clamp.c"
_POOLS = ("qnn.avg_pool2d", "qnn.mean")
_ADDS = ("qnn.add", "qnn.tflite_add")

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "armv7em.conv2d",
        ("armv7em/conv2d.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7em_conv2d_single", "tinyiree_armv7em_conv2d_double"),
        conv2d.dense_problem,
        conv2d.pack_dense,
        conv2d.dense_scratch,
    ),
    Kernel(
        "armv7em.depthwise",
        ("armv7em/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7em_depthwise_single", "tinyiree_armv7em_depthwise_double"),
        conv2d.depthwise_problem,
        conv2d.pack_depthwise,
        conv2d.depthwise_scratch,
    ),
    Kernel(
        "armv7em.fully_connected",
        ("armv7em/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv7em_fully_connected_single", "tinyiree_armv7em_fully_connected_double"),
        fully_connected.packed_problem,
        fully_connected.pack,
        fully_connected.scratch,
    ),
    # Twice the work for a single row, but no more code where the model has such convolutions.
    Kernel(
        "armv7em.conv2d_for_rows",
        ("armv7em/conv2d.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv7em_conv2d_single", "tinyiree_armv7em_conv2d_double"),
        fully_connected.packed_problem,
        fully_connected.pack_as_conv2d,
        fully_connected.scratch_as_conv2d,
    ),
    Kernel(
        "armv7em.add",
        ("armv7em/add.c", _CLAMP),
        _ADDS,
        ("tinyiree_armv7em_add",),
        add.problem,
        add.pack,
        conv2d.no_scratch,
    ),
    Kernel(
        "armv7em.avg_pool2d",
        ("armv7em/avg_pool2d.c", _CLAMP),
        _POOLS,
        ("tinyiree_armv7em_avg_pool2d",),
        pool.packed_average_problem,
        pool.pack_average,
        conv2d.no_scratch,
    ),
    Kernel(
        "armv7em.max_pool2d",
        ("armv7em/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_armv7em_max_pool2d",),
        pool.packed_max_problem,
        pool.pack_max,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.conv2d",
        ("portable/conv2d.c",),
        ("qnn.conv2d",),
        ("tinyiree_portable_conv2d",),
        conv2d.portable_problem,
        conv2d.pack_portable,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.fully_connected",
        ("portable/fully_connected.c",),
        ("qnn.fully_connected",),
        ("tinyiree_portable_fully_connected",),
        fully_connected.portable_problem,
        fully_connected.pack_portable,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.add",
        ("portable/add.c",),
        _ADDS,
        ("tinyiree_portable_add",),
        add.problem,
        add.pack,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.tflite_add",
        ("portable/tflite_add.c",),
        ("qnn.tflite_add",),
        ("tinyiree_portable_tflite_add",),
        add.tflite_problem,
        add.pack_tflite,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.avg_pool2d",
        ("portable/avg_pool2d.c",),
        _POOLS,
        ("tinyiree_portable_avg_pool2d",),
        pool.average_problem,
        pool.pack_average_portable,
        conv2d.no_scratch,
    ),
    Kernel(
        "portable.max_pool2d",
        ("portable/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_portable_max_pool2d",),
        pool.max_problem,
        pool.pack_max,
        conv2d.no_scratch,
    ),
)


def candidates(op: ir.Operation, core: Core) -> Iterator[tuple[Kernel, str | None]]:
    """The kernels for an op on a core, best first, each with why it cannot be used, or None."""
    for kernel in KERNELS:
        if op.name in kernel.ops and kernel.runs_on(core):
            yield kernel, kernel.accepts(op)
