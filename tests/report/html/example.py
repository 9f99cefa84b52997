"""A report and an evaluation with everything in them, without a build."""

from tinyiree.evaluation.metrics import classification
from tinyiree.evaluation.model import Agreement, Evaluation
from tinyiree.report.model import (
    Flash,
    Layer,
    Memory,
    MemoryStep,
    PlacedBuffer,
    Report,
    Run,
    Sqnr,
    StepUse,
    Verification,
)

MEMORY = Memory(
    arena_bytes=2600,
    arena_bound_bytes=2600,
    stack_bytes=412,
    static_ram_bytes=12,
    total_ram_bytes=3024,
    planner="CP-SAT",
    buffers=(
        PlacedBuffer("input", 1024, 1000, -1, 0, "x"),
        PlacedBuffer("transient", 2048, 0, 0, 1, "stem"),
        PlacedBuffer("scratch", 300, 2300, 1, 1, "dense"),
        PlacedBuffer("output", 10, 2100, 1, 2, "y"),
        PlacedBuffer("state", 8, 2592, -1, 2, "memory"),
    ),
    conflicts=((0, 1),),
    steps=(
        MemoryStep("stem", "f", "armv7em.conv2d", 1, (StepUse(0, 0, 1024, False),)),
        MemoryStep("dense", "g", "iree", 1, (StepUse(1, 0, 2048, False),)),
    ),
    state_bytes=8,
)

LAYERS = (
    Layer(
        name="stem <b>&amp;",
        op="qnn.conv2d",
        macs=73_728,
        kernel="armv7em.conv2d",
        weight_bytes=384,
        output_bytes=2048,
        instructions=120_000,
        cycles_estimate=150_000,
        sqnr_db=41.2,
        operations={"sadd_32": 73_728, "smult_8_8": 73_728},
        why="the first of 2",
    ),
    Layer(
        name="dense",
        op="qnn.fully_connected",
        macs=20_480,
        kernel="iree",
        weight_bytes=20_480,
        output_bytes=10,
        instructions=300_000,
        cycles_estimate=410_000,
        sqnr_db=29.9,
        operations={"smult_8_8": 20_480},
        why="no kernel takes sums over 24 bits",
    ),
    Layer("last", "nn.reshape", 0, "iree", 0, 10, instructions=80, cycles_estimate=90),
)

REPORT = Report(
    version="0.1.0",
    target="cortex-m4",
    model="net",
    memory=MEMORY,
    flash=Flash(code_bytes=6_000, weight_bytes=20_864, total_bytes=26_880),
    layers=LAYERS,
    operations={"sadd_32": 73_728, "smult_8_8": 94_208},
    run=Run(420_480, 400, 560_400, "estimate: zero wait states", 10, "unicorn"),
    verify=Verification(10, True),
    passes=("fuse",),
    sqnr=Sqnr(8, "the integer model against the float model", {"dense": 29.9}),
)

_LABELS = [0, 0, 1, 1, 2, 2, 2, 2, 0, 1]
_ANSWERS = [0, 0, 1, 2, 2, 2, 2, 0, 0, 1]


def evaluation() -> Evaluation:
    """Ten samples of three classes, two of them wrong."""
    import numpy as np

    metrics = classification(
        np.array(_LABELS), np.array(_ANSWERS), ("up", "down", "a long class name")
    )
    return Evaluation(
        version="0.1.0",
        model="net",
        target="cortex-m4",
        samples=10,
        source="test.npz",
        score="class",
        main="accuracy",
        note="",
        host=metrics,
        device=metrics,
        agreement=Agreement(10, 10),
        instructions=420_480,
    )
