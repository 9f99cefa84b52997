"""The kernels of ``targets/kernels/mve``: cores with the integer vectors of Armv8.1-M."""

from tinyiree.kernels import pool as pools
from tinyiree.kernels.conv2d import no_scratch
from tinyiree.kernels.kernel import Kernel, Reads
from tinyiree.kernels.mve import add, conv2d, depthwise, fully_connected, pool

_CLAMP = "mve/clamp.c"
_POOLS = ("qnn.avg_pool2d", "qnn.mean")
_ADDS = ("qnn.add", "qnn.tflite_add")

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "mve.fully_connected_for_pixel",
        ("mve/fully_connected.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_mve_fully_connected_single", "tinyiree_mve_fully_connected_double"),
        fully_connected.problem_for_pixel,
        fully_connected.pack,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "mve.conv2d",
        ("mve/conv2d.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_mve_conv2d_single", "tinyiree_mve_conv2d_double"),
        conv2d.problem,
        conv2d.pack,
        conv2d.scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "mve.depthwise",
        ("mve/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_mve_depthwise_single", "tinyiree_mve_depthwise_double"),
        depthwise.problem,
        depthwise.pack,
        depthwise.scratch,
        Reads.ROW,
    ),
    Kernel(
        "mve.depthwise_wide",
        ("mve/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_mve_depthwise_wide_single", "tinyiree_mve_depthwise_wide_double"),
        depthwise.wide_problem,
        depthwise.pack,
        depthwise.scratch,
        Reads.ROW,
    ),
    # Weights are read once for three rows.
    Kernel(
        "mve.conv2d_for_rows",
        ("mve/conv2d.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_mve_conv2d_single", "tinyiree_mve_conv2d_double"),
        fully_connected.problem_of_rows,
        fully_connected.pack_as_conv2d,
        fully_connected.scratch_as_conv2d,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "mve.fully_connected",
        ("mve/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_mve_fully_connected_single", "tinyiree_mve_fully_connected_double"),
        fully_connected.problem,
        fully_connected.pack,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "mve.add",
        ("mve/add.c", _CLAMP),
        _ADDS,
        ("tinyiree_mve_add",),
        add.problem,
        add.pack,
        no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "mve.avg_pool2d",
        ("mve/avg_pool2d.c",),
        _POOLS,
        ("tinyiree_mve_avg_pool2d",),
        pool.average_problem,
        pool.pack_average,
        no_scratch,
        Reads.CHANNELS,
    ),
    Kernel(
        "mve.max_pool2d",
        ("mve/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_mve_max_pool2d",),
        pools.max_problem,
        pools.pack_max,
        no_scratch,
        Reads.CHANNELS,
    ),
)
