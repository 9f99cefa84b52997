"""Running a compiled module on this machine through iree-runtime: the reference of ``verify``."""

from collections.abc import Sequence
from pathlib import Path

import iree.runtime as rt
import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir.state import states_of
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
        states: initial values of the model's variables, which are its last arguments and results.
    """

    def __init__(self, vmfb: bytes, states: Sequence[Array] = ()) -> None:
        self._config = rt.Config("local-sync")
        module = rt.VmModule.copy_buffer(self._config.vm_instance, vmfb)
        self._main = rt.load_vm_module(module, self._config)["main"]
        self._initial = list(states)
        self._states = list(states)

    def reset(self) -> None:
        """Start a new stream: give the variables their initial values."""
        self._states = list(self._initial)

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """One inference: arrays in the order of main's arguments, results in theirs.

        Variables are neither among the arguments nor among the results: they go from one call to
        the next.
        """
        given = [*inputs, *self._states]
        result = self._main(*[np.ascontiguousarray(array) for array in given])
        results = result if isinstance(result, (tuple, list)) else [result]
        arrays = [np.array(array.to_host()) for array in results]
        outputs = len(arrays) - len(self._states)
        self._states = arrays[outputs:]
        return arrays[:outputs]


def compile_vmfb(lowered: str) -> bytes:
    """Compile a lowered module (linalg in dispatch regions, as text) for this machine."""
    session = Session(lowered, FLAGS)
    session.advance("end")
    return session.vmfb()


def compile_host(module: ir.Module) -> HostModule:
    """Compile a module in normal form for this machine and load it."""
    initial = [state.initial for state in states_of(module)]
    return HostModule(compile_vmfb(lower(module).text), initial)


def load(path: Path, states: Sequence[Array] = ()) -> HostModule:
    """Load a host module that a build wrote, with the initial values of the model's variables.

    Raises:
        TinyireeError: the file is missing or is not one.
    """
    try:
        return HostModule(path.read_bytes(), states)
    except OSError as error:
        raise TinyireeError(f"cannot read the host module {path}: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:
        raise TinyireeError(
            f"{path} is not a host module that this version can load ({error}); build again"
        ) from error
