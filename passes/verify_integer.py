"""The proof that a quantized model computes in integers."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.base import PassContext
from tinyiree.passes.integer.layout import LAYOUT
from tinyiree.passes.integer.match import keeps_float, parameters
from tinyiree.passes.integerize import RULES

_BRIDGES = ("nn.quantize", "nn.dequantize")


@dataclass(frozen=True)
class VerifyInteger:
    """Refuse a quantized model that computes in float between its int8 tensors.

        i8 -> dequantize -> gelu -> quantize -> i8        refused, naming the layer and the reason
        i8 -> dequantize -> softmax -> return             allowed: after the last int8 tensor
        the same with tiny.keep_float on the layer        allowed: the user asked for it

    Changes nothing. A float model (no quantization asked for, none found) passes.
    """

    @property
    def name(self) -> str:
        """The name in pipelines."""
        return "verify-integer"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Check the module.

        Raises:
            TinyireeError: listing every float op that is left, why, and what to do.
        """
        ops = [op for op in access.operations(module) if op.results]
        floats = [op for op in ops if _computes_in_float(op) and not keeps_float(op)]
        if not any(_touches_int8(op) for op in ops):
            if context.quantization is not None and floats:
                raise TinyireeError(
                    "int8 was asked for, but no layer of the model is quantized: "
                    f"{access.describe(floats[0])} is the first in float; check the calibration "
                    "data and the keep_float rules, or build with quantization off"
                )
            return
        after, before = _after_int8(module), _before_int8(ops)
        left = [op for op in floats if op in after and op in before]
        if left:
            lines = "\n".join(f"  {access.describe(op)}: {_reason(op)}" for op in left)
            raise TinyireeError(
                f"{len(left)} float op(s) are left in the integer part of the model:\n{lines}\n"
                "quantize what is missing, or keep these layers in float with a rule on their names"
            )


def _computes_in_float(op: ir.Operation) -> bool:
    if not op.name.startswith("nn.") or op.name in _BRIDGES:
        return False
    return any(access.element_type(value) == "f32" for value in op.operands)


def _touches_int8(op: ir.Operation) -> bool:
    # An int8 weight alone does not make a quantized model: something must quantize activations.
    return bool(op.name == "nn.quantize" or op.name.startswith("qnn."))


def _after_int8(module: ir.Module) -> set[ir.Operation]:
    """The ops that an int8 activation reaches."""
    reached: set[ir.Operation] = set()
    for op in access.operations(module):
        for operand in op.operands:
            source = access.defining_op(operand)
            integer = access.element_type(operand) in ("i8", "i16")
            if (integer and not access.is_constant(operand)) or source in reached:
                reached.add(op)
    return reached


def _before_int8(ops: list[ir.Operation]) -> set[ir.Operation]:
    """The ops that reach a quantize."""
    found: set[ir.Operation] = set()
    for op in reversed(ops):
        users = access.users(op.results[0])
        if op.name == "nn.quantize" or any(user in found for user in users):
            found.add(op)
    return found


def _user_name(op: ir.Operation) -> str:
    return "the model's results" if op.name == "func.return" else access.describe(op)


def _reason(op: ir.Operation) -> str:
    for position, operand in enumerate(op.operands):
        source = access.defining_op(operand)
        if source is None:
            return f"its input {position} is an argument of the model that is not quantized"
        if source.name not in ("nn.dequantize", "nn.quantize"):
            made_by = "a float constant" if access.is_constant(operand) else access.describe(source)
            if access.is_constant(operand) and position == 2:
                continue
            return f"its input {position} is not quantized: it comes from {made_by}"
        if source.name == "nn.dequantize" and parameters(source) is None and position == 0:
            return f"its input {position} is quantized per channel; activations need one scale"
    users = access.users(op.results[0])
    if len(users) > 1:
        # MLIR keeps the uses of a value last first.
        names = ", ".join(_user_name(user) for user in reversed(users))
        return f"its result is used in float by several ops: {names}"
    if users and users[0].name not in ("nn.quantize", "nn.clamp"):
        return f"its result is not quantized: it goes in float to {_user_name(users[0])}"
    if op.name not in (*RULES, *LAYOUT, "nn.argmax"):
        return "there is no integer form of it"
    return "its form has no integer rule; see `tinyiree ops`"
