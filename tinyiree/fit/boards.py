"""One build for each core, and a verdict for every board."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyiree.errors import TinyireeError
from tinyiree.fit.verdict import Need, Verdict, judge
from tinyiree.passes.base import Progress, no_progress
from tinyiree.settings import Int8
from tinyiree.targets import Board

SAMPLES = 2
"""Inferences that are simulated: cycles are of the first, the stack of the deepest."""


def fit_boards(
    model: str,
    boards: Sequence[Board],
    *,
    quantize: Int8 | None = None,
    input_shapes: Sequence[Sequence[int]] = (),
    workers: int | None = None,
    progress: Progress = no_progress,
) -> tuple[list[Verdict], Mapping[str, str]]:
    """Build and run a model once on each core that the boards have, and judge every board.

    Args:
        model: as `tinyiree.build` takes it, by name or path.
        boards: which.
        quantize: as for `tinyiree.build`.
        input_shapes: as for `tinyiree.build`.
        workers: processes; None: one for each core of this machine.
        progress: told how many cores are done.

    Returns:
        The verdicts, in the order of the boards whose core could be built for, and for the other
        cores why not.

    Raises:
        TinyireeError: no core could be built for (with the first reason), or a process died.
    """
    cores = sorted({board.core for board in boards})
    needs: dict[str, Need] = {}
    failures: dict[str, str] = {}
    count = min(workers or os.cpu_count() or 1, len(cores))
    # Not forked: the compiler's threads do not survive that.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(need_on, core, model, quantize, input_shapes): core for core in cores
        }
        progress("cores built for and run", 0, len(cores))
        try:
            for done, future in enumerate(as_completed(futures), 1):
                result = future.result()
                if isinstance(result, Need):
                    needs[futures[future]] = result
                else:
                    failures[futures[future]] = result
                progress("cores built for and run", done, len(cores))
        except BrokenProcessPool as error:
            raise TinyireeError(
                f"a process of the build died ({error}), maybe for want of memory; use --jobs 1"
            ) from error
    if not needs:
        raise TinyireeError(next(iter(failures.values())))
    verdicts = [judge(needs[board.core], board) for board in boards if board.core in needs]
    return verdicts, failures


def need_on(
    core: str, model: str, quantize: Int8 | None, input_shapes: Sequence[Sequence[int]]
) -> Need | str:
    """What the model needs on a core, measured on random inputs; or why it cannot be built."""
    # Here, not above: the compiler and PyTorch take seconds to load.
    from tinyiree.api import build

    with tempfile.TemporaryDirectory(prefix="tinyiree-fit-") as folder:
        try:
            built = build(
                model,
                target=core,
                out=Path(folder) / core,
                quantize=quantize,
                input_shapes=input_shapes,
                formats=("static",),
            )
            rng = np.random.default_rng(0)
            inputs = {
                tensor.name: _random(rng, tensor.shape, tensor.dtype)
                for tensor in built.manifest.inputs
            }
            built.run(inputs, jobs=1)
        except TinyireeError as error:
            return str(error)
        return Need.of(built.report)


def _random(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str
) -> npt.NDArray[np.generic]:
    """Samples of any value that the type has; floats around 0."""
    size = (SAMPLES, *(shape[1:] if shape and shape[0] == 1 else shape))
    if dtype.startswith("float"):
        return rng.normal(size=size).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, size).astype(np.bool_)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, size, endpoint=True, dtype=np.dtype(dtype).type)
