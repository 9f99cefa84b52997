"""``.mlir``: a module in normal form, or in the torch dialect as iree-turbine saves it."""

from pathlib import Path

from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.literals import read_resources
from tinyiree.importers.torch_dialect import Edge, convert
from tinyiree.ir import access, build
from tinyiree.ir.verify import verify


def import_mlir(path: Path) -> ir.Module:
    """Read a text file of MLIR.

    Raises:
        TinyireeError: not text, not MLIR, neither of the two forms, or unsupported ops.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TinyireeError(
            f"{path}: cannot be read as text: {error}; save the module as MLIR text"
        ) from error
    with build.new_context():
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            first = str(error).strip().splitlines()[0]
            raise TinyireeError(f"{path}: not valid MLIR: {first}") from error
        if _is_normal_form(module, path):
            _name_edges(module)
            verify(module)
            return module
        return convert(module, read_resources(text), Edge(), str(path))


def _is_normal_form(module: ir.Module, path: Path) -> bool:
    functions = [op for op in module.body.operations if op.operation.name == "func.func"]
    if len(functions) != 1 or len(functions[0].regions[0].blocks) != 1:
        raise TinyireeError(
            f"{path}: expected one function of one block, found {len(functions)} functions"
        )
    ops = access.operations(module)
    # MLIR takes any op that it does not know for one that may end a function.
    if not ops or ops[-1].name != "func.return":
        found = ops[-1].name if ops else "nothing"
        raise TinyireeError(
            f"{path}: expected a function that ends with func.return, found {found}; the file is "
            "cut or damaged: save the module again"
        )
    names = {op.name.split(".")[0] for op in ops}
    if "torch" in names:
        return False
    foreign = names - {"nn", "qnn", "arith", "func"}
    if foreign:
        raise TinyireeError(
            f"{path}: expected the torch dialect or the normal form (nn, qnn), found the dialects "
            f"{', '.join(sorted(foreign))}; export the model with iree.turbine.aot.export"
        )
    return True


def _name_edges(module: ir.Module) -> None:
    """Give inputs and outputs names where the file has none."""
    block = access.main_block(module)
    inputs = len(block.arguments)
    outputs = len(block.operations[len(block.operations) - 1].operands)
    for i in range(inputs):
        if access.argument_attribute(module, i, "tiny.name") is None:
            name = "input" if inputs == 1 else f"input{i}"
            build.set_argument_attribute(module, i, "tiny.name", ir.StringAttr.get(name))
    for i in range(outputs):
        if access.result_attribute(module, i, "tiny.name") is None:
            name = "output" if outputs == 1 else f"output{i}"
            build.set_result_attribute(module, i, "tiny.name", ir.StringAttr.get(name))
