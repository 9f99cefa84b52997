"""Linker script of a self-test image, generated from a core's memory map.

Output sections separate what a user's firmware would contain (`.text`, `.tables`, `.weights`,
`.data`, `.bss`, `.arena`, `.model`) from the self-test harness (`.harness*`), so that
`tinyiree.firmware.sizes` can count the former alone. Harness objects are known by their suffix
`HARNESS_SUFFIX`.
"""

from tinyiree.targets import Core, MemoryRegion

HARNESS_SUFFIX = ".harness.o"

# Where constants of the model come from: IREE's literal constants, and arrays that generated C
# or kernels put into sections of this name.
WEIGHT_SECTIONS = (".rodata.__constant_*", ".srodata.__constant_*", ".rodata.tinyiree_weights*")

_SCRIPT = """\
MEMORY
{{
{memory}
}}
SECTIONS
{{
  .harness.vectors : {{ KEEP(*(.tinyiree.vectors)) }} > {vectors}
  .harness.text : {{ {harness}(.text .text.* .rodata .rodata.*) }} > flash
  .text : {{ *(.text .text.*) }} > flash
  .weights : {{ *({weights}) }} > flash
  .tables : {{ *(.rodata .rodata.* .srodata .srodata.* .data.rel.ro .data.rel.ro.*) }} > flash
  .data : ALIGN(8)
  {{
    tinyiree_data_start = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
    tinyiree_data_end = .;
  }} > ram AT > flash
  tinyiree_data_load = LOADADDR(.data);
  .harness.stack (NOLOAD) : ALIGN(16)
  {{
    tinyiree_stack_limit = .;
    . += {stack_bytes};
    tinyiree_stack_top = .;
  }} > {stack_region}
  .model (NOLOAD) : ALIGN(8) {{ *(.bss.tinyiree_model) }} > ram
  .arena (NOLOAD) : ALIGN(64) {{ *(.bss.tinyiree_arena) }} > ram
  .harness.bss (NOLOAD) : ALIGN(8)
  {{
    tinyiree_bss_start = .;
    {harness}(.bss .bss.* .sbss .sbss.* COMMON)
  }} > ram
  .bss (NOLOAD) : ALIGN(8)
  {{
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    tinyiree_bss_end = .;
  }} > ram
  /DISCARD/ : {{ *(.ARM.exidx* .ARM.extab* .eh_frame* .comment .note.* .debug_*) }}
}}
"""


def linker_script(core: Core, stack_bytes: int) -> str:
    """Text of the linker script (GNU ld and LLD) for a self-test image on `core`.

    The stack of `stack_bytes` takes the bottom of the RAM: where nothing is mapped below, an
    overflow is a fault at once and not silent corruption.
    """
    simulation = core.simulation
    stack_bytes = (stack_bytes + 15) // 16 * 16
    base = simulation.ram.base
    stack = MemoryRegion("stack", base, (stack_bytes + 63) // 64 * 64)
    ram = MemoryRegion("ram", stack.end, simulation.ram.size_bytes - stack.size_bytes)
    regions = [simulation.flash, stack, ram]
    if simulation.vectors is not None:
        regions.append(simulation.vectors)
    return _SCRIPT.format(
        memory="\n".join(
            f"  {region.name} : ORIGIN = {region.base:#x}, LENGTH = {region.size_bytes:#x}"
            for region in regions
        ),
        vectors="flash" if simulation.vectors is None else "vectors",
        harness="*" + HARNESS_SUFFIX,
        weights=" ".join(WEIGHT_SECTIONS),
        stack_bytes=stack_bytes,
        stack_region=stack.name,
    )
