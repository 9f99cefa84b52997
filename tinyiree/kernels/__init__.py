"""C kernels (`targets/kernels`): which there are, what each accepts, and its packed constants."""

from tinyiree.kernels.catalogue import KERNELS, candidates
from tinyiree.kernels.kernel import Kernel, Packed
from tinyiree.kernels.structs import STRUCTS, emit, serialize

__all__ = ["KERNELS", "STRUCTS", "Kernel", "Packed", "candidates", "emit", "serialize"]
