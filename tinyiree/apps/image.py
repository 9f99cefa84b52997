"""Builds an app: its networks, its main.c, and the image that a simulator runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tinyiree.api import build, pipeline
from tinyiree.apps.manifest import App, AppModel
from tinyiree.apps.place import Place
from tinyiree.built import Built
from tinyiree.data import find_model
from tinyiree.errors import TinyireeError
from tinyiree.firmware import RUNTIME_DIRECTORY, ToolchainName, linker_script, make_toolchain
from tinyiree.firmware.link import HARNESS_SUFFIX
from tinyiree.firmware.selftest import RUNTIME_FLAGS
from tinyiree.passes.base import Progress, no_progress
from tinyiree.passes.pipeline import Pipeline
from tinyiree.python_file import load_object
from tinyiree.settings import Int8
from tinyiree.sim import Image
from tinyiree.targets import Core

IMAGE = "app.elf"
DATA_HEADER = "app_data.h"
_DIRECTORY = Path(__file__).parent
_FIRMWARE = _DIRECTORY.parent / "firmware"
# More than any image here needs.
_ROOMY_BYTES = 1 << 26
_WARNINGS = ("-Wpedantic", "-Wmissing-prototypes")


@dataclass(frozen=True)
class AppImage:
    """A linked app.

    Attributes:
        app: what was built.
        place: for which core or board.
        elf: the image.
        models: the builds of its networks.
        flash_bytes: of the whole image: start-up, semihosting, app, runtime, networks.
        ram_bytes: variables, arenas, and what is reserved for the stack.
    """

    app: App
    place: Place
    elf: Path
    models: tuple[Built, ...]
    flash_bytes: int
    ram_bytes: int


def build_app(
    app: App,
    place: Place,
    folder: Path,
    toolchain: ToolchainName = "zig",
    progress: Progress = no_progress,
) -> AppImage:
    """Build an app into `folder`: one folder for each network, app_data.h and app.elf.

    Raises:
        TinyireeError: a file is absent, a network cannot be built, main.c does not compile, or the
            image does not fit the memory (with the tool's output).
    """
    if missing := app.missing_files():
        raise TinyireeError(
            f"app '{app.name}' needs {', '.join(missing)}, which is not there; set TINYIREE_DATA "
            "to the folder that holds the data files (`tinyiree sample list` says what is missing)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    models = tuple(_build_model(app, one, place, folder, progress) for one in app.models)
    if app.header is not None:
        text = load_object(app.header, app.folder)()
        if not isinstance(text, str):
            raise _wrong(app, app.header, "the text of a header", text)
        (folder / DATA_HEADER).write_text(text, encoding="utf-8")
    progress("app image", 0, 0)
    elf = folder / IMAGE
    _link(app, place, folder, models, toolchain, elf)
    flash, ram = _sizes(elf, place.core)
    return AppImage(app, place, elf, models, flash, ram)


def _build_model(app: App, one: AppModel, place: Place, folder: Path, progress: Progress) -> Built:
    def told(what: str, done: int, total: int) -> None:
        progress(f"{one.name}: {what}", done, total)

    model: Any
    if one.model.startswith("model:"):
        model = find_model(one.model.removeprefix("model:"))
    else:
        model = load_object(one.model, app.folder)
        if isinstance(model, type) or not hasattr(model, "example_inputs"):
            model = model()
    passes = pipeline(place.core.name)
    if one.pipeline is not None:
        changed = load_object(one.pipeline, app.folder)(passes)
        if not isinstance(changed, Pipeline):
            raise _wrong(app, one.pipeline, "a Pipeline", changed)
        passes = changed
    return build(
        model,
        target=place.core.name,
        out=folder / one.name,
        name=one.name,
        quantize=_quantization(app, one),
        formats=("static",),
        pipeline=passes,
        progress=told,
    )


def _quantization(app: App, one: AppModel) -> Int8:
    if one.quantize is not None:
        found = load_object(one.quantize, app.folder)()
        if not isinstance(found, Int8):
            raise _wrong(app, one.quantize, "a tinyiree.Int8", found)
        return found
    if one.calibration is None:
        return Int8()
    make: Callable[[], Any] = load_object(one.calibration, app.folder)
    return Int8(calibration=make())


def _wrong(app: App, spec: str, expected: str, found: object) -> TinyireeError:
    return TinyireeError(
        f"app '{app.name}': {spec}: expected {expected}, found {type(found).__name__}; correct it"
    )


def _link(
    app: App,
    place: Place,
    folder: Path,
    models: Sequence[Built],
    toolchain: ToolchainName,
    elf: Path,
) -> None:
    tools = make_toolchain(place.core, toolchain)
    built = tuple(f"-I{one.folder}" for one in models)
    ours = (f"-I{RUNTIME_DIRECTORY}", f"-I{_DIRECTORY}", f"-I{_FIRMWARE}")
    startup = "startup_arm.c" if place.core.isa == "arm" else "startup_riscv.c"
    harness = [_FIRMWARE / file for file in (startup, "startup.c", "semihosting.c")]
    harness.append(_DIRECTORY / "app.c")
    runtime = sorted(RUNTIME_DIRECTORY.glob("*.c"))
    sources = [one.folder / f"{one.manifest.name}.c" for one in models]
    with TemporaryDirectory(prefix="tinyiree-") as directory:
        work = Path(directory)
        harness_objects = [work / (path.stem + HARNESS_SUFFIX) for path in harness]
        tools.compile(harness, harness_objects, (*ours, *RUNTIME_FLAGS))
        objects = [work / f"{i}-{path.stem}.o" for i, path in enumerate([*sources, *runtime])]
        tools.compile([*sources, *runtime], objects, (*built, *ours, *RUNTIME_FLAGS))
        main = work / "main.o"
        flags = (*_WARNINGS, *built, *ours[:2], f"-I{app.folder}", f"-I{folder}")
        tools.compile([app.folder / "main.c"], [main], flags)
        libraries = [one.folder / f"lib{one.manifest.name}.a" for one in models]

        def link(core: Core, out: Path) -> None:
            script = work / "app.ld"
            script.write_text(linker_script(core, app.stack_bytes), encoding="utf-8")
            tools.link([*harness_objects, main, *objects, *libraries], script, out)

        try:
            link(place.core, elf)
        except TinyireeError as error:
            roomy = _roomy(place.core)
            # When this fails too, it was not for lack of room.
            link(roomy, work / "roomy.elf")
            raise _too_large(app, place, *_sizes(work / "roomy.elf", roomy)) from error


def _roomy(core: Core) -> Core:
    """The core with memories that everything fits into, at the same addresses."""
    old = core.simulation
    flash = replace(old.flash, size_bytes=max(_ROOMY_BYTES, old.flash.size_bytes))
    ram = replace(old.ram, size_bytes=max(_ROOMY_BYTES, old.ram.size_bytes))
    if flash.base < ram.base < flash.end:
        ram = replace(ram, base=flash.end)
    return replace(core, simulation=replace(old, flash=flash, ram=ram, vectors=None))


def _too_large(app: App, place: Place, flash: int, ram: int) -> TinyireeError:
    memory = place.core.simulation
    return TinyireeError(
        f"app '{app.name}' does not fit {place.name}: expected at most "
        f"{memory.flash.size_bytes} bytes of flash and {memory.ram.size_bytes} of RAM, found "
        f"{flash} and {ram} (of them {app.stack_bytes} for the stack); shrink the app or its "
        "network, or choose another board"
    )


def _sizes(elf: Path, core: Core) -> tuple[int, int]:
    """Bytes of flash and of RAM."""
    ram = core.simulation.ram
    sections = [one for one in Image.load(elf).sections if one.is_allocated]
    inside = [one for one in sections if ram.base <= one.address < ram.end]
    flash = sum(one.size for one in sections if one not in inside)
    flash += sum(one.size for one in inside if one.is_stored)
    return flash, sum(one.size for one in inside)
