"""Which cores have the instructions of a folder of ``targets/kernels``."""

from tinyiree.targets import Core


def runs(isa: str, core: Core) -> bool:
    """True when a core runs the kernels of an ISA.

    ``armv6m`` is Thumb with 32-bit multiplication (Arm DDI 0419, A5), ``armv7m`` adds long
    multiplication and multiply-accumulate (DDI 0403, A4.4.3), ``armv7em`` the DSP extension, and
    ``mve`` the integer vectors of Armv8.1-M (DDI 0553, C2). ``rv32im`` needs M; ``rv32i`` is for
    cores without it, where IREE's own code calls a function for every product.
    """
    if core.isa == "riscv":
        return isa in ("portable", "rv32im" if "+m" in core.iree.features else "rv32i")
    baseline = core.iree.triple.startswith(("thumbv6m", "thumbv8m.base"))
    return {
        "portable": True,
        "armv6m": True,
        "armv7m": not baseline,
        "armv7em": core.dsp,
        "mve": core.mve,
    }.get(isa, False)
