"""The folder that a build writes: its manifest, and how it is opened again."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyiree.emit.program import IoTensor, StateTensor
from tinyiree.errors import TinyireeError

MANIFEST = "manifest.json"
REPORT = "report.json"
SELFTEST = "selftest.elf"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What the tools need to know of a build.

    Attributes:
        version: of tinyiree that built it.
        name: of the model, a C identifier.
        target: name of the core.
        inputs, outputs: the model's edge.
        step_functions: for each dispatch of the schedule, the function that it calls.
        layers: for each dispatch, the layer that it computes.
        runtime_symbol: function whose call is one inference.
        calls: for each call of a layer's function in one inference, in order, the layer's index;
            empty: the calls of each layer follow each other.
        states: variables, which keep their values from one inference to the next.
    """

    version: str
    name: str
    target: str
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
    step_functions: tuple[str, ...]
    layers: tuple[str, ...]
    runtime_symbol: str = "tinyiree_invoke"
    states: tuple[StateTensor, ...] = ()
    calls: tuple[int, ...] = ()


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a finished folder, with the digest of every file in it."""
    files = {
        str(path.relative_to(folder)): _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (MANIFEST, REPORT)
    }
    content = {"format": FORMAT, **asdict(manifest), "files": files}
    content["states"] = [{**asdict(s), "initial": s.initial.hex()} for s in manifest.states]
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n")


def read(folder: Path, version: str) -> Manifest:
    """Open a folder that a build wrote.

    Raises:
        TinyireeError: it is none, is incomplete or changed, or another version wrote it.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise TinyireeError(f"{folder}: no such folder; expected one that `tinyiree build` wrote")
    if not path.is_file():
        raise TinyireeError(
            f"{folder} has no {MANIFEST}: it is not the result of a finished `tinyiree build`; "
            "build again"
        )
    try:
        content = json.loads(path.read_text())
        found = content.pop("format"), content["version"]
        files: dict[str, str] = content.pop("files")
        if found == (FORMAT, version):
            manifest = _manifest(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TinyireeError(f"{path} is damaged ({error}); build again") from error
    if found != (FORMAT, version):
        raise TinyireeError(
            f"{folder} was built by tinyiree {found[1]} (format {found[0]}), this is {version} "
            f"(format {FORMAT}); build again"
        )
    for name, digest in files.items():
        if not (folder / name).is_file():
            raise TinyireeError(f"{folder} is incomplete: {name} is missing; build again")
        if _digest(folder / name) != digest:
            raise TinyireeError(f"{folder / name} is not what the build wrote; build again")
    return manifest


def _manifest(content: dict[str, object]) -> Manifest:
    return Manifest(
        version=str(content["version"]),
        name=str(content["name"]),
        target=str(content["target"]),
        inputs=_tensors(content["inputs"]),
        outputs=_tensors(content["outputs"]),
        step_functions=tuple(content["step_functions"]),  # type: ignore[arg-type]
        layers=tuple(content["layers"]),  # type: ignore[arg-type]
        runtime_symbol=str(content["runtime_symbol"]),
        calls=tuple(content["calls"]),  # type: ignore[arg-type]
        states=tuple(
            StateTensor(
                **{
                    **entry,
                    "shape": tuple(entry["shape"]),
                    "initial": bytes.fromhex(entry["initial"]),
                }
            )
            for entry in content["states"]  # type: ignore[attr-defined]
        ),
    )


def _tensors(entries: object) -> tuple[IoTensor, ...]:
    return tuple(
        IoTensor(**{**entry, "shape": tuple(entry["shape"])})
        for entry in entries  # type: ignore[attr-defined]
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
