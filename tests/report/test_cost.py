"""Counts of MACs, weights and operations, against counts by hand."""

import sys
from pathlib import Path

import numpy as np

from tinyiree.report.cost import dispatch_costs
from tinyiree.report.model import read

sys.path.append(str(Path(__file__).parent.parent / "passes"))

import qdq_models as qdq

from tinyiree.passes.group_dispatches import GroupDispatches


def test_a_convolution_and_a_pool() -> None:
    with qdq.model((1, 5, 5, 2)) as m:
        weights = m.constant(np.ones((4, 3, 3, 2), np.float32))
        y = m.op(
            "nn.conv2d",
            [m.inputs[0], weights],
            (1, 5, 5, 4),
            strides=[1, 1],
            padding=[1, 1, 1, 1],
            dilations=[1, 1],
            groups=1,
            layer="conv",
        )
        window = {"kernel": [5, 5], "strides": [1, 1], "padding": [0] * 4}
        y = m.op("nn.avg_pool2d", [y], (1, 1, 1, 4), count_include_pad=True, **window, layer="pool")
        module = m.finish(y)
        GroupDispatches().run(module, qdq.context())
        conv, pool = dispatch_costs(module).values()
    assert conv.layers == ["conv"]
    assert conv.macs == 5 * 5 * 4 * 3 * 3 * 2
    assert conv.weight_bytes == 4 * 3 * 3 * 2 * 4
    assert conv.operations == {"smult_f32": conv.macs, "sadd_f32": conv.macs}
    assert (pool.macs, pool.weight_bytes) == (0, 0)
    assert pool.operations == {"sadd_f32": 5 * 5 * 4}


def test_a_missing_or_damaged_report_is_named(tmp_path: Path) -> None:
    import pytest

    from tinyiree.errors import TinyireeError

    with pytest.raises(TinyireeError, match=r"report\.json: no such file"):
        read(tmp_path / "report.json")
    (tmp_path / "report.json").write_text('{"target": 5}')
    with pytest.raises(TinyireeError, match="is damaged"):
        read(tmp_path / "report.json")
