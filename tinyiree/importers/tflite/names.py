"""Names of layers, inputs and outputs, made from the names of tensors."""

import re
from collections import Counter

# Ends of tensor names that say what TensorFlow op made them, not which layer.
_TENSORFLOW_OPS = re.compile(
    r"(Relu6?|BiasAdd|Conv2D|depthwise|MatMul|FusedBatchNorm\w*|add\w*|mul\w*|Add|Softmax|Reshape|"
    r"AvgPool|MaxPool|Mean|Pad|concat|Sigmoid|Tanh|Identity)(_\d+)?"
)


class Names:
    """Gives every name once: a second one gets a number."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """The name, or ``name_1``, ``name_2``, ..."""
        while True:
            count = self._found[name]
            self._found[name] += 1
            if not count:
                return name
            name = f"{name}_{count}"


def layer_name(tensor: str) -> str:
    """``conv2d_3`` for ``model/conv2d_3/Relu;model/conv2d_3/BiasAdd;...``."""
    parts = [part for part in tensor.split(";")[0].split("/") if part]
    if len(parts) > 1 and _TENSORFLOW_OPS.fullmatch(_without_port(parts[-1])):
        parts.pop()
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", _without_port(parts[-1]) if parts else "").strip("_.")
    return name or "layer"


def edge_name(tensor: str, default: str) -> str:
    """An identifier for an input or output: ``x`` for ``serving_default_x:0``."""
    last = _without_port(tensor.split(";")[0].split("/")[-1]).removeprefix("serving_default_")
    name = re.sub(r"[^A-Za-z0-9_]+", "_", last).strip("_")
    if not name:
        return default
    return f"{default}_{name}" if name[0].isdigit() else name


def _without_port(name: str) -> str:
    return re.sub(r":\d+$", "", name)
