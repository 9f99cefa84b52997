"""The time steps of a sequence, one by one."""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported, materialize
from tinyiree.importers.tflite.call import Call
from tinyiree.ir import access

MAX_STEPS = 64
"""Time steps of one operator: each is calls of their own in the schedule."""


@dataclass(frozen=True)
class Sequence:
    """An operator over a sequence.

    Attributes:
        time_major: the data is ``[time, batch, features]``, not ``[batch, time, features]``.
        count: of time steps.
        batch: sequences side by side.
    """

    time_major: bool
    count: int
    batch: int

    @staticmethod
    def of(call: Call, time_major: bool) -> "Sequence":
        """Of the data of an operator.

        Raises:
            Unsupported: another rank, or more time steps than are unrolled.
        """
        shape = call.input(0).shape
        if len(shape) != 3:
            raise Unsupported(f"the data {call.input(0)}, expected rank 3", "convert it again")
        count, batch = shape[:2] if time_major else (shape[1], shape[0])
        if count > MAX_STEPS:
            raise Unsupported(
                f"{count} time steps, expected at most {MAX_STEPS}",
                "feed shorter sequences: the state goes on from one invocation to the next",
            )
        return Sequence(time_major, count, batch)

    def inputs(self, call: Call) -> Iterator[ir.Value]:
        """The data of each time step, ``[batch, features]``."""
        x = call.value(0)
        features = access.shape(x)[2]
        whole = self._turned(call, x, (self.count, self.batch, features), not self.time_major)
        for step in range(self.count):
            shape = (self.batch, features)
            if self.count > 1:
                yield call.emit("nn.step", [whole], {"index": step}, shape)
            else:
                yield _reshaped(call, whole, shape)

    def output(self, call: Call, found: Items[ir.Value]) -> ir.Value:
        """The result of results ``[batch, features]`` of all time steps."""
        features = access.shape(found[0])[1]
        whole = found[0]
        if self.count > 1:
            whole = call.emit("nn.stack", list(found), {}, (self.count, self.batch, features))
        shape = call.output().shape
        expected = (self.count, self.batch) if self.time_major else (self.batch, self.count)
        if shape != (*expected, features):
            raise Unsupported(
                f"the output {call.output()}, expected the shape {[*expected, features]}",
                "convert the model again",
            )
        return self._turned(call, whole, shape, not self.time_major)

    def _turned(self, call: Call, x: ir.Value, shape: tuple[int, ...], turn: bool) -> ir.Value:
        """The first two axes exchanged."""
        if turn and min(self.count, self.batch) > 1:
            return call.emit("nn.transpose", [x], {"permutation": [1, 0, 2]}, shape)
        return _reshaped(call, x, shape)


def _reshaped(call: Call, x: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    found = call.reshaped(x, shape)
    return materialize(found) if isinstance(found, np.ndarray) else found
