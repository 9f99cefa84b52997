"""The stream dialect read into plain data, on modules that IREE compiles here."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Dispatch
from tinyiree.iree.session import Session
from tinyiree.iree.target import StaticLibrary, compile_embedded, compile_static
from tinyiree.passes.lower import REGION_LOCATION
from tinyiree.targets import load


def elementwise(region: int, result: str, operands: list[str], size: int = 64) -> str:
    """A dispatch region that adds its operands elementwise."""
    kind = f"tensor<{size}xi8>"
    names = ", ".join(operands)
    kinds = ", ".join([kind] * len(operands))
    arguments = ", ".join([f"%v{i}: i8" for i in range(len(operands))] + ["%o: i8"])
    maps = ", ".join(["affine_map<(d0) -> (d0)>"] * (len(operands) + 1))
    total = "%v0" if len(operands) == 1 else "%s"
    add = "" if len(operands) == 1 else "%s = arith.addi %v0, %v1 : i8\n"
    return f"""
  {result} = flow.dispatch.region -> ({kind}) {{
    %e = tensor.empty() : {kind}
    %g = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({names} : {kinds}) outs(%e : {kind}) {{
      ^bb0({arguments}):
        {add}%k = arith.constant {region + 3} : i8
        %t = arith.muli {total}, %k : i8
        linalg.yield %t : i8
    }} -> {kind}
    flow.return %g : {kind}
  }} loc("{REGION_LOCATION}{region}")
"""


TWO_BRANCHES = (
    "func.func @main(%x: tensor<64xi8>, %y: tensor<64xi8>) -> "
    "(tensor<64xi8>, tensor<64xi8>, tensor<64xi8>) {"
    + elementwise(0, "%a", ["%x"])
    + elementwise(1, "%b", ["%x"])
    + elementwise(2, "%c", ["%a", "%b"])
    + elementwise(3, "%d", ["%c"])
    + "return %d, %b, %y : tensor<64xi8>, tensor<64xi8>, tensor<64xi8>}"
)


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> StaticLibrary:
    path = tmp_path_factory.mktemp("static") / "net.o"
    return compile_static(TWO_BRANCHES, "net", load("cortex-m4"), path, [64, 64])


def test_edges(branches: StaticLibrary) -> None:
    schedule = branches.schedule
    assert [schedule.buffers[i].kind for i in schedule.inputs] == ["input", "input"]
    # The third result is the second argument, handed through.
    assert schedule.outputs[2] == schedule.inputs[1]
    assert [schedule.buffers[i].kind for i in schedule.outputs[:2]] == ["output", "output"]
    assert all(buffer.size == 64 for buffer in schedule.buffers)


def test_steps_follow_the_data(branches: StaticLibrary) -> None:
    schedule = branches.schedule
    written = set(schedule.inputs)
    for step in schedule.steps:
        assert isinstance(step, Dispatch)
        for span, writes in zip(step.bindings, step.writes, strict=True):
            assert writes or span.buffer in written, "a step reads what nobody wrote"
        written |= {span.buffer for span, w in zip(step.bindings, step.writes, strict=True) if w}
    assert sorted(step.group for step in schedule.steps if isinstance(step, Dispatch)) == [
        0,
        1,
        2,
        3,
    ]


def test_each_tensor_is_a_binding_of_its_own(branches: StaticLibrary) -> None:
    adds = [
        step for step in branches.schedule.steps if isinstance(step, Dispatch) and step.group == 2
    ]
    assert [len(step.bindings) for step in adds] == [3]
    assert len({span.buffer for span in adds[0].bindings}) == 3


def test_functions_are_those_of_the_schedule(branches: StaticLibrary) -> None:
    called = {step.function for step in branches.schedule.steps if isinstance(step, Dispatch)}
    assert called == set(branches.functions)
    assert branches.query.startswith("net_")
    assert not branches.object_file.with_suffix(".h").exists()


def test_a_single_dispatch(tmp_path: Path) -> None:
    text = (
        "func.func @main(%x: tensor<64xi8>) -> tensor<64xi8> {"
        + elementwise(0, "%a", ["%x"])
        + "return %a : tensor<64xi8>}"
    )
    library = compile_static(text, "solo", load("rv32imc"), tmp_path / "solo.o", [64])
    assert len(library.functions) == 1
    assert library.query == "solo_dispatch_0_library_query"


def test_a_dispatch_that_no_layer_made_is_refused(tmp_path: Path) -> None:
    text = (
        "func.func @main(%x: tensor<64xi8>) -> tensor<64xi8> {"
        + elementwise(0, "%a", ["%x"]).replace(f'loc("{REGION_LOCATION}0")', "")
        + "return %a : tensor<64xi8>}"
    )
    with pytest.raises(TinyireeError, match="no layer of the model"):
        compile_static(text, "net", load("cortex-m4"), tmp_path / "net.o", [64])


def test_embedded_elf_is_for_the_core(tmp_path: Path) -> None:
    path = tmp_path / "net.vmfb"
    compile_embedded(TWO_BRANCHES, load("rv32imac"), path, None)
    data = path.read_bytes()
    elf_file = tmp_path / "net.so"
    elf_file.write_bytes(data[data.index(b"\x7fELF") :])
    with elf_file.open("rb") as file:
        assert ELFFile(file)["e_machine"] == "EM_RISCV"


def test_iree_says_what_it_cannot_read() -> None:
    with pytest.raises(TinyireeError, match="IREE cannot read the lowered module"):
        Session("func.func @main( {", ())


def test_iree_says_which_flag_it_refuses() -> None:
    with pytest.raises(TinyireeError, match="--no-such-flag"):
        Session("", ("--no-such-flag",))


def test_a_failing_phase_carries_irees_words() -> None:
    session = Session(TWO_BRANCHES, ())  # no target device is given
    with pytest.raises(TinyireeError, match="IREE failed between its phases 'start' and 'end'"):
        session.advance("end")
