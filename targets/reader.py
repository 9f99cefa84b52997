"""TOML file -> `Core`."""

from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, cast

from tinyiree.errors import TinyireeError
from tinyiree.targets.model import (
    Core,
    CycleModel,
    FloatAbi,
    Fpu,
    GccOptions,
    IreeOptions,
    Isa,
    MemoryRegion,
    Simulation,
    ZigOptions,
)
from tinyiree.targets.table import Table, read_table


def read_core(path: Path) -> Core:
    """Read one core from a TOML file; the file's stem must be the core's name.

    Raises TinyireeError (file, key, expected, found, remedy) for a file that is unreadable, is
    not TOML, has an unknown, missing or mistyped key, or describes an impossible core.
    """
    top = read_table(path, "core")
    try:
        return _core(top, path.stem)
    except TinyireeError as error:
        if str(error).startswith(str(path)):
            raise
        raise TinyireeError(f"{path}: {error}") from error


def _core(top: Table, name: str) -> Core:
    isa = cast(Isa, top.choice("isa", ("arm", "riscv")))
    description, source = top.take("description", str), top.take("source", str)
    fpu = cast(Fpu, top.choice("fpu", ("none", "single", "double")))
    float_abi = cast(FloatAbi, top.choice("float_abi", ("soft", "hard")))
    dsp, mve = top.take("dsp", bool, False), top.take("mve", bool, False)
    iree, zig, gcc = top.table("iree"), top.table("zig"), top.table("gcc")
    simulation, cycles = top.table("simulation"), top.table("cycles")
    iree_options = IreeOptions(
        triple=iree.take("triple", str),
        cpu=iree.take("cpu", str),
        features=iree.texts("features"),
        target_abi=iree.optional_text("target_abi"),
    )
    zig_options = ZigOptions(target=zig.take("target", str), cpu=zig.take("cpu", str))
    gcc_options = GccOptions(
        prefix=gcc.take("prefix", str), flags=gcc.texts("flags"), package=gcc.take("package", str)
    )
    result_simulation = _simulation(simulation)
    cycle_model = _cycles(cycles)
    for table in (top, iree, zig, gcc, simulation, cycles):
        table.done()
    return Core(
        name=name,
        description=description,
        source=source,
        isa=isa,
        fpu=fpu,
        dsp=dsp,
        mve=mve,
        float_abi=float_abi,
        iree=iree_options,
        zig=zig_options,
        gcc=gcc_options,
        simulation=result_simulation,
        cycles=cycle_model,
    )


def _cycles(table: Table) -> CycleModel:
    """Every timing has a default, but for where they come from."""
    given: dict[str, Any] = {key: table.take(key, str) for key in ("source", "assumption")}
    for field in fields(CycleModel):
        if field.name not in given and table.has(field.name):
            given[field.name] = table.take(field.name, type(field.default))
    return CycleModel(**given)


def _simulation(table: Table) -> Simulation:
    vectors = _region(table, "vectors") if table.has("vectors") else None
    return Simulation(
        unicorn_cpu=table.optional_text("unicorn_cpu"),
        qemu_system=table.choice("qemu_system", ("qemu-system-arm", "qemu-system-riscv32")),
        qemu_machine=table.take("qemu_machine", str),
        qemu_cpu=table.optional_text("qemu_cpu"),
        flash=_region(table, "flash"),
        ram=_region(table, "ram"),
        vectors=vectors,
    )


def _region(parent: Table, name: Literal["flash", "ram", "vectors"]) -> MemoryRegion:
    table = parent.table(name)
    region = MemoryRegion(name, table.take("base", int), table.take("size_bytes", int))
    table.done()
    return region
