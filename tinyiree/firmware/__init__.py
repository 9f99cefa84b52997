"""Cross compilation, linking and the self-test image that a simulator runs."""

from tinyiree.firmware.link import linker_script
from tinyiree.firmware.selftest import DEFAULT_STACK_BYTES, RUNTIME_DIRECTORY, build_selftest
from tinyiree.firmware.sizes import FlashSizes, sizes
from tinyiree.firmware.slim import Export, drop_exports, slim_library
from tinyiree.firmware.toolchain import Toolchain, ToolchainName, make_toolchain

__all__ = [
    "DEFAULT_STACK_BYTES",
    "RUNTIME_DIRECTORY",
    "Export",
    "FlashSizes",
    "Toolchain",
    "ToolchainName",
    "build_selftest",
    "drop_exports",
    "linker_script",
    "make_toolchain",
    "sizes",
    "slim_library",
]
