"""Making an imported module integer-only, and counting steps between it and onnxruntime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from iree.compiler import ir
from networks import prepare, unused_context
from onnx_models import Array, session

from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.fuse import Fuse
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.quantize import Quantize
from tinyiree.passes.verify_integer import VerifyInteger


def integerize(path: Path, fuse: bool = True) -> ir.Module:
    """What a build does to the module before it lowers it."""
    module = prepare(import_model(path))
    for step in (Quantize(), Integerize(), *([Fuse()] if fuse else []), VerifyInteger()):
        step.run(module, unused_context())
        with module.context:
            verify(module)
    return module


def scale_of(module: ir.Module, result: bool, index: int = 0) -> tuple[float, int]:
    read = access.result_attribute if result else access.argument_attribute
    with module.context:
        scale, zero_point = (
            read(module, index, f"tiny.{name}") for name in ("scale", "zero_point")
        )
        return float(ir.FloatAttr(scale).value), int(ir.IntegerAttr(zero_point).value)


def differences(module: ir.Module, path: Path, samples: Sequence[Array], optimize: bool) -> Array:
    """Steps of the output between our integers and what onnxruntime gives: [samples, elements]."""
    scale, zero_point = scale_of(module, result=False)
    out_scale, out_zero_point = scale_of(module, result=True)
    runtime = session(path, optimize)
    name = runtime.get_inputs()[0].name
    rows, ours = [], []
    for sample in samples:
        raw = np.rint(sample / np.float32(scale)) + zero_point
        (found,) = interpret(module, [np.clip(raw, -128, 127).astype(np.int8)])
        wanted = np.rint(runtime.run(None, {name: sample})[0] / out_scale) + out_zero_point
        rows.append((found - wanted).ravel())
        ours.append(found.ravel().astype(np.float64))
    # Agreement says nothing about a network whose output hardly depends on its input.
    assert np.std(ours, axis=0).mean() > 4
    return np.array(rows)
