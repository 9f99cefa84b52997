"""The structs in Python and in C are the same; constants as bytes and as C source are the same."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.firmware.toolchain import make_toolchain
from tinyiree.kernels import KERNELS, STRUCTS, Kernel, Packed, emit, serialize
from tinyiree.kernels.structs import layout, too_large
from tinyiree.targets import load

from .choose import cases
from .rig import SOURCES


def compile_c(text: str, folder: Path, core: str = "cortex-m4") -> Path:
    source, target = folder / "probe.c", folder / "probe.o"
    source.write_text('#include "tinyiree_kernels.h"\n#include <stddef.h>\n' + text)
    make_toolchain(load(core)).compile([source], [target], (f"-I{SOURCES}", "-Werror", "-std=c11"))
    return target


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_layout_is_the_compilers(core: str, tmp_path: Path) -> None:
    lines = []
    for name, members in STRUCTS.items():
        lines.append(f'_Static_assert(sizeof({name}) == {layout(name, 4)[0]}, "size");')
        end = 0
        for member, kind in members.items():
            size, alignment = layout(kind, 4)
            at = -(-end // alignment) * alignment
            lines.append(f'_Static_assert(offsetof({name}, {member}) == {at}, "{member}");')
            end = at + size
    compile_c("\n".join(lines), tmp_path, core)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_source_compiles_to_the_bytes(kernel: Kernel, tmp_path: Path) -> None:
    (case,) = cases(kernel, 1, seed=5)
    packed = kernel.pack(case.op)
    text = emit(packed, "layer", ".rodata.tinyiree_weights").replace("static ", "")
    image = compile_c(text, tmp_path)
    blob, relocations = serialize(packed)
    with image.open("rb") as stream:
        elf = ELFFile(stream)
        table = elf.get_section_by_name(".symtab")

        def bytes_of(name: str) -> bytes:
            symbol = table.get_symbol_by_name(name)[0]
            data: bytes = elf.get_section(symbol["st_shndx"]).data()
            start = symbol["st_value"]
            return data[start : start + symbol["st_size"]]

        size = layout(packed.struct, 4)[0]
        head = bytearray(blob[:size])
        for at in relocations:
            head[at : at + 4] = bytes(4)
        assert bytes_of("layer") == bytes(head)
        for name, array in packed.arrays.items():
            assert bytes_of(f"layer_{name}")[: array.nbytes] == array.tobytes()
            assert array.tobytes() in blob


def test_a_number_that_does_not_fit_is_refused() -> None:
    fields = {
        "a_multiplier": 1, "b_multiplier": 1, "offset": 0, "row_elements": 1, "shift": 256,
        "output": {"zero_point": 0, "clamp_min": 0, "clamp_max": 0, "double_rounding": 0},
    }  # fmt: skip
    assert too_large("tinyiree_add_t", fields) == "shift 256 does not fit u8"
    with pytest.raises(TinyireeError, match="shift 256 does not fit u8"):
        serialize(Packed("tinyiree_add_t", fields, {}))
