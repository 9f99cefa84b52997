"""The kernels of ``targets/kernels/portable``: references for the others."""

from tinyiree.kernels import add, conv2d, fully_connected, pool
from tinyiree.kernels.kernel import Kernel, Reads

_POOLS = ("qnn.avg_pool2d", "qnn.mean")
_ADDS = ("qnn.add", "qnn.tflite_add")

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "portable.conv2d",
        ("portable/conv2d.c",),
        ("qnn.conv2d",),
        ("tinyiree_portable_conv2d",),
        conv2d.portable_problem,
        conv2d.pack_portable,
        conv2d.no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "portable.fully_connected",
        ("portable/fully_connected.c",),
        ("qnn.fully_connected",),
        ("tinyiree_portable_fully_connected",),
        fully_connected.portable_problem,
        fully_connected.pack_portable,
        conv2d.no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "portable.add",
        ("portable/add.c",),
        _ADDS,
        ("tinyiree_portable_add",),
        add.problem,
        add.pack,
        conv2d.no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "portable.tflite_add",
        ("portable/tflite_add.c",),
        ("qnn.tflite_add",),
        ("tinyiree_portable_tflite_add",),
        add.tflite_problem,
        add.pack_tflite,
        conv2d.no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "portable.avg_pool2d",
        ("portable/avg_pool2d.c",),
        _POOLS,
        ("tinyiree_portable_avg_pool2d",),
        pool.average_problem,
        pool.pack_average_portable,
        conv2d.no_scratch,
        Reads.CHANNELS,
    ),
    Kernel(
        "portable.max_pool2d",
        ("portable/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_portable_max_pool2d",),
        pool.max_problem,
        pool.pack_max,
        conv2d.no_scratch,
        Reads.CHANNELS,
    ),
)
