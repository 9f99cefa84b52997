"""The edges of the model: float arguments and results that are only ever int8."""

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.integer.match import parameters, quantized


def quantize_edges(module: ir.Module) -> None:
    """Let int8 tensors cross the edge, with their scale and zero point as attributes.

    main(x: f32) -> quantize -> ...     =>  main(x: i8 {tiny.scale, tiny.zero_point}) -> ...
    ... -> dequantize -> return f32     =>  ... -> return i8 {tiny.scale, tiny.zero_point}
    """
    for index, argument in enumerate(list(access.main_block(module).arguments)):
        _quantize_argument(module, index, argument)
    terminator = access.operations(module)[-1]
    for index, operand in enumerate(list(terminator.operands)):
        found = quantized(operand)
        if found is not None:
            terminator.operands[index] = found.value
            for name, value in _attributes(found.scale, found.zero_point).items():
                build.set_result_attribute(module, index, name, value)
    build.update_function_type(module)


def _quantize_argument(module: ir.Module, index: int, argument: ir.BlockArgument) -> None:
    users = access.users(argument)
    # Duplicates are merged before, so a second quantize would have other parameters.
    if len(users) != 1 or users[0].name != "nn.quantize":
        return
    found = parameters(users[0])
    if found is None:
        return
    argument.set_type(build.tensor_type(access.shape(argument), "i8"))
    build.replace(users[0], argument)
    for name, value in _attributes(*found).items():
        build.set_argument_attribute(module, index, name, value)


def _attributes(scale: float, zero_point: int) -> dict[str, ir.Attribute]:
    return {
        "tiny.scale": ir.FloatAttr.get(ir.F64Type.get(), scale),
        "tiny.zero_point": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), zero_point),
    }
