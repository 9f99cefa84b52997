"""Runs a firmware image on QEMU's system emulator, counted by a TCG plugin."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyiree.errors import TinyireeError
from tinyiree.sim import faults
from tinyiree.sim.elf import Image
from tinyiree.sim.model import RUNTIME, BlockCount, Inference, Isa, Machine, Probe, RunResult
from tinyiree.sim.native import library
from tinyiree.sim.semihosting import INPUT_NAME, OUTPUT_NAME
from tinyiree.sim.tracer import STATUS_CALL_DEPTH

_COMMANDS: Mapping[Isa, tuple[str, str]] = {
    "arm": ("qemu-system-arm", "qemu-system-arm"),
    "riscv": ("qemu-system-riscv32", "qemu-system-misc"),
}
_CONSOLE, _CONFIG, _RESULT = "console.txt", "probe.txt", "counts.txt"
# Seconds to write the counts and leave, after being asked to.
_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class _Counts:
    """What the plugin wrote."""

    status: int  # attribution_status_t
    pc: int
    callers: tuple[int, ...]
    inferences: tuple[Inference, ...]
    harness: int
    profile: tuple[BlockCount, ...]


def run_qemu(
    elf: Path | Image,
    machine: Machine,
    probe: Probe,
    stdin: bytes,
    timeout_seconds: float,
    extra_arguments: Sequence[str] = (),
) -> RunResult:
    """Runs the firmware `elf` with `stdin` as the file `tinyiree.in` until it exits.

    `extra_arguments` go to QEMU's command line ("-icount", "shift=0").
    Raises TinyireeError for an unusable file or machine, when QEMU is not installed or fails, and
    when the program locks up or has not ended after `timeout_seconds`.
    """
    image = elf if isinstance(elf, Image) else Image.load(elf)
    command = [*_command(machine), *extra_arguments, "-kernel", str(image.path.resolve())]
    with tempfile.TemporaryDirectory(prefix="tinyiree-qemu-") as name:
        folder = Path(name)
        (folder / INPUT_NAME).write_bytes(stdin)
        (folder / OUTPUT_NAME).touch()
        (folder / _CONSOLE).touch()
        (folder / _CONFIG).write_text(_config(image, machine, probe))
        exit_code, stderr = _wait(command, folder, timeout_seconds)
        counts = _read_counts(folder / _RESULT)
        console = (folder / _CONSOLE).read_bytes().decode("utf-8", "replace")
        output = (folder / OUTPUT_NAME).read_bytes()
    if counts is not None and (exit_code is None or counts.status):
        fault = _fault(counts, timeout_seconds)
        raise faults.error(image, machine, fault, len(counts.inferences))
    if exit_code is None or exit_code < 0 or counts is None:
        how = "no end" if exit_code is None else f"exit code {exit_code}"
        raise TinyireeError(
            f"{image.path.name}: expected {command[0]} to run it to its end, found {how}; "
            f"check that the image fits machine '{machine.qemu_machine}' and does not lock up "
            f"after a fault. Console: {console.strip() or '(nothing)'}. QEMU's stderr:\n"
            f"{stderr.strip() or '(nothing)'}"
        )
    return RunResult(output, console, exit_code, counts.inferences, counts.harness, counts.profile)


def _command(machine: Machine) -> list[str]:
    program, package = _COMMANDS[machine.isa]
    if machine.qemu_machine is None:
        raise TinyireeError(
            "machine: expected a qemu_machine to simulate it on QEMU, found none; add one to the "
            "target, or use the unicorn simulator"
        )
    if shutil.which(program) is None:
        raise TinyireeError(
            f"simulator: expected {program} on the PATH, found none; install it "
            f"('apt install {package}' on Debian and Ubuntu), or use the unicorn simulator for a "
            "core that it has"
        )
    # A comma separates QEMU's options; two stand for one.
    plugin = str(library("qemu_plugin.c")).replace(",", ",,")
    command = [program, "-M", machine.qemu_machine]
    command += ["-cpu", machine.qemu_cpu] if machine.qemu_cpu else []
    command += ["-bios", "none"] if machine.isa == "riscv" else []
    command += ["-nodefaults", "-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-chardev", f"file,id=console,path={_CONSOLE}"]
    command += ["-semihosting-config", "enable=on,target=native,chardev=console"]
    return [*command, "-plugin", f"{plugin},config={_CONFIG},result={_RESULT}"]


def _config(image: Image, machine: Machine, probe: Probe) -> str:
    mask = ~1 if machine.isa == "arm" else ~0
    lines = [
        f"isa {machine.isa}",
        f"entry {image.start_address():x}",
        f"invoke {probe.invoke & mask:x}",
    ]
    lines += [f"step {step & mask:x}" for step in probe.steps]
    return "\n".join(lines) + "\n"


def _wait(command: Sequence[str], folder: Path, timeout_seconds: float) -> tuple[int | None, str]:
    """The exit code, or None after the timeout, and QEMU's stderr."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip
    timed_out = False
    try:
        try:
            _, stderr = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            process.terminate()  # QEMU then shuts down in order, and the plugin writes its counts
            _, stderr = process.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return None if timed_out else process.returncode, stderr


def _read_counts(path: Path) -> _Counts | None:
    """The plugin's result; None when it is missing or not complete."""
    lines = path.read_text().splitlines() if path.exists() else []
    if not lines or lines[-1] != "end":
        return None
    single: dict[str, tuple[int, ...]] = {}
    inferences, profile = [], []
    for line in lines[:-1]:
        key, *words = line.split()
        numbers = tuple(int(word) for word in words)
        if key == "inference":
            inferences.append(Inference(numbers[0], numbers[1], numbers[2:]))
        elif key == "block":
            call = None if numbers[0] == RUNTIME else numbers[0]
            profile.append(BlockCount(call, *numbers[1:]))
        else:
            single[key] = numbers
    (status,), (pc,), (harness,) = single["status"], single["pc"], single["harness"]
    return _Counts(status, pc, single["stack"], tuple(inferences), harness, tuple(profile))


def _fault(counts: _Counts, timeout_seconds: float) -> faults.Fault:
    if counts.status == STATUS_CALL_DEPTH:
        return faults.too_deep(counts.pc, len(counts.callers), counts.callers)
    if counts.status:
        return faults.out_of_memory(counts.pc)
    return faults.Fault(
        f"it still running after {timeout_seconds:g} seconds on QEMU", counts.pc,
        callers=counts.callers,
        remedy="allow more seconds, or look for a loop that does not end there",
    )  # fmt: skip
