"""Regions, groups and diagnostics of the lowering, and the passes that shape them."""

import re

import numpy as np
import pytest
from iree.compiler import ir
from op_networks import Network, check_equal

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.group_dispatches import GroupDispatches
from tinyiree.passes.lower import REGION_LOCATION, lower


def residual() -> Network:
    """conv -> conv -> lookup -> add with the first conv -> clamp -> reshape -> max."""
    net = Network(7)
    x = net.input(1, 6, 6, 8)
    window = {"strides": [1, 1], "dilations": [1, 1], "padding": [1, 1, 1, 1], "groups": 1}
    table = net.constant(net.rng.integers(-128, 128, 256).astype(np.int8))

    def conv(x: ir.Value) -> ir.Value:
        operands = [x, net.weights(8, 3, 3, 8), *net.per_channel(8, 72)]
        zero = {"input_zero_point": 3}
        return net.op("qnn.conv2d", operands, (1, 6, 6, 8), "i8", **window, **zero, **net.out())

    first = conv(x)
    second = net.op("qnn.lookup", [conv(first), table], (1, 6, 6, 8), "i8")
    zeros = {"a_zero_point": 1, "b_zero_point": 2, "a_multiplier": 2**19, "b_multiplier": 2**18}
    total = net.op("qnn.add", [first, second], (1, 6, 6, 8), "i8", **zeros, shift=19, **net.out())
    total = net.op("qnn.clamp", [total], (1, 6, 6, 8), "i8", clamp_min=-50, clamp_max=100)
    flat = net.op("nn.reshape", [total], (1, 288), "i8")
    net.result(net.op("nn.argmax", [flat], (1,), "i32", axis=1))
    net.result(flat)
    return net


def test_elementwise_ops_join_the_operand_that_comes_last() -> None:
    net = residual()
    module = net.finish()
    GroupDispatches().run(module, None)  # type: ignore[arg-type]
    assert [group.ops for group in lower(module).groups] == [
        ("qnn.conv2d",),
        ("qnn.conv2d", "qnn.lookup", "qnn.add", "qnn.clamp"),
        ("nn.argmax",),
    ]


def test_without_fusion_each_op_is_alone() -> None:
    module = residual().finish()
    GroupDispatches(fuse=False).run(module, None)  # type: ignore[arg-type]
    groups = lower(module).groups
    assert all(len(group.ops) == 1 for group in groups)
    assert [group.index for group in groups] == list(range(6))


@pytest.mark.parametrize("fuse", [True, False])
def test_groups_compute_the_same(fuse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    net = residual()
    finish = net.finish

    def grouped() -> ir.Module:
        module = finish()
        GroupDispatches(fuse=fuse).run(module, None)  # type: ignore[arg-type]
        return module

    monkeypatch.setattr(net, "finish", grouped)
    check_equal(net)


def test_locations_lead_back_to_group_and_layer() -> None:
    lowered = lower(residual().finish())
    found = set(re.findall(rf'loc\("{re.escape(REGION_LOCATION)}(\d+)"\("(\w+)"', lowered.text))
    expected = {(str(g.index), layer) for g in lowered.groups for layer in g.layers}
    assert found == expected


def test_a_value_that_leaves_its_group_is_refused() -> None:
    module = residual().finish()
    with module.context:
        number = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)
        for op in access.named(module, "qnn.conv2d", "qnn.lookup"):
            op.attributes["tiny.dispatch"] = number
    with pytest.raises(TinyireeError, match=r"qnn.conv2d 'layer\d+'.*found a use by qnn.add"):
        lower(module)


def test_weights_that_are_computed_are_refused() -> None:
    net = Network(0)
    x, w = net.input(1, 4, element="f32"), net.input(3, 4, element="f32")
    net.result(net.op("nn.fully_connected", [x, w], (1, 3), "f32"))
    with pytest.raises(TinyireeError, match=r"the weights must be constant.*nn.batch_matmul"):
        lower(net.finish())


def test_an_op_that_should_be_gone_is_refused() -> None:
    net = Network(0)
    x, c = net.input(1, 4, element="f32"), net.constant(np.ones(4, np.float32))
    net.result(net.op("nn.batch_norm", [x, c, c, c, c], (1, 4), "f32", epsilon=1e-5))
    with pytest.raises(TinyireeError, match=r"nn.batch_norm 'layer.*check the pipeline"):
        lower(net.finish())
