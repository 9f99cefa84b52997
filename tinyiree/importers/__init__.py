"""Importers: PyTorch modules, exported programs and MLIR files to the normal form."""

from tinyiree.importers.importer import import_model
from tinyiree.importers.supported import SupportedOp, supported_ops

__all__ = ["SupportedOp", "import_model", "supported_ops"]
