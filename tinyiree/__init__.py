"""Trained neural networks to proven bare-metal firmware for Cortex-M and 32-bit RISC-V.

import tinyiree as ti

built = ti.build(model, example_inputs, target="cortex-m4",
                 quantize=ti.Int8(calibration=data), out="build/kws")
y = built.run(x).outputs[0]
assert built.verify(x).bit_exact
built.report.memory.arena_bytes
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyiree.api import build, pipeline
    from tinyiree.built import Built, Comparison, DeviceRun, open_build
    from tinyiree.errors import TinyireeError
    from tinyiree.passes.base import Pass, PassContext
    from tinyiree.passes.pipeline import Pipeline
    from tinyiree.passes.settings import LayerRule
    from tinyiree.settings import Int8
    from tinyiree.version import VERSION as __version__

__all__ = [
    "Built",
    "Comparison",
    "DeviceRun",
    "Int8",
    "LayerRule",
    "Pass",
    "PassContext",
    "Pipeline",
    "TinyireeError",
    "__version__",
    "build",
    "open_build",
    "pipeline",
]

# Where each name lives. Loaded on first use: a pass or a target in another package imports
# tinyiree.ir or tinyiree.targets without the whole compiler behind it.
_HOME = {
    "Built": "tinyiree.built",
    "Comparison": "tinyiree.built",
    "DeviceRun": "tinyiree.built",
    "Int8": "tinyiree.settings",
    "LayerRule": "tinyiree.passes.settings",
    "Pass": "tinyiree.passes.base",
    "PassContext": "tinyiree.passes.base",
    "Pipeline": "tinyiree.passes.pipeline",
    "TinyireeError": "tinyiree.errors",
    "build": "tinyiree.api",
    "open_build": "tinyiree.built",
    "pipeline": "tinyiree.api",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for."""
    if name == "__version__":
        return import_module("tinyiree.version").VERSION
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tinyiree' has no attribute '{name}'")
