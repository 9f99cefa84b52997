"""The samples that come with tinyiree, and the typed reader of their manifests.

A sample is a folder with a model, its data and a manifest, `sample.toml`, that says what it needs
and what it must print. A group of samples that share code is a folder of such folders. The reader
refuses unknown keys, so a typing error is never ignored.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import data_folder, models_folder
from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object

if TYPE_CHECKING:
    from torch import nn

MANIFEST = "sample.toml"

_TEXT_KEYS = ("name", "description", "model", "calibration", "test", "expect")
_LIST_KEYS = ("targets", "data_files", "model_files")


@dataclass(frozen=True)
class Sample:
    """One sample, as its manifest describes it.

    Attributes:
        folder: where the manifest lies; every FILE.py below is relative to it.
        name: the folder's name.
        description: one sentence for `tinyiree demo` and the documentation.
        model: "FILE.py:NAME", an nn.Module or a callable that returns one.
        calibration: "FILE.py:NAME", a callable that returns float32 [N, ...].
        test: "FILE.py:NAME", a callable that returns (float32 [N, ...], integer labels [N]).
        targets: the cores the sample is built for and run on.
        data_files: the files it needs from the folder $TINYIREE_DATA.
        model_files: the files it needs from the folder `models` beside it.
        accuracy_floor: the fraction of the test set, 0 to 1, that both the float model and the
            built firmware must classify rightly.
        expect: a regular expression found in the console output of a good run.
    """

    folder: Path
    name: str
    description: str
    model: str
    calibration: str
    test: str
    targets: tuple[str, ...]
    data_files: tuple[str, ...]
    model_files: tuple[str, ...]
    accuracy_floor: float
    expect: str

    def missing_files(self) -> tuple[str, ...]:
        """The names of the needed data and model files that are not on this machine."""
        wanted = [(data_folder(), name) for name in self.data_files]
        wanted += [(models_folder(), name) for name in self.model_files]
        return tuple(
            name for folder, name in wanted if folder is None or not (folder / name).is_file()
        )

    def load_model(self) -> nn.Module:
        """The trained model, in eval mode, with `example_inputs` set.

        Raises:
            TinyireeError: the model, its weights or a file it needs cannot be used.
        """
        from torch import nn

        found = load_object(self.model, self.folder)
        module = found() if not isinstance(found, nn.Module) else found
        if not isinstance(module, nn.Module) or not hasattr(module, "example_inputs"):
            raise TinyireeError(
                f"{self.folder / MANIFEST}: model {self.model}: expected a torch.nn.Module with "
                f"example_inputs, found {type(module).__name__}; return such a module"
            )
        return module.eval()

    def calibration_data(self) -> NDArray[np.float32]:
        """The calibration inputs, float32 [N, ...], in the model's own input layout.

        Raises:
            TinyireeError: the data is absent or not what the contract says.
        """
        return self._inputs(self.calibration, load_object(self.calibration, self.folder)())

    def test_data(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The held-out inputs, float32 [N, ...], and their labels, int64 [N].

        Raises:
            TinyireeError: the data is absent or not what the contract says.
        """
        found = load_object(self.test, self.folder)()
        if not isinstance(found, tuple) or len(found) != 2:
            raise self._wrong(self.test, "a pair (inputs, labels)", type(found).__name__)
        inputs = self._inputs(self.test, found[0])
        labels = np.asarray(found[1])
        if labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
            shape = f"{labels.dtype} {list(labels.shape)}"
            raise self._wrong(self.test, f"integer labels [{len(inputs)}]", shape)
        return inputs, labels.astype(np.int64)

    def _inputs(self, spec: str, found: object) -> NDArray[np.float32]:
        if not isinstance(found, np.ndarray):
            raise self._wrong(spec, "a float32 array [N, ...]", type(found).__name__)
        if found.dtype != np.float32 or found.ndim < 2 or not len(found):
            shape = f"{found.dtype} {list(found.shape)}"
            raise self._wrong(spec, "a float32 array [N, ...] with N > 0", shape)
        return found

    def _wrong(self, spec: str, expected: str, found: str) -> TinyireeError:
        return TinyireeError(
            f"{self.folder / MANIFEST}: {spec}: expected {expected}, found {found}; correct it"
        )


