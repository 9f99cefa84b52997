"""The kernels of ``targets/kernels/rv32im``: RISC-V cores with multiplication."""

from tinyiree.kernels import add
from tinyiree.kernels.conv2d import no_scratch
from tinyiree.kernels.kernel import Kernel, Reads
from tinyiree.kernels.pool import max_problem, pack_max
from tinyiree.kernels.rv32im import dense, depthwise, linear, pool

_CLAMP = "rv32im/clamp.c"

KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "rv32im.fully_connected_for_pixel",
        ("rv32im/fully_connected.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_rv32im_fully_connected",),
        linear.problem_for_pixel,
        linear.pack,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "rv32im.conv2d",
        ("rv32im/conv2d.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_rv32im_conv2d",),
        dense.problem,
        dense.pack,
        dense.scratch,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "rv32im.positive_3x3_depthwise",
        ("rv32im/depthwise_3x3.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_rv32im_depthwise_3x3_positive",),
        depthwise.problem_positive,
        depthwise.pack_3x3,
        no_scratch,
        Reads.ROW,
    ),
    Kernel(
        "rv32im.signed_3x3_depthwise",
        ("rv32im/depthwise_3x3.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_rv32im_depthwise_3x3_signed",),
        depthwise.problem_signed,
        depthwise.pack_3x3,
        no_scratch,
        Reads.ROW,
    ),
    Kernel(
        "rv32im.depthwise",
        ("rv32im/depthwise.c", _CLAMP),
        ("qnn.conv2d",),
        ("tinyiree_rv32im_depthwise",),
        depthwise.problem,
        depthwise.pack,
        depthwise.scratch,
        Reads.FOURS,
    ),
    Kernel(
        "rv32im.conv2d_for_rows",
        ("rv32im/conv2d.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_rv32im_conv2d",),
        linear.problem_as_conv2d,
        linear.pack_as_conv2d,
        linear.scratch_as_conv2d,
        Reads.PIXEL_FIRST,
    ),
    Kernel(
        "rv32im.fully_connected",
        ("rv32im/fully_connected.c", _CLAMP),
        ("qnn.fully_connected",),
        ("tinyiree_rv32im_fully_connected",),
        linear.problem,
        linear.pack,
        no_scratch,
        Reads.PIXEL,
    ),
    Kernel(
        "rv32im.add",
        ("rv32im/add.c", _CLAMP),
        ("qnn.add", "qnn.tflite_add"),
        ("tinyiree_rv32im_add",),
        add.problem,
        add.pack,
        no_scratch,
        Reads.ELEMENTS,
    ),
    Kernel(
        "rv32im.avg_pool2d",
        ("rv32im/avg_pool2d.c", _CLAMP),
        ("qnn.avg_pool2d", "qnn.mean"),
        ("tinyiree_rv32im_avg_pool2d",),
        pool.problem,
        pool.pack,
        no_scratch,
        Reads.FOURS,
    ),
    Kernel(
        "rv32im.max_pool2d",
        ("rv32im/max_pool2d.c",),
        ("nn.max_pool2d",),
        ("tinyiree_rv32im_max_pool2d",),
        max_problem,
        pack_max,
        no_scratch,
        Reads.FOURS,
    ),
)
