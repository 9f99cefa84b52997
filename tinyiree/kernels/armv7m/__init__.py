"""The kernels of ``targets/kernels/armv7m``: long multiplication, no DSP extension, Cortex-M3."""

from tinyiree.kernels import add
from tinyiree.kernels.armv6m import conv2d as columns
from tinyiree.kernels.armv7m import weighted
from tinyiree.kernels.conv2d import no_scratch
from tinyiree.kernels.kernel import Kernel, Reads

_CLAMP = "armv6m/clamp.c"

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "armv7m.conv2d",
        ("armv7m/conv2d.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7m_conv2d_single", "tinyiree_armv7m_conv2d_double"),
        weighted.dense_problem,
        weighted.pack_dense,
        columns.dense_scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "armv7m.depthwise",
        ("armv7m/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_armv7m_depthwise_single", "tinyiree_armv7m_depthwise_double"),
        weighted.depthwise_problem,
        weighted.pack_depthwise,
        columns.depthwise_scratch,
        Reads.BLOCKS,
    ),
    Kernel(
        "armv7m.fully_connected",
        ("armv7m/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_armv7m_fully_connected_single", "tinyiree_armv7m_fully_connected_double"),
        weighted.fully_connected_problem,
        weighted.pack_fully_connected,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "armv7m.add",
        ("armv7m/add.c", _CLAMP),
        ("qnn.add", "qnn.tflite_add"),
        ("tinyiree_armv7m_add",),
        add.problem,
        add.pack,
        no_scratch,
        Reads.ELEMENTS,
    ),
)
