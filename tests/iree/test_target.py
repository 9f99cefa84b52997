"""Embedded ELFs: whole on soft-float cores, and modules that the stock IREE runtime reads."""

import io
from pathlib import Path

import iree.runtime as rt
import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.firmware.libcalls import libcalls
from tinyiree.iree.target import compile_embedded
from tinyiree.passes.lower import REGION_LOCATION
from tinyiree.targets import load

QUOTIENT = f"""
func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {{
  %r = flow.dispatch.region -> (tensor<8xf32>) {{
    %e = tensor.empty() : tensor<8xf32>
    %g = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>,
        affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}}
        ins(%x, %y : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {{
      ^bb0(%a: f32, %b: f32, %o: f32):
        %q = arith.divf %a, %b : f32
        linalg.yield %q : f32
    }} -> tensor<8xf32>
    flow.return %g : tensor<8xf32>
  }} loc("{REGION_LOCATION}0")
  return %r : tensor<8xf32>
}}
"""


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_the_stock_runtime_reads_it(name: str, tmp_path: Path) -> None:
    core = load(name)
    path = tmp_path / "net.vmfb"
    compile_embedded(QUOTIENT, core, path, libcalls(core))
    data = path.read_bytes()

    config = rt.Config("local-sync")
    module = rt.VmModule.copy_buffer(config.vm_instance, data)
    assert "main" in module.function_names

    elf = ELFFile(io.BytesIO(data[data.index(b"\x7fELF") :]))
    assert elf["e_type"] == "ET_DYN"
    assert elf["e_machine"] == ("EM_ARM" if core.isa == "arm" else "EM_RISCV")
    symbols = {s.name: s["st_shndx"] for s in elf.get_section_by_name(".dynsym").iter_symbols()}
    assert symbols.pop("") == "SHN_UNDEF"
    assert list(symbols) == ["iree_hal_executable_library_query"]
    assert "SHN_UNDEF" not in symbols.values()


def test_without_the_runtime_functions_a_soft_float_core_is_refused(tmp_path: Path) -> None:
    """What `libcalls` is for; and that the linker's words reach the user."""
    with pytest.raises(TinyireeError, match="undefined symbol: __aeabi_fdiv"):
        compile_embedded(QUOTIENT, load("cortex-m0plus"), tmp_path / "net.vmfb", None)
