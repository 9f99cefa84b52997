"""The typed reader of `app.toml`; `samples/README.md` describes the file.

Unknown keys are refused, so a typing error is never ignored.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tinyiree.data import data_folder, models_folder
from tinyiree.errors import TinyireeError
from tinyiree.samples import samples_folder
from tinyiree.targets.table import Table
from tinyiree.time_series import locate_series

MANIFEST = "app.toml"
DEFAULT_STACK_BYTES = 4096

_CALLABLE = r"[^:]+\.py:[A-Za-z_]\w*"
_MODEL_FILE = r"model:[^:]+\.(tflite|onnx|pt2|mlir)"


@dataclass(frozen=True)
class AppModel:
    """One network of an app.

    Attributes:
        name: C identifier, as in NAME.h.
        model: "FILE.py:NAME", or "model:FILE" for a file in the folder `models`.
        calibration: "FILE.py:NAME", a callable that returns float32 [N, ...]; or None.
        quantize: "FILE.py:NAME", a callable that returns an `Int8`; or None.
        pipeline: "FILE.py:NAME", a callable from `Pipeline` to `Pipeline`; or None.
    """

    name: str
    model: str
    calibration: str | None
    quantize: str | None
    pipeline: str | None


@dataclass(frozen=True)
class App:
    """One sample app, as its manifest describes it.

    Attributes:
        folder: where the manifest and main.c lie; every FILE.py is relative to it.
        name: the folder's name.
        description: one sentence.
        targets: the cores that it is run on.
        boards: the boards that it is run on, within their memories.
        data_files: the files that it needs from the folder $TINYIREE_DATA.
        model_files: the files that it needs from the folder `models` beside it.
        input: "FILE.py:NAME", a callable that returns what `app_read` reads; or None.
        header: "FILE.py:NAME", a callable that returns the text of app_data.h; or None.
        stack_bytes: what the linker reserves for the stack.
        expect: regular expressions found in the console output of a good run, in this order.
        models: the networks.
    """

    folder: Path
    name: str
    description: str
    targets: tuple[str, ...]
    boards: tuple[str, ...]
    data_files: tuple[str, ...]
    model_files: tuple[str, ...]
    input: str | None
    header: str | None
    stack_bytes: int
    expect: tuple[str, ...]
    models: tuple[AppModel, ...]

    def missing_files(self) -> tuple[str, ...]:
        """The names of the needed data and model files that are not on this machine."""
        wanted = [(data_folder(), name) for name in self.data_files]
        wanted += [(models_folder(), name) for name in self.model_files]
        return tuple(
            name
            for folder, name in wanted
            if (folder is None or not (folder / name).is_file()) and locate_series(name) is None
        )

    def unmet(self, console: str) -> str | None:
        """The first expression of `expect` that the console does not match, or None.

        `^` and `$` match at every line; each search begins after the match before.
        """
        position = 0
        for pattern in self.expect:
            found = re.compile(pattern, re.MULTILINE).search(console, position)
            if found is None:
                return pattern
            position = found.end()
        return None


def names() -> tuple[str, ...]:
    """The apps that come with tinyiree, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in samples_folder().glob(f"*/{MANIFEST}")))


def find(name: str) -> App:
    """The app called `name`, or the one in the folder `name`.

    Raises:
        TinyireeError: there is no such app, or its manifest cannot be used.
    """
    if name in names():
        return load(samples_folder() / name)
    if (Path(name) / MANIFEST).is_file():
        return load(Path(name))
    raise TinyireeError(
        f"app {name!r}: expected one of {', '.join(names())}, or a folder with an {MANIFEST}; "
        "give one of these"
    )


def load(folder: Path) -> App:
    """Read the manifest of a folder.

    Raises:
        TinyireeError: the file is absent or not TOML; a key is unknown, missing or has a value of
            the wrong kind; or the folder has no main.c.
    """
    file = folder / MANIFEST
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TinyireeError(
            f"{file}: cannot be read as the manifest of an app: expected a TOML file, found: "
            f"{error}; correct the file or the path"
        ) from error
    top = Table(file, "", values)
    models = _models(file, top)
    app = App(
        folder=folder.resolve(),
        name=top.take("name", str),
        description=top.take("description", str),
        targets=_texts(top, "targets"),
        boards=_texts(top, "boards"),
        data_files=_texts(top, "data_files"),
        model_files=_texts(top, "model_files"),
        input=_callable(top, "input"),
        header=_callable(top, "header"),
        stack_bytes=top.take("stack_bytes", int, DEFAULT_STACK_BYTES),
        expect=top.texts("expect"),
        models=models,
    )
    top.done()
    _check(app, top)
    return app


def _check(app: App, top: Table) -> None:
    if app.name != app.folder.name:
        raise top.fail("name", f"the folder's name, '{app.folder.name}'", repr(app.name), "correct")
    if not app.targets and not app.boards:
        raise top.fail("targets", "at least one core, or a board in 'boards'", "none", "add one")
    if not 256 <= app.stack_bytes <= 1 << 20:
        raise top.fail("stack_bytes", "256 to 1048576", str(app.stack_bytes), "correct the number")
    if not app.expect:
        raise top.fail("expect", "at least one regular expression", "none", "add one")
    for pattern in app.expect:
        try:
            re.compile(pattern)
        except re.error as error:
            raise top.fail(
                "expect", "regular expressions", f"{pattern!r} ({error})", "correct it"
            ) from error
    if not (app.folder / "main.c").is_file():
        raise TinyireeError(
            f"{app.folder}: expected a main.c beside {MANIFEST}, found none; write it"
        )


def _models(file: Path, top: Table) -> tuple[AppModel, ...]:
    found = []
    for name, values in top.take("models", dict).items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not isinstance(values, dict):
            raise top.fail(
                f"models.{name}",
                "a table whose name is a C identifier in lower case",
                repr(values),
                "rename it",
            )
        table = Table(file, f"models.{name}.", values)
        model = AppModel(
            name=name,
            model=table.take("model", str),
            calibration=_callable(table, "calibration"),
            quantize=_callable(table, "quantize"),
            pipeline=_callable(table, "pipeline"),
        )
        if not re.fullmatch(f"{_CALLABLE}|{_MODEL_FILE}", model.model):
            raise table.fail(
                "model", '"FILE.py:NAME" or "model:FILE.tflite"', repr(model.model), "correct it"
            )
        if model.calibration and model.quantize:
            raise table.fail("quantize", "none beside 'calibration'", "both", "remove one")
        table.done()
        found.append(model)
    if not found:
        raise top.fail("models", "at least one table [models.NAME]", "none", "add it")
    return tuple(found)


def _texts(table: Table, key: str) -> tuple[str, ...]:
    return tuple(table.texts(key)) if table.has(key) else tuple(table.take(key, list, []))


def _callable(table: Table, key: str) -> str | None:
    value = table.optional_text(key)
    if value is not None and not re.fullmatch(_CALLABLE, value):
        raise table.fail(key, '"FILE.py:NAME"', repr(value), "correct it")
    return value
