"""The whole flow: from a module in normal form to a folder of firmware parts and its report."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iree.compiler import ir

from tinyiree import artifact, targets
from tinyiree.emit.c_source import render
from tinyiree.emit.edge import inputs_of, outputs_of, state_tensors
from tinyiree.emit.kernels import use_kernels
from tinyiree.emit.program import Array, Program, place
from tinyiree.firmware import build_selftest, drop_exports, make_toolchain, sizes
from tinyiree.firmware.libcalls import libcalls
from tinyiree.ir.verify import verify
from tinyiree.iree.host import compile_host, compile_vmfb
from tinyiree.iree.state import tie_states
from tinyiree.iree.target import compile_embedded, compile_static
from tinyiree.passes.base import PassContext
from tinyiree.passes.lower import lower
from tinyiree.report.build import build_report
from tinyiree.report.cost import dispatch_costs
from tinyiree.report.model import Sqnr
from tinyiree.report.sqnr import SqnrProbe
from tinyiree.settings import BuildOptions
from tinyiree.targets import Core
from tinyiree.version import VERSION

RUNTIME = Path(__file__).parent / "runtime"
KERNELS = Path(targets.__file__).parent / "kernels"


@dataclass(frozen=True)
class Flow:
    """One build.

    Attributes:
        core: what to build for.
        options: how.
        calibration: float32 samples by input name.
    """

    core: Core
    options: BuildOptions
    calibration: Mapping[str, Array]

    def run(self, module: ir.Module, name: str, folder: Path) -> None:
        """Build a model into an empty folder.

        Args:
            module: the imported model in normal form; rewritten in place.
            name: C identifier.
            folder: exists and is empty.

        Raises:
            TinyireeError: the model cannot be built; the message says why.
        """
        with module.context, ir.Location.unknown():
            sqnr = self.run_passes(module)
            with self.timed("lower to linalg"):
                lowered = lower(module)
            inputs, outputs = inputs_of(module), outputs_of(module)
            states = state_tensors(module)
            with self.timed("IREE: static library"):
                sizes_in = [t.size for t in inputs] + [state.size for state in states]
                library = compile_static(
                    lowered.text, name, self.core, folder / "dispatches.o", sizes_in
                )
            schedule, kernels = use_kernels(library.schedule, module)
            drop_exports(library.object_file, kernels.replaced)
            schedule = tie_states(schedule, len(states))
            with self.timed("plan memory"):
                program = place(
                    name,
                    library.query,
                    library.functions,
                    inputs,
                    outputs,
                    schedule,
                    self.options.pipeline.planner,
                    kernels,
                    states,
                    self.options.memory,
                    {group: cost.macs for group, cost in dispatch_costs(module).items()},
                )
            with self.timed("IREE: host module"):
                (folder / f"{name}.host.vmfb").write_bytes(compile_vmfb(lowered.text))
            if "vmfb" in self.options.formats:
                with self.timed("IREE: embedded ELF"):
                    vmfb = folder / f"{name}.vmfb"
                    compile_embedded(lowered.text, self.core, vmfb, libcalls(self.core))
            with self.timed("C and self-test image"):
                self.write_sources(program, folder)
                elf = folder / artifact.SELFTEST
                banks = program.plan.bank_bytes
                build_selftest(self.core, folder, name, elf, self.options.toolchain, banks=banks)
            flash = sizes(elf)
            report = build_report(module, lowered, program, self.core, self.options, flash, sqnr)
        report.write(folder / artifact.REPORT)
        layers = tuple(layer.name for layer in report.layers)
        artifact.write(folder, _manifest(program, self.core, layers))

    def run_passes(self, module: ir.Module) -> Sqnr:
        """Run the pipeline, verifying (and dumping, when asked) the module after every pass."""
        context = PassContext(
            core=self.core,
            compile_host=compile_host,
            quantization=self.options.quantize.quantization if self.options.quantize else None,
            calibration=self.calibration,
            progress=self.options.progress,
        )
        verify(module)
        self.dump(module, 0, "import")
        probe = SqnrProbe(self.calibration)
        for number, step in enumerate(self.options.pipeline, 1):
            probe.before(step.name, module)
            with self.timed(step.name):
                step.run(module, context)
                verify(module)
            probe.after(step.name, module)
            self.dump(module, number, step.name)
        with self.timed("quantization noise"):
            return probe.measure(self.options.progress)

    def write_sources(self, program: Program, folder: Path) -> None:
        """Write NAME.h, NAME.c and libNAME.a, and the runtime that they need."""
        header, source = render(program)
        (folder / f"{program.name}.h").write_text(header)
        (folder / f"{program.name}.c").write_text(source)
        toolchain = make_toolchain(self.core, self.options.toolchain)
        sources = [KERNELS / source for source in program.kernels.sources]
        objects = [folder / f"{source.parent.name}_{source.stem}.o" for source in sources]
        if sources:
            toolchain.compile(sources, objects, (f"-I{KERNELS}",))
            shutil.copy(KERNELS / "tinyiree_kernels.h", folder)
        objects.insert(0, folder / "dispatches.o")
        toolchain.archive(objects, folder / f"lib{program.name}.a")
        for path in objects:
            path.unlink()
        for path in RUNTIME.glob("*.[ch]"):
            shutil.copy(path, folder)

    def dump(self, module: ir.Module, number: int, step: str) -> None:
        """Write the module to the folder of ``--dump-ir``."""
        if self.options.dump_ir is not None:
            self.options.dump_ir.mkdir(parents=True, exist_ok=True)
            path = self.options.dump_ir / f"{number:02}-{step}.mlir"
            path.write_text(module.operation.get_asm(enable_debug_info=True))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Tell the observer how long a step took."""
        self.options.progress(step, 0, 0)
        start = time.perf_counter()
        yield
        if self.options.observe is not None:
            self.options.observe(step, time.perf_counter() - start)


def _manifest(program: Program, core: Core, layers: tuple[str, ...]) -> artifact.Manifest:
    return artifact.Manifest(
        version=VERSION,
        name=program.name,
        target=core.name,
        inputs=program.inputs,
        outputs=program.outputs,
        states=program.states,
        step_functions=tuple(step.function for step in program.layers()),
        layers=layers,
        calls=tuple(program.calls()),
    )
