"""How to quantize: the options of ``calibrate`` and ``quantize`` that users set."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

RangeMethod = Literal["min-max", "percentile", "mse"]


@dataclass(frozen=True)
class LayerRule:
    """Settings for the layers whose name matches a pattern; the first rule that matches wins.

    Attributes:
        pattern: shell-style pattern on the layer name, such as ``layer1.*`` or ``fc``.
        keep_float: compute this layer in float (between dequantize and quantize).
        method: how this layer's output range is found; None: as for the rest.
        per_channel: one weight scale per output channel, or per tensor; None: as for the rest.
    """

    pattern: str
    keep_float: bool = False
    method: RangeMethod | None = None
    per_channel: bool | None = None

    def matches(self, layer: str) -> bool:
        """True when the pattern matches the layer's name."""
        return fnmatchcase(layer, self.pattern)


@dataclass(frozen=True)
class Quantization:
    """Post-training int8 quantization.

    Weights are int8, symmetric, per output channel; activations int8, asymmetric, per tensor; bias
    int32.

    Attributes:
        method: how an activation's range is found from the calibration data.
        percentile: for ``percentile``: the share of values, in percent, that the range covers.
        per_channel: one weight scale per output channel, or one per tensor.
        rules: exceptions by layer name.
    """

    method: RangeMethod = "min-max"
    percentile: float = 99.99
    per_channel: bool = True
    rules: tuple[LayerRule, ...] = field(default=())

    def rule(self, layer: str) -> LayerRule | None:
        """The first rule that matches a layer, if any."""
        return next((rule for rule in self.rules if rule.matches(layer)), None)
