"""TOML file -> `Core`. Unknown, missing and mistyped keys are refused with file and key."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

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

_T = TypeVar("_T")


class _Table:
    """One TOML table that is emptied key by key, so that what is left over is unknown."""

    def __init__(self, file: Path, path: str, values: Mapping[str, Any]) -> None:
        self._file, self._path, self._rest = file, path, dict(values)
        self._taken: list[str] = []

    def fail(self, key: str, expected: str, found: str, remedy: str) -> TinyireeError:
        return TinyireeError(
            f"{self._file}: key '{self._path}{key}': expected {expected}, found {found}; {remedy}"
        )

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        self._taken.append(key)
        if key not in self._rest:
            if default is not None:
                return default
            raise self.fail(key, f"a {kind.__name__}", "nothing", "add the key")
        value = self._rest.pop(key)
        # `type is`, not isinstance: a TOML boolean must not pass for an integer.
        if type(value) is not kind:
            raise self.fail(key, f"a {kind.__name__}", repr(value), "correct the value")
        return value

    def optional_text(self, key: str) -> str | None:
        if key in self._rest:
            return self.take(key, str)
        self._taken.append(key)
        return None

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if value not in allowed:
            raise self.fail(key, f"one of {', '.join(allowed)}", repr(value), "choose one")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        for value in values:
            if not isinstance(value, str):
                raise self.fail(key, "a list of strings", repr(value), "quote the entry")
        return tuple(values)

    def table(self, key: str) -> "_Table":
        return _Table(self._file, f"{self._path}{key}.", self.take(key, dict))

    def has(self, key: str) -> bool:
        return key in self._rest

    def done(self) -> None:
        if self._rest:
            key = next(iter(self._rest))
            expected = f"only the keys {', '.join(sorted(self._taken))}"
            raise self.fail(key, expected, "an unknown key", "remove or rename it")


def read_core(path: Path) -> Core:
    """Read one core from a TOML file; the file's stem must be the core's name.

    Raises TinyireeError (file, key, expected, found, remedy) for a file that is unreadable, is
    not TOML, has an unknown, missing or mistyped key, or describes an impossible core.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TinyireeError(
            f"{path}: expected a readable TOML file that describes a core, found: {error}; "
            "correct the file"
        ) from error
    top = _Table(path, "", values)
    name = top.take("name", str)
    if name != path.stem:
        raise top.fail("name", f"'{path.stem}', the file's name", repr(name), "rename one of them")
    try:
        return _core(top, name)
    except TinyireeError as error:
        if str(error).startswith(str(path)):
            raise
        raise TinyireeError(f"{path}: {error}") from error


def _core(top: _Table, name: str) -> Core:
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


def _cycles(table: _Table) -> CycleModel:
    """Every timing has a default, but for where they come from."""
    given: dict[str, Any] = {key: table.take(key, str) for key in ("source", "assumption")}
    for field in fields(CycleModel):
        if field.name not in given and table.has(field.name):
            given[field.name] = table.take(field.name, type(field.default))
    return CycleModel(**given)


def _simulation(table: _Table) -> Simulation:
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


def _region(parent: _Table, name: Literal["flash", "ram", "vectors"]) -> MemoryRegion:
    table = parent.table(name)
    region = MemoryRegion(name, table.take("base", int), table.take("size_bytes", int))
    table.done()
    return region
