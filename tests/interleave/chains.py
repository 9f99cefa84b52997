"""Chains of layers of any geometry, and a memory that knows which row every byte belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tinyiree.iree.schedule import Buffer, Copy, KernelCall, Schedule, Span
from tinyiree.kernels.kernel import Reads
from tinyiree.kernels.walk import Shape, Walk


@dataclass
class Model:
    """A schedule under construction; every tensor is an image, known by its buffer."""

    buffers: list[Buffer] = field(default_factory=list)
    shapes: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    steps: list[KernelCall] = field(default_factory=list)
    walks: dict[int, Walk] = field(default_factory=dict)

    def tensor(self, height: int, width: int, channels: int, kind: str = "transient") -> int:
        self.buffers.append(Buffer(kind, height * width * channels))  # type: ignore[arg-type]
        self.shapes[len(self.buffers) - 1] = (height, width, channels)
        return len(self.buffers) - 1

    def window(
        self, source: int, channels: int, kernel: int, stride: int = 1, pad: int = 0,
        dilation: int = 1, scratch: int = 0,
    ) -> int:  # fmt: skip
        height, width, depth = self.shapes[source]
        reach = (kernel - 1) * dilation + 1
        out_height = (height + 2 * pad - reach) // stride + 1
        out_width = (width + 2 * pad - reach) // stride + 1
        geometry = {
            "in_height": height, "in_width": width, "in_channels": depth, "out_width": out_width,
            "kernel_height": kernel, "kernel_width": kernel, "stride_height": stride,
            "stride_width": stride, "dilation_height": dilation, "dilation_width": dilation,
            "pad_top": pad, "pad_left": pad,
        }  # fmt: skip
        target = self.tensor(out_height, out_width, channels)
        walk = Walk(
            Reads.PIXEL, Shape.WINDOWS, geometry, out_height, out_width, depth, channels
        )  # fmt: skip
        self._step("armv7em.conv2d", walk, (source,), target, scratch)
        return target

    def add(self, a: int, b: int) -> int:
        height, width, channels = self.shapes[a]
        target = self.tensor(height, width, channels)
        walk = Walk(Reads.ELEMENTS, Shape.ELEMENTS, {}, height, width * channels, 1, 1)
        self._step("armv7em.add", walk, (a, b), target, 0)
        return target

    def _step(
        self, kernel: str, walk: Walk, sources: Sequence[int], target: int, scratch: int
    ) -> None:
        used = [*sources, target]
        if scratch:
            self.buffers.append(Buffer("scratch", scratch))
            used.append(len(self.buffers) - 1)
        spans = tuple(Span(i, 0, self.buffers[i].size) for i in used)
        writes = tuple(i not in sources for i in used)
        group = len(self.steps)
        self.walks[group] = walk
        self.steps.append(KernelCall(kernel, f"f{group}", group, walk.rows, spans, writes))

    def schedule(self, *outputs: int) -> Schedule:
        kept = outputs or (self.steps[-1].bindings[len(self.steps[-1].writes) - 1].buffer,)
        buffers = [Buffer("output", b.size) if i in kept else b for i, b in enumerate(self.buffers)]
        return Schedule(tuple(buffers), (0,), tuple(kept), tuple(self.steps))


def random_model(seed: int) -> Model:
    """Windows of any stride, padding and dilation, sums, and branches that meet again."""
    random, model = Random(seed), Model()
    last = model.tensor(random.randint(6, 24), random.randint(3, 9), random.randint(1, 9), "input")
    tensors = [last]
    for _ in range(random.randint(2, 7)):
        equal = [t for t in tensors if model.shapes[t] == model.shapes[last] and t != last]
        if equal and random.random() < 0.5:
            last = model.add(random.choice(equal), last)
        else:
            height, width, channels = model.shapes[last]
            kernel, dilation = random.choice((1, 2, 3, 5)), random.choice((1, 1, 2))
            pad = random.randint(0, kernel - 1)
            stride = random.choice((1, 1, 2, 3))
            if random.random() < 0.5:  # of the same shape, so that a sum may follow
                kernel, stride, dilation, pad = 3, 1, 1, 1
            elif (kernel - 1) * dilation + 1 > min(height, width) + 2 * pad:
                kernel, dilation, pad = 1, 1, 0
            wanted = channels if random.random() < 0.6 else random.randint(1, 9)
            last = model.window(
                last, wanted, kernel, stride, pad, dilation, random.choice((0, 16))
            )  # fmt: skip
        tensors.append(last)
    return model


def run(schedule: Schedule, offsets: Sequence[int], model: Model) -> list[str]:
    """Run a schedule in a memory of owners, and say which reads found another byte than theirs.

    Every byte is known as (the buffer of the whole map, its number in it).
    """
    memory: dict[int, tuple[int, int]] = {}
    for buffer in schedule.inputs:
        for i in range(schedule.buffers[buffer].size):
            memory[offsets[buffer] + i] = (0, i)
    problems = []
    for step in schedule.steps:
        if isinstance(step, Copy):
            source = offsets[step.source.buffer] + step.source.offset
            target = offsets[step.target.buffer] + step.target.offset
            moved = [memory.get(source + i) for i in range(step.source.length)]
            for i, owner in enumerate(moved):
                if owner is not None:
                    memory[target + i] = owner
            continue
        assert isinstance(step, KernelCall)
        whole = model.steps[step.group]
        progress = model.walks[step.group].progress(*(step.part or (0, step.rows)))
        for span, name, writes in zip(step.bindings, whole.bindings, step.writes, strict=True):
            base, size = offsets[span.buffer] + span.offset, model.buffers[name.buffer].size
            if model.buffers[name.buffer].kind == "scratch":
                for i in range(span.length):
                    memory[base + i] = (name.buffer, i)
            elif not writes:
                for low, high in zip(progress.read_low, progress.read_high, strict=True):
                    # The last three bytes may be read, and have no use.
                    end = high - 3 if model.walks[step.group].shape is Shape.WINDOWS else high
                    for i in range(low, min(end, size)):
                        if memory.get(base + i) != (name.buffer, i):
                            problems.append(f"{step.function} {step.part}: byte {i} is not there")
        for span, name in list(zip(step.bindings, whole.bindings, strict=True)):
            base = offsets[span.buffer] + span.offset
            if step.writes[step.bindings.index(span)] and (
                model.buffers[name.buffer].kind != "scratch"
            ):
                for low, high in zip(progress.write_low, progress.write_high, strict=True):
                    for i in range(low, high):
                        memory[base + i] = (name.buffer, i)
    for buffer, name in zip(schedule.outputs, model.schedule().outputs, strict=True):
        for i in range(schedule.buffers[buffer].size):
            if memory.get(offsets[buffer] + i) != (name, i):
                problems.append(f"byte {i} of the result is not there")
    return problems
