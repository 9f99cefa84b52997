"""Sentences of the report, the same in the terminal and on the page."""

from tinyiree.report.model import Layer, Memory, Report
from tinyiree.targets import load_board


def gap_text(memory: Memory) -> str:
    """How good the arena's layout is known to be."""
    gap = memory.arena_bytes - memory.arena_bound_bytes
    return "proven minimum for this order" if gap == 0 else f"at most {gap:,} above the minimum"


def run_text(report: Report) -> str:
    """What the counts of instructions and cycles rest on; empty before a run."""
    run = report.run
    if run is None:
        return ""
    return (
        f"instructions: exact, mean of {run.samples:,} inferences ({run.simulator}); cycles: "
        f"{run.assumption}"
    )


def time_text(report: Report) -> str:
    """Estimated time of an inference on the board that was built for; empty if not known."""
    if report.board is None or report.run is None:
        return ""
    board = load_board(report.board)
    milliseconds = report.run.cycles_estimate / board.clock_hz * 1000
    return f"{milliseconds:,.2f} ms an inference at {board.clock_hz // 1_000_000} MHz"


def on_board_text(report: Report) -> str:
    """Time, RAM and flash on the board that was built for; empty without one, or before a run."""
    memory, flash = report.memory, report.flash
    if report.board is None or report.run is None:
        return ""
    board = load_board(report.board)
    return (
        f"{board.name}: {time_text(report)} (estimate), RAM {memory.total_ram_bytes:,} of "
        f"{board.ram_bytes:,} bytes, flash {flash.total_bytes:,} of {board.flash_bytes:,}"
    )


def verify_text(report: Report) -> str:
    """How core and host compared; empty when they were not."""
    if report.verify is None:
        return ""
    equal = "every byte equal" if report.verify.bit_exact else "NOT EQUAL"
    return f"verified against the host on {report.verify.samples:,} samples: {equal}"


def sqnr_text(report: Report) -> str:
    """What the quantization noise is, or why it is not known."""
    return f"SQNR: {report.sqnr.note}" if report.sqnr is not None else ""


def op_text(layer: Layer) -> str:
    """Operators of a layer without the names of their dialects."""
    return layer.op.replace("qnn.", "").replace("nn.", "")


def kernel_text(layer: Layer) -> str:
    """The ISA of a layer's kernel (its operator stands beside it), or iree."""
    return layer.kernel.partition(".")[0]
