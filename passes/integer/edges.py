"""The edges of the model: float arguments and results that are only ever int8."""

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.state import state_count
from tinyiree.passes.integer.match import parameters


def quantize_edges(module: ir.Module) -> None:
    """Let int8 tensors cross the edge, with their scale and zero point as attributes.

    main(x: f32) -> quantize -> ...     =>  main(x: i8 {tiny.scale, tiny.zero_point}) -> ...
    ... -> dequantize -> return f32     =>  ... -> return i8 {tiny.scale, tiny.zero_point}

    A variable stays as it is: argument and result must have one type.
    """
    states = state_count(module)
    arguments = list(access.main_block(module).arguments)
    for index, argument in enumerate(arguments[: len(arguments) - states]):
        _quantize_argument(module, index, argument)
    terminator = access.operations(module)[-1]
    operands = list(terminator.operands)
    for index, operand in enumerate(operands[: len(operands) - states]):
        source = access.defining_op(operand)
        found = _dequantized(source) if source is not None else None
        if source is not None and found is not None:
            terminator.operands[index] = source.operands[0]
            for name, value in _attributes(*found).items():
                build.set_result_attribute(module, index, name, value)
    build.update_function_type(module)


def _dequantized(source: ir.Operation) -> tuple[float, int] | None:
    if source.name != "nn.dequantize" or access.element_type(source.operands[0]) == "i32":
        return None
    return parameters(source)


def _quantize_argument(module: ir.Module, index: int, argument: ir.BlockArgument) -> None:
    users = access.users(argument)
    # Duplicates are merged before, so a second quantize would have other parameters.
    if len(users) != 1 or users[0].name != "nn.quantize":
        return
    found = parameters(users[0])
    if found is None:
        return
    element = access.element_type(users[0].results[0])
    argument.set_type(build.tensor_type(access.shape(argument), element))
    build.replace(users[0], argument)
    for name, value in _attributes(*found).items():
        build.set_argument_attribute(module, index, name, value)


def _attributes(scale: float, zero_point: int) -> dict[str, ir.Attribute]:
    return {
        "tiny.scale": ir.FloatAttr.get(ir.F64Type.get(), scale),
        "tiny.zero_point": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), zero_point),
    }
