"""Random cases for each kernel of the catalogue."""

from tinyiree.kernels import KERNELS, Kernel

from .random_ops import MAKERS, Maker
from .rig import Case

# How many times as many cases are made at most, as a kernel may refuse some.
SPARE = 3


def kinds(kernel: Kernel) -> list[str]:
    """Keys of MAKERS for the ops of a kernel."""
    own = {
        "mve.depthwise_wide": "depthwise_wide",
        "mve.conv2d_for_rows": "many_rows",
        "mve.fully_connected_for_pixel": "one_pixel",
        "rv32im.positive_3x3_depthwise": "depthwise_3x3",
        "rv32im.signed_3x3_depthwise": "depthwise_3x3_double",
        "rv32im.conv2d_for_rows": "many_rows",
        "rv32im.fully_connected_for_pixel": "one_pixel",
    }
    if kernel.name in own:
        return [own[kernel.name]]
    if kernel.name.endswith("depthwise"):
        return ["depthwise"]
    found = [op.split(".")[1] for op in kernel.ops]
    return [*found, "depthwise"] if kernel.name == "portable.conv2d" else found


def kernels(isa: str) -> list[Kernel]:
    return [kernel for kernel in KERNELS if kernel.isa == isa]


def cases(kernel: Kernel, count: int, seed: int = 0) -> list[Case]:
    """Cases that the kernel accepts."""
    maker = Maker(seed)
    makers = [MAKERS[kind] for kind in kinds(kernel)]
    found: list[Case] = []
    for number in range(SPARE * count):
        case = makers[number % len(makers)](maker)
        if kernel.accepts(case.op) is None:
            found.append(case)
        if len(found) == count:
            return found
    raise AssertionError(f"{kernel.name} refused too many of its cases")
