"""Signal to quantization noise of each layer: the integer model against the float model."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.emit.edge import inputs_of
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.passes.base import Progress
from tinyiree.passes.qdq.parameters import Parameters, parameters_of
from tinyiree.passes.qdq.traits import with_clamps
from tinyiree.report.cost import multiply_accumulates
from tinyiree.report.model import Sqnr
from tinyiree.tensors import encode

Array = npt.NDArray[np.generic]

SAMPLES = 8
"""How many calibration samples are compared at most: each layer gives many values of each."""

MACS = 200_000_000
"""Multiply-accumulates that the comparison may take; of a large model fewer samples are run."""

_TAG = "tiny.float_op"
_QUANTIZE, _INTEGERIZE = "quantize", "integerize"


@dataclass
class SqnrProbe:
    """Watches the passes of a build that quantizes a float model, and compares before and after.

    The signal is a layer's output in the float model, with the clamp that belongs to it; the noise
    is the difference to the real numbers that the integer model computes there. It has the noise of
    all layers before in it: what is lost up to here, not in this layer alone::

        10 log10(sum(float^2) / sum((float - integer)^2))    in dB, over all samples and elements

    Both models run in the numpy interpreter, the integer one as ``integerize`` leaves it.

    Attributes:
        calibration: float32 samples ``[N, *shape]`` by input name; empty: there is no float model.
    """

    calibration: Mapping[str, Array]
    _float: ir.Module | None = None
    _integer: ir.Module | None = None
    _ends: dict[int, int] = field(default_factory=dict)
    _parameters: dict[int, Parameters] = field(default_factory=dict)

    def before(self, step: str, module: ir.Module) -> None:
        """Called before a pass runs."""
        if step == _QUANTIZE and self.calibration and not _is_quantized(module):
            self._ends = _tag(module)
            self._float = _copy(module)

    def after(self, step: str, module: ir.Module) -> None:
        """Called after a pass has run."""
        if self._float is None:
            return
        if step == _QUANTIZE:
            self._parameters = _parameters(module)
        elif step == _INTEGERIZE:
            self._integer = _copy(module)
            for op in access.operations(module):
                if _TAG in op.attributes:
                    del op.attributes[_TAG]

    def measure(self, progress: Progress) -> Sqnr:
        """Run both models; an empty result that says why when there is nothing to compare."""
        if self._float is None or self._integer is None:
            return Sqnr(samples=0, note=NO_REFERENCE)
        names = [tensor.name for tensor in inputs_of(self._float)]
        chosen = _spread(len(self.calibration[names[0]]), self._float)
        signal: dict[str, float] = {}
        noise: dict[str, float] = {}
        for number, index in enumerate(chosen):
            progress("quantization noise", number, len(chosen))
            sample = [self.calibration[name][index] for name in names]
            for layer, (power, error) in self._compare(sample).items():
                signal[layer] = signal.get(layer, 0.0) + power
                noise[layer] = noise.get(layer, 0.0) + error
        return Sqnr(
            samples=len(chosen),
            note=f"the integer model against the float model on {len(chosen)} calibration samples",
            layers={layer: decibels(signal[layer], noise[layer]) for layer in signal},
        )

    def _compare(self, sample: list[Array]) -> dict[str, tuple[float, float]]:
        """Power of signal and noise of each layer's last op that both models have."""
        assert self._float is not None
        assert self._integer is not None
        real: dict[int, Array] = {}
        interpret(self._float, sample, lambda op, array: _keep(real, op, array))
        raw = [
            encode(array[np.newaxis], tensor, "the calibration data")[0]
            for array, tensor in zip(sample, inputs_of(self._integer), strict=True)
        ]
        found: dict[str, tuple[float, float]] = {}

        def observe(op: ir.Operation, array: Array) -> None:
            number = _number(op)
            if number is None or number not in self._ends:
                return
            got = array.astype(np.float64)
            wanted = real[number]
            if array.dtype != np.float32:
                parameters = self._parameters.get(number)
                if parameters is None:
                    return
                got = (got - parameters.zero_point) * parameters.scale
                wanted = real[self._ends[number]]
            if got.size == wanted.size:
                wanted = wanted.astype(np.float64).ravel()
                power = float(np.square(wanted).sum())
                error = float(np.square(got.ravel() - wanted).sum())
                found[access.layer_name(op)] = power, error

        interpret(self._integer, raw, observe)
        return found


NO_REFERENCE = (
    "no float reference: it takes a float model that this build quantized with calibration data"
)


def decibels(signal: float, noise: float) -> float | None:
    """A ratio of powers in dB; None when one of them is zero."""
    return round(10 * math.log10(signal / noise), 1) if signal > 0 and noise > 0 else None


def _spread(count: int, module: ir.Module) -> npt.NDArray[np.int64]:
    """Indices of the samples to compare, evenly spread."""
    macs = sum(map(multiply_accumulates, access.named(module, "nn.conv2d", "nn.fully_connected")))
    wanted = min(count, SAMPLES, max(2, MACS // max(1, macs)))
    return np.unique(np.linspace(0, count - 1, wanted).round().astype(np.int64))


def _is_quantized(module: ir.Module) -> bool:
    return access.is_integer_program(module) or any(access.named(module, "nn.quantize"))


def _tag(module: ir.Module) -> dict[int, int]:
    """Number the ops that compute; gives for each the op of the last clamp that belongs to it."""
    ops = [op for op in access.operations(module) if op.name.startswith("nn.")]
    i64 = ir.IntegerType.get_signless(64)
    for number, op in enumerate(ops):
        op.attributes[_TAG] = ir.IntegerAttr.get(i64, number)
    return {number: _number(with_clamps(op)[-1]) or 0 for number, op in enumerate(ops)}


def _number(op: ir.Operation) -> int | None:
    return access.integer(op, _TAG) if _TAG in op.attributes else None


def _keep(values: dict[int, Array], op: ir.Operation, array: Array) -> None:
    number = _number(op)
    if number is not None:
        values[number] = array


def _parameters(module: ir.Module) -> dict[int, Parameters]:
    """Scale and zero point with which the result of each op is stored."""
    found: dict[int, Parameters] = {}
    for op in access.operations(module):
        number = _number(op)
        if number is None:
            continue
        for user in access.users(with_clamps(op)[-1].results[0]):
            parameters = parameters_of(user) if user.name == "nn.quantize" else None
            if parameters is not None:
                found[number] = parameters
    return found


def _copy(module: ir.Module) -> ir.Module:
    code = BytesIO()
    module.operation.write_bytecode(code)
    with ir.Location.unknown():
        return ir.Module.parse(code.getvalue())
