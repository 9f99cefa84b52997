"""The kernels of ``targets/kernels/armv6m``: Thumb without long multiplication, Cortex-M0+."""

from tinyiree.kernels import add
from tinyiree.kernels import pool as pools
from tinyiree.kernels.armv6m import conv2d, fully_connected, pool
from tinyiree.kernels.conv2d import no_scratch
from tinyiree.kernels.kernel import Kernel, Reads

_CLAMP = "armv6m/clamp.c"

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "armv6m.conv2d",
        ("armv6m/conv2d.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv6m_conv2d_single", "tinyiree_armv6m_conv2d_double"),
        conv2d.dense_problem,
        conv2d.pack_dense,
        conv2d.dense_scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "armv6m.depthwise",
        ("armv6m/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv6m_depthwise_single", "tinyiree_armv6m_depthwise_double"),
        conv2d.depthwise_problem,
        conv2d.pack_depthwise,
        conv2d.depthwise_scratch,
        Reads.BLOCKS,
    ),
    Kernel(
        "armv6m.fully_connected",
        ("armv6m/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv6m_fully_connected_single", "tinyiree_armv6m_fully_connected_double"),
        fully_connected.problem,
        fully_connected.pack,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "armv6m.add",
        ("armv6m/add.c", _CLAMP),
        ("qnn.add", "qnn.tflite_add"),
        ("tinyiree_armv6m_add",),
        add.problem,
        add.pack,
        no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "armv6m.avg_pool2d",
        ("armv6m/avg_pool2d.c",),
        ("qnn.avg_pool2d", "qnn.mean"),
        ("tinyiree_armv6m_avg_pool2d",),
        pool.problem,
        pool.pack,
        no_scratch,
        Reads.CHANNELS,
    ),
    Kernel(
        "armv6m.max_pool2d",
        ("armv6m/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_armv6m_max_pool2d",),
        pools.max_problem,
        pools.pack_max,
        no_scratch,
        Reads.CHANNELS,
    ),
)
