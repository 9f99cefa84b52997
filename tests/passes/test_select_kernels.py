"""Kernels are chosen where they run and accept the op, and their ops stay alone."""

from dataclasses import replace

import numpy as np
import qdq_models as qdq
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.ir.fixedpoint import encode_all
from tinyiree.kernels import KERNELS
from tinyiree.passes.group_dispatches import GroupDispatches
from tinyiree.passes.select_kernels import KERNEL_ATTRIBUTE, SelectKernels
from tinyiree.targets import load

OUT = {"output_zero_point": 0, "clamp_min": -128, "clamp_max": 127}


def linear_and_table(m: qdq.Model) -> ir.Module:
    """A linear layer and an elementwise table behind it."""
    rng = np.random.default_rng(0)
    multiplier, shift = encode_all(np.full(8, 1e-3))
    operands = [
        m.inputs[0],
        m.constant(rng.integers(-127, 128, (8, 16)).astype(np.int8)),
        m.constant(np.zeros(8, np.int32)),
        m.constant(multiplier),
        m.constant(shift),
    ]
    y = m.op("qnn.fully_connected", operands, (1, 8), element="i8", input_zero_point=3, **OUT)
    table = m.constant(np.arange(-128, 128).astype(np.int8)[::-1].copy())
    return m.finish(m.op("qnn.lookup", [y, table], (1, 8), element="i8"))


def chosen(target: str, step: SelectKernels) -> tuple[list[str | None], list[int]]:
    """Kernel and dispatch of each op."""
    with qdq.model((1, 16), element="i8") as m:
        module = linear_and_table(m)
        context = replace(qdq.context(), core=load(target))
        step.run(module, context)
        GroupDispatches().run(module, context)
        ops = list(access.named(module, "qnn.fully_connected", "qnn.lookup"))
        kernels = [
            access.string(op, KERNEL_ATTRIBUTE) if KERNEL_ATTRIBUTE in op.attributes else None
            for op in ops
        ]
        return kernels, [access.integer(op, "tiny.dispatch") for op in ops]


def test_a_core_with_the_instructions() -> None:
    (kernel, table), dispatches = chosen("cortex-m4", SelectKernels())
    assert str(kernel).startswith("armv7em.")
    assert (table, dispatches) == (None, [0, 1])


def test_the_best_isa_that_a_core_has() -> None:
    for core, isa in (("cortex-m3", "armv7m"), ("cortex-m0plus", "armv6m")):
        assert chosen(core, SelectKernels()) == ([f"{isa}.fully_connected", None], [0, 1])


def test_without_kernels_the_dispatch_stays_fused() -> None:
    step = SelectKernels(without=frozenset(kernel.name for kernel in KERNELS))
    assert chosen("cortex-m3", step) == ([None, None], [0, 0])


def test_kernels_can_be_left_out() -> None:
    step = SelectKernels(without=frozenset({"armv7em.fully_connected"}))
    (kernel, _), _ = chosen("cortex-m4", step)
    assert str(kernel).startswith("armv7em.")
    dsp = frozenset(kernel.name for kernel in KERNELS if kernel.isa == "armv7em")
    step = SelectKernels(without=dsp)
    assert chosen("cortex-m4", step) == (["armv7m.fully_connected", None], [0, 1])
