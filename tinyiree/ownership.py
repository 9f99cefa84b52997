"""Checks on the simulated core that tensors which overlap in the arena never meet."""

from tinyiree import artifact
from tinyiree.built import Built, Inputs, machine_of
from tinyiree.report.model import Memory, MemoryStep, StepUse
from tinyiree.sim import Image
from tinyiree.sim.ownership import OwnedStep, Ownership, Role, TensorSpan, check_ownership
from tinyiree.tensors import pack

RUNTIME = ("tinyiree_run_chain", "run_rows")
"""Functions of the runtime that call kernels, besides invoke."""
CLAMP = "_clamp"
"""End of the names of functions that go over what a kernel wrote once more."""


def check(built: Built, inputs: Inputs, limit: int | None = None) -> tuple[str, ...]:
    """Run samples with a tracker of the last writer of every byte of the arena.

    Args:
        built: for a core that Unicorn has.
        inputs: as of `Built.run`.
        limit: use the first samples only.

    Returns:
        What was wrong: reads of bytes that their tensor does not own any more or that nobody
        wrote, writes outside of a step's tensors, results that were lost. Empty when nothing was.
    """
    raw = built.encode(inputs, limit=limit)
    image = Image.load(built.folder / artifact.SELFTEST)
    plan = ownership_of(built.report.memory, image, built.manifest.runtime_symbol)
    stdin = b"".join(pack(raw, i) for i in range(len(raw[0])))
    return check_ownership(image, machine_of(built.core), plan, stdin)


def ownership_of(memory: Memory, image: Image, invoke: str = "tinyiree_invoke") -> Ownership:
    """The steps of a program by the report of its build, with the addresses of its self-test."""
    whole = [
        TensorSpan(i, b.offset, b.offset + b.size, "read") for i, b in enumerate(memory.buffers)
    ]
    runtime = image.symbol(invoke)
    return Ownership(
        arena=image.symbol("arena").address,
        arena_bytes=memory.arena_bytes,
        invoke=runtime.address,
        invoke_bytes=runtime.size,
        steps=tuple(_step(step, memory, image) for step in memory.steps),
        kept=tuple(s for s, b in zip(whole, memory.buffers, strict=True) if b.first_step < 0),
        results=tuple(
            s
            for s, b in zip(whole, memory.buffers, strict=True)
            if b.last_step >= len(memory.steps)
        ),
        rereaders=tuple(
            (symbol.address, symbol.address + symbol.size)
            for symbol in image.symbols
            if symbol.is_function and symbol.name.endswith(CLAMP)
        ),
        runtimes=tuple(
            (symbol.address, symbol.address + symbol.size)
            for symbol in image.symbols
            if symbol.is_function and symbol.name in RUNTIME
        ),
    )


def _step(step: MemoryStep, memory: Memory, image: Image) -> OwnedStep:
    return OwnedStep(
        name=step.name,
        entry=image.symbol(step.function).address if step.function else 0,
        calls=step.calls,
        spans=tuple(_span(use, memory) for use in step.uses),
        compiled=step.kernel == "iree",
    )


def _span(use: StepUse, memory: Memory) -> TensorSpan:
    buffer = memory.buffers[use.buffer]
    role: Role = "read"
    if use.writes:
        role = "scratch" if buffer.kind == "scratch" else "written"
    start = buffer.offset + max(0, use.offset)
    return TensorSpan(
        use.buffer,
        start,
        buffer.offset + min(buffer.size, use.offset + use.length),
        role,
        use.spare,
    )
