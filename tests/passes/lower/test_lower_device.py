"""Every integer op, compiled for each core and simulated, equals the interpreter byte for byte."""

from pathlib import Path

import numpy as np
import pytest
from integer_networks import CASES
from op_networks import Network

from tinyiree.built import Built, open_build
from tinyiree.compile import Flow
from tinyiree.ir.interpret import interpret
from tinyiree.passes.group_dispatches import GroupDispatches
from tinyiree.passes.pipeline import Pipeline
from tinyiree.settings import BuildOptions
from tinyiree.targets import load, names


def build(network: Network, target: str, folder: Path) -> Built:
    """The network as firmware, without any pass but the grouping into dispatches."""
    options = BuildOptions(
        quantize=None, formats=("static",), pipeline=Pipeline(passes=(GroupDispatches(),))
    )
    Flow(load(target), options, {}).run(network.finish(), "ops", folder)
    return open_build(folder)


@pytest.mark.parametrize("target", names())
def test_simulated_core_equals_the_interpreter(
    target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if load(target).simulation.unicorn_cpu is None:
        request.getfixturevalue("needs_qemu_arm")
    network = Network(seed=sum(map(ord, target)))  # each core sees other shapes
    for case in CASES:
        case(network)
    built = build(network, target, tmp_path)
    expected = interpret(network.module, network.inputs)
    names_in = [tensor.name for tensor in built.manifest.inputs]
    device = built.run(
        {name: array[None] for name, array in zip(names_in, network.inputs, strict=True)}
    )
    report = device.report
    assert report.memory.stack_bytes is not None
    assert report.memory.stack_bytes < 1024
    for number, (found, wanted) in enumerate(zip(device.outputs, expected, strict=True)):
        np.testing.assert_array_equal(found[0], wanted, err_msg=f"result {number}")
