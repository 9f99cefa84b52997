"""``.pt2``: a program saved by torch.export.save."""

import logging
import warnings
from pathlib import Path

import torch

# Registers torch.ops.quantized_decomposed, which programs quantized with PT2E call.
import torch.ao.quantization.fx._decomposed
from torch.export import ExportedProgram

from tinyiree.errors import TinyireeError


def load_program(path: Path) -> ExportedProgram:
    """Read a saved program.

    Raises:
        TinyireeError: the file is not one, or is damaged.
    """
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # the failure is told in the message below
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(path)
    except Exception as error:  # zipfile, json, pickle and torch errors alike
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TinyireeError(
            f"{path}: expected a program saved by torch.export.save, found a file that "
            f"torch.export.load refuses: {lines[0]}; save it again with torch {torch.__version__}"
        ) from error
    finally:
        logger.setLevel(level)
    for name, tensor in program.state_dict.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise TinyireeError(
                f"{path}: '{name}' is {tensor.dtype}, expected torch.float32; convert the model "
                "with .float() and export it again"
            )
    return program
