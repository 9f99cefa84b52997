"""Find data files and pretrained models on this machine, and read and write small weight files.

Data sets are never part of the project. They are looked up in the folder that the environment
variable TINYIREE_DATA names; pretrained models lie in the folder `models` beside it.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyiree.errors import TinyireeError

if TYPE_CHECKING:
    import torch
    from torch import nn

VARIABLE = "TINYIREE_DATA"

# TypeError and AttributeError come from a .npy file, which loads as a bare array.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


def data_folder() -> Path | None:
    """The folder that $TINYIREE_DATA names, or None when the variable is unset or empty."""
    value = os.environ.get(VARIABLE, "")
    return Path(value).expanduser() if value else None


def models_folder() -> Path | None:
    """The folder `models` beside the data folder, or None when $TINYIREE_DATA is unset."""
    folder = data_folder()
    # absolute(), because the parent of a bare relative name such as "data" would be lost; a
    # symbolic link is kept as it is, as `models` is beside the name the user gave.
    return None if folder is None else folder.absolute().parent / "models"


def find_data(name: str) -> Path:
    """The path of data file `name`, such as "mnist.npz".

    Raises:
        TinyireeError: $TINYIREE_DATA is unset, or the file is not there.
    """
    return _find("data file", name, data_folder())


def find_model(name: str) -> Path:
    """The path of pretrained model `name`, such as "resnet20-12fca82f.th".

    Raises:
        TinyireeError: $TINYIREE_DATA is unset, or the file is not there.
    """
    return _find("pretrained model", name, models_folder())


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a .npz file by name, each in its own dtype and shape; nothing is unpickled.

    Raises:
        TinyireeError: the file is absent, is no .npz or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except _UNREADABLE as error:
        raise TinyireeError(
            f"{path}: expected a .npz file of arrays, found: {error}; restore the file"
        ) from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a .npz of float32 arrays, one per parameter and buffer, into `module`.

    The names are those of `module.state_dict()`; BatchNorm's batch counters are not stored.

    Raises:
        TinyireeError: the file cannot be read, or its names or shapes are not the module's.
    """
    import torch

    expected = _stored_state(module)
    found = load_arrays(path)
    if wrong := sorted(expected.keys() ^ found.keys()):
        raise TinyireeError(
            f"{path}: the weights do not fit {type(module).__name__}: expected the arrays of its "
            f"state_dict, found a difference in {', '.join(wrong)}; train it again"
        )
    for key, tensor in expected.items():
        if found[key].shape != tuple(tensor.shape):
            raise TinyireeError(
                f"{path}: array {key} does not fit {type(module).__name__}: expected shape "
                f"{list(tensor.shape)}, found {list(found[key].shape)}; train it again"
            )
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(found[key].astype(np.float32)))


def save_weights(module: nn.Module, path: Path) -> None:
    """Write what `load_weights` reads. The same weights give the same bytes."""
    arrays = {key: tensor.numpy() for key, tensor in _stored_state(module).items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _stored_state(module: nn.Module) -> dict[str, torch.Tensor]:
    state = module.state_dict()
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _find(what: str, name: str, folder: Path | None) -> Path:
    if folder is None:
        raise TinyireeError(
            f"{what} {name} is needed, and the environment variable {VARIABLE} is not set; "
            f"set {VARIABLE} to the folder that holds the data files"
        )
    path = folder / name
    if not path.is_file():
        raise TinyireeError(
            f"{what} {name} is needed, and {path} is not there; put the file there, or set "
            f"{VARIABLE} to the folder that holds the data files"
        )
    return path
