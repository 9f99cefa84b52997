"""The reference: LiteRT's reference kernels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


class Reference:
    """A .tflite model in LiteRT's interpreter, on the reference kernels.

    Args:
        model: the file's bytes, or its path.
        optimized: use the kernels for this machine; some operators have no reference kernel.
    """

    def __init__(self, model: bytes | Path, optimized: bool = False) -> None:
        given = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        resolver = OpResolverType.BUILTIN_REF
        if optimized:
            resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._interpreter = Interpreter(
            **given, num_threads=1, experimental_op_resolver_type=resolver
        )
        self._interpreter.allocate_tensors()
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One inference: arrays in the order of the model's inputs, results likewise."""
        for index, array in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_tensor(index)) for index in self._outputs]
