"""The kernels of ``targets/kernels/armv7em``: cores with the DSP extension."""

from tinyiree.kernels import add, conv2d, fully_connected, pool
from tinyiree.kernels.kernel import Kernel, Reads

_CLAMP = "armv7em/clamp.c"
_DENSE = "armv7em/dense.c"
_POOLS = ("qnn.avg_pool2d", "qnn.mean")
_ADDS = ("qnn.add", "qnn.tflite_add")

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "armv7em.conv2d",
        ("armv7em/conv2d.c", _DENSE, _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7em_conv2d_single", "tinyiree_armv7em_conv2d_double"),
        conv2d.dense_problem,
        conv2d.pack_dense,
        conv2d.dense_scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "armv7em.conv2d_wide",
        ("armv7em/conv2d_wide.c", _DENSE, _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7em_conv2d_wide_single", "tinyiree_armv7em_conv2d_wide_double"),
        conv2d.wide_dense_problem,
        conv2d.pack_dense_wide,
        conv2d.dense_scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "armv7em.depthwise",
        ("armv7em/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7em_depthwise_single", "tinyiree_armv7em_depthwise_double"),
        conv2d.depthwise_problem,
        conv2d.pack_depthwise,
        conv2d.depthwise_scratch,
        Reads.FOURS,
    ),
    Kernel(
        "armv7em.fully_connected",
        ("armv7em/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv7em_fully_connected_single", "tinyiree_armv7em_fully_connected_double"),
        fully_connected.packed_problem,
        fully_connected.pack,
        conv2d.no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "armv7em.fully_connected_wide",
        ("armv7em/fully_connected_wide.c", _CLAMP),
        ("qnn.fully_connected",),
        (
            "tinyiree_armv7em_fully_connected_wide_single",
            "tinyiree_armv7em_fully_connected_wide_double",
        ),
        fully_connected.wide_packed_problem,
        fully_connected.pack_wide,
        conv2d.no_scratch,
        Reads.PIXEL,
    ),
    # Twice the work for a single row, but no more code where the model has such convolutions.
    Kernel(
        "armv7em.conv2d_for_rows",
        ("armv7em/conv2d.c", _DENSE, _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv7em_conv2d_single", "tinyiree_armv7em_conv2d_double"),
        fully_connected.packed_problem,
        fully_connected.pack_as_conv2d,
        fully_connected.scratch_as_conv2d,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "armv7em.add",
        ("armv7em/add.c", _CLAMP),
        _ADDS,
        ("tinyiree_armv7em_add",),
        add.problem,
        add.pack,
        conv2d.no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "armv7em.avg_pool2d",
        ("armv7em/avg_pool2d.c", _CLAMP),
        _POOLS,
        ("tinyiree_armv7em_avg_pool2d",),
        pool.packed_average_problem,
        pool.pack_average,
        conv2d.no_scratch,
        Reads.FOURS,
    ),
    Kernel(
        "armv7em.max_pool2d",
        ("armv7em/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_armv7em_max_pool2d",),
        pool.packed_max_problem,
        pool.pack_max,
        conv2d.no_scratch,
        Reads.FOURS,
    ),
)
