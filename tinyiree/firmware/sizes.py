"""How much flash and RAM a model and its runtime add to a firmware, read from a self-test image."""

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError


@dataclass(frozen=True)
class FlashSizes:
    """All in bytes; the self-test harness is in `harness_bytes` alone.

    code_bytes: instructions of dispatches, kernels, runtime and library calls (soft float, memcpy),
      and read-only tables (schedule, IREE's library tables, literals).
    weight_bytes: the model's constants.
    data_bytes: initial values of variables (0 for generated code).
    total_bytes: the sum of these three: what a firmware grows by.
    harness_bytes: vectors, start-up, semihosting and self-test, in flash.
    static_ram_bytes: arena, model state, and variables (0 for generated code) without the stack.
    """

    code_bytes: int
    weight_bytes: int
    data_bytes: int
    total_bytes: int
    harness_bytes: int
    static_ram_bytes: int


def sizes(elf: Path) -> FlashSizes:
    """Sizes of an image linked with `tinyiree.firmware.link`'s script.

    Raises TinyireeError if the file is no such image.
    """
    size: dict[str, int] = {}
    try:
        with elf.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC:
                    size[section.name] = int(section["sh_size"])
    except (OSError, ELFError) as error:
        raise TinyireeError(f"{elf}: expected an ELF image, found: {error}; build it") from error
    if ".text" not in size or ".harness.text" not in size:
        raise TinyireeError(
            f"{elf}: expected a self-test image with sections .text and .harness.text, found "
            f"{', '.join(size) or 'no section'}; build it with build_selftest"
        )
    known = {".text", ".tables", ".weights", ".data", ".bss", ".arena", ".model"}
    stray = {name for name in size if name not in known and not name.startswith(".harness.")}
    if stray := {name for name in stray if size[name] > 0}:
        # An orphan section would be missing from the count without anybody noticing.
        raise TinyireeError(
            f"{elf}: section {', '.join(sorted(stray))}: expected only sections of the generated "
            "linker script; add an input section for it to tinyiree/firmware/link.py"
        )
    code = size[".text"] + size.get(".tables", 0)
    weights, data = size.get(".weights", 0), size.get(".data", 0)
    return FlashSizes(
        code_bytes=code,
        weight_bytes=weights,
        data_bytes=data,
        total_bytes=code + weights + data,
        harness_bytes=size[".harness.text"] + size.get(".harness.vectors", 0),
        static_ram_bytes=data + sum(size.get(name, 0) for name in (".bss", ".arena", ".model")),
    )
