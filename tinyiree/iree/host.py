"""Running a compiled module on this machine through iree-runtime: the reference of ``verify``."""

from collections.abc import Sequence
from pathlib import Path

import iree.runtime as rt
import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.iree.session import Session
from tinyiree.passes.lower import lower

Array = npt.NDArray[np.generic]

# "generic", not "host": the reference computes the same on every machine.
FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=generic",
    "--iree-llvmcpu-debug-symbols=false",
)


class HostModule:
    """A host module loaded into iree-runtime.

    Args:
        vmfb: the compiled module, whose ``main`` takes and gives tensors.
    """

    def __init__(self, vmfb: bytes) -> None:
        self._config = rt.Config("local-sync")
        module = rt.VmModule.copy_buffer(self._config.vm_instance, vmfb)
        self._main = rt.load_vm_module(module, self._config)["main"]

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """One inference: arrays in the order of main's arguments, results in theirs."""
        result = self._main(*[np.ascontiguousarray(array) for array in inputs])
        results = result if isinstance(result, (tuple, list)) else [result]
        return [np.array(array.to_host()) for array in results]


def compile_vmfb(lowered: str) -> bytes:
    """Compile a lowered module (linalg in dispatch regions, as text) for this machine."""
    session = Session(lowered, FLAGS)
    session.advance("end")
    return session.vmfb()


def compile_host(module: ir.Module) -> HostModule:
    """Compile a module in normal form for this machine and load it."""
    return HostModule(compile_vmfb(lower(module).text))


def load(path: Path) -> HostModule:
    """Load a host module that a build wrote.

    Raises:
        TinyireeError: the file is missing or is not one.
    """
    try:
        return HostModule(path.read_bytes())
    except OSError as error:
        raise TinyireeError(f"cannot read the host module {path}: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:
        raise TinyireeError(
            f"{path} is not a host module that this version can load ({error}); build again"
        ) from error