def samples_folder() -> Path:
    """The folder that holds the sample folders, in a checkout and in an installed wheel alike.

    Raises:
        TinyireeError: the installation has no samples.
    """
    package = Path(__file__).resolve().parent
    # A wheel carries the samples inside the package; a checkout has them beside it. The wheel's
    # place comes first: a stranger may have installed a top-level package named `samples`.
    places = (package / "_samples", package.parent / "samples")
    for place in places:
        if any(place.glob(f"*/{MANIFEST}")):
            return place
    raise TinyireeError(
        f"the samples are not installed: expected */{MANIFEST} in {places[0]} or {places[1]}, "
        "found none; install tinyiree again"
    )


def names() -> tuple[str, ...]:
    """The names of the samples that stand alone, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in samples_folder().glob(f"*/{MANIFEST}")))


def grouped_names() -> tuple[str, ...]:
    """The samples that share code in a folder, as GROUP/NAME, in alphabetical order."""
    found = samples_folder().glob(f"*/*/{MANIFEST}")
    return tuple(sorted(f"{path.parent.parent.name}/{path.parent.name}" for path in found))


def find(name: str) -> Sample:
    """The sample called `name`, or GROUP/NAME for one of a group.

    Raises:
        TinyireeError: there is no such sample, or its manifest cannot be used.
    """
    known = names() + grouped_names()
    if name not in known:
        raise TinyireeError(
            f"sample {name!r}: expected one of {', '.join(known)}; give one of these names"
        )
    return load(samples_folder() / name)


def load(path: Path) -> Sample:
    """Read a manifest: `path` is sample.toml or the folder that holds it.

    Raises:
        TinyireeError: the file is absent or not TOML; a key is unknown, missing or has a value of
            the wrong kind.
    """
    file = path / MANIFEST if path.is_dir() else path
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TinyireeError(
            f"{file}: cannot be read as a sample manifest: expected a TOML file, found: {error}; "
            "correct the file or the path"
        ) from error
    known = {*_TEXT_KEYS, *_LIST_KEYS, "accuracy_floor"}
    if unknown := sorted(raw.keys() - known):
        raise TinyireeError(
            f"{file}: unknown key {', '.join(unknown)}: expected only {', '.join(sorted(known))}; "
            "remove or rename it"
        )
    if missing := sorted(known - raw.keys()):
        raise TinyireeError(f"{file}: missing key {', '.join(missing)}; add it")
    return _checked(file, raw)


def _checked(file: Path, raw: dict[str, Any]) -> Sample:
    def wrong(key: str, expected: str) -> TinyireeError:
        return TinyireeError(
            f"{file}: key {key}: expected {expected}, found {raw[key]!r}; correct it"
        )

    for key in _TEXT_KEYS:
        if not isinstance(raw[key], str) or not raw[key]:
            raise wrong(key, "a text that is not empty")
    for key in _LIST_KEYS:
        value = raw[key]
        if not isinstance(value, list) or not all(isinstance(x, str) and x for x in value):
            raise wrong(key, "a list of texts")
    for key in ("model", "calibration", "test"):
        if not re.fullmatch(r"[^:]+\.py:[A-Za-z_]\w*", raw[key]):
            raise wrong(key, '"FILE.py:NAME"')
    if not raw["targets"]:
        raise wrong("targets", "at least one core")
    floor = raw["accuracy_floor"]
    if not isinstance(floor, float) or not 0.0 <= floor <= 1.0:
        raise wrong("accuracy_floor", "a fraction from 0.0 to 1.0")
    folder = file.resolve().parent
    if raw["name"] != folder.name:
        raise wrong("name", f"the folder's name, {folder.name!r}")
    try:
        re.compile(raw["expect"])
    except re.error as error:
        raise wrong("expect", f"a regular expression ({error})") from error
    return Sample(
        folder=folder,
        name=raw["name"],
        description=raw["description"],
        model=raw["model"],
        calibration=raw["calibration"],
        test=raw["test"],
        targets=tuple(raw["targets"]),
        data_files=tuple(raw["data_files"]),
        model_files=tuple(raw["model_files"]),
        accuracy_floor=floor,
        expect=raw["expect"],
    )
