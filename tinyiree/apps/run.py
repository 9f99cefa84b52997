"""Runs an app's image on its simulated core or board, and looks for what it must print."""

from dataclasses import dataclass

import numpy as np

from tinyiree.apps.image import AppImage
from tinyiree.apps.manifest import App
from tinyiree.built import machine_of
from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object
from tinyiree.sim import Image, Inference, Probe, Simulator, run_qemu, run_unicorn

_INVOKE = "tinyiree_invoke"
_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class AppRun:
    """A finished run.

    Attributes:
        console: what the app printed.
        is_success: app_main returned 0.
        unmet: the first expression of the manifest that the console lacks, or None.
        inferences: exact instruction counts of each invoke, in order.
        other_instructions: all the rest: start-up, the app's own work, printing.
    """

    console: str
    is_success: bool
    unmet: str | None
    inferences: tuple[Inference, ...]
    other_instructions: int


def run_app(image: AppImage, simulator: Simulator = "auto") -> AppRun:
    """Run an app with the input of its manifest.

    Raises:
        TinyireeError: the input cannot be made, the program faults or runs away, or the simulator
            has no such core.
    """
    app, core = image.app, image.place.core
    elf = Image.load(image.elf)
    probe = Probe(invoke=elf.symbol(_INVOKE).address)
    data = _input(app)
    if simulator == "qemu" and image.place.board is not None:
        raise TinyireeError(
            f"board '{image.place.name}': expected the simulator unicorn or auto, found qemu, "
            f"which has only the memory of its own machines; use the target {core.name}"
        )
    if simulator == "qemu" or core.simulation.unicorn_cpu is None:
        result = run_qemu(elf, machine_of(core), probe, data, _TIMEOUT_SECONDS)
    else:
        result = run_unicorn(elf, machine_of(core), probe, data)
    return AppRun(
        console=result.console,
        is_success=result.exit_code == 0,
        unmet=app.unmet(result.console),
        inferences=result.inferences,
        other_instructions=result.harness_instructions,
    )


def _input(app: App) -> bytes:
    """The bytes that app_read reads."""
    if app.input is None:
        return b""
    found = load_object(app.input, app.folder)()
    if isinstance(found, bytes):
        return found
    if isinstance(found, np.ndarray) and found.dtype.kind in "iuf":
        return np.ascontiguousarray(found, found.dtype.newbyteorder("<")).tobytes()
    raise TinyireeError(
        f"app '{app.name}': {app.input}: expected an array of numbers or bytes, found "
        f"{type(found).__name__}; correct it"
    )
