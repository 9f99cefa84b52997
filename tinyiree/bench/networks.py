"""The networks of the benchmark: their files, their inputs, and where the PyTorch versions are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from tinyiree.data import data_folder, find_model, models_folder
from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object
from tinyiree.samples import samples_folder

if TYPE_CHECKING:
    from torch import nn

Floats = npt.NDArray[np.float32]
Frontend = Literal["tflite", "pytorch"]
FRONTENDS: tuple[str, ...] = get_args(Frontend)

GROUP = "mlperf_tiny"


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        name: as on the command line, and as C identifier.
        title: for people.
        module: "FILE.py:NAME" in the sample folder, a callable that returns the PyTorch module.
        inputs: "FILE.py:NAME", a callable: float32 [N, ...], or a pair of that and labels.
        calibration: "FILE.py:NAME", a callable: float32 [N, ...], for the PyTorch frontend.
        tflite: the int8 model's file name; None when there is none.
        weights: the file that the PyTorch module gets its weights from; None when it needs none.
        data_file: what the inputs are read from; None when they are made up.
    """

    name: str
    title: str
    module: str
    inputs: str
    calibration: str
    tflite: str | None
    weights: str | None
    data_file: str | None

    def missing_files(self, frontend: Frontend) -> tuple[str, ...]:
        """The paths below the data and models folders of needed files that are not there."""
        model = self.tflite if frontend == "tflite" else self.weights
        wanted = [("models", models_folder(), model), ("data", data_folder(), self.data_file)]
        return tuple(
            f"{kind}/{file}"
            for kind, folder, file in wanted
            if file is not None and (folder is None or not (folder / file).is_file())
        )

    def model_path(self) -> Path:
        """The int8 model's file.

        Raises:
            TinyireeError: there is none for this network, or it is not on this machine.
        """
        if self.tflite is None:
            raise TinyireeError(
                f"{self.name} has no .tflite model: expected --frontend pytorch for it; give that "
                "option, or leave the network out"
            )
        return find_model(self.tflite)

    def load_module(self) -> "nn.Module":
        """The PyTorch module, in eval mode.

        Raises:
            TinyireeError: its weights are absent or damaged.
        """
        module: nn.Module = load_object(self.module, _folder())()
        return module

    def load_inputs(self, frontend: Frontend, limit: int | None = None) -> Floats:
        """Input samples in the frontend's layout: images [N, C, H, W], in `.tflite` [N, H, W, C].

        Raises:
            TinyireeError: the data are absent or damaged.
        """
        found = load_object(self.inputs, _folder())()
        floats: Floats = (found[0] if isinstance(found, tuple) else found)[:limit]
        if frontend == "tflite" and floats.ndim == 4:
            return np.ascontiguousarray(floats.transpose(0, 2, 3, 1))
        return floats

    def load_labels(self, limit: int | None = None) -> npt.NDArray[np.int64] | None:
        """The classes of the input samples, int64 [N]; None when the data have none.

        Raises:
            TinyireeError: the data are absent or damaged.
        """
        found = load_object(self.inputs, _folder())()
        return np.asarray(found[1], np.int64)[:limit] if isinstance(found, tuple) else None

    def load_calibration(self) -> Floats:
        """Calibration samples in PyTorch's layout.

        Raises:
            TinyireeError: the data are absent or damaged.
        """
        floats: Floats = load_object(self.calibration, _folder())()
        return floats


NETWORKS = (
    Network(
        name="kws",
        title="DS-CNN",
        module="ds_cnn.py:kws",
        inputs="data.py:kws_test",
        calibration="data.py:kws_calibration",
        tflite="kws_ref_model.tflite",
        weights="kws_ref_model_float32.tflite",
        data_file="kws01_dev500.npz",
    ),
    Network(
        name="resnet8",
        title="ResNet-8",
        module="resnet8.py:resnet8",
        inputs="data.py:image_test",
        calibration="data.py:image_calibration",
        tflite="pretrainedResnet_quant.tflite",
        weights="pretrainedResnet.tflite",
        data_file="cifar10_test_dev250.npz",
    ),
    Network(
        name="ad",
        title="autoencoder",
        module="autoencoder.py:ad",
        inputs="data.py:machine_sounds",
        calibration="data.py:machine_calibration",
        tflite="ad01_int8.tflite",
        weights="ad01_fp32.tflite",
        data_file=None,
    ),
    Network(
        name="vww",
        title="MobileNetV1-0.25",
        module="mobilenet.py:vww",
        inputs="data.py:scenes",
        calibration="data.py:scenes_calibration",
        tflite=None,
        weights=None,
        data_file=None,
    ),
)


def find_networks(names: Sequence[str], frontend: Frontend) -> tuple[Network, ...]:
    """The networks of these names, all of whose files are on this machine.

    Args:
        names: none stands for all that the frontend has a model of.
        frontend: decides which files are needed.

    Raises:
        TinyireeError: an unknown name, a network without a model for the frontend, or missing
            files: all of them are named.
    """
    by_name = {network.name: network for network in NETWORKS}
    if unknown := [name for name in names if name not in by_name]:
        raise TinyireeError(
            f"--model {', '.join(unknown)}: expected some of {', '.join(by_name)}; correct it"
        )
    default = [n.name for n in NETWORKS if frontend == "pytorch" or n.tflite is not None]
    chosen = [by_name[name] for name in dict.fromkeys(names or default)]
    for network in chosen:
        if frontend == "tflite" and network.tflite is None:
            network.model_path()
    missing = {network.name: network.missing_files(frontend) for network in chosen}
    if any(missing.values()):
        listed = "; ".join(
            f"{name} needs {', '.join(files)}" for name, files in missing.items() if files
        )
        folder = data_folder()
        where = "TINYIREE_DATA is not set" if folder is None else f"TINYIREE_DATA={folder}"
        raise TinyireeError(
            f"files of the benchmark are missing: {listed} ({where}, models lie in the folder "
            "beside it); put them there, or leave those networks out with --model"
        )
    return tuple(chosen)


def _folder() -> Path:
    return samples_folder() / GROUP
