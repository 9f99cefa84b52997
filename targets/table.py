"""TOML tables whose unknown, missing and mistyped keys are refused with file and key."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from tinyiree.errors import TinyireeError

_T = TypeVar("_T")


class Table:
    """One TOML table that is emptied key by key, so that what is left over is unknown."""

    def __init__(self, file: Path, path: str, values: Mapping[str, Any]) -> None:
        self._file, self._path, self._rest = file, path, dict(values)
        self._taken: list[str] = []

    def fail(self, key: str, expected: str, found: str, remedy: str) -> TinyireeError:
        """The error to raise about a key."""
        return TinyireeError(
            f"{self._file}: key '{self._path}{key}': expected {expected}, found {found}; {remedy}"
        )

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        """The value of a key, of this very type; without a default it must be there."""
        self._taken.append(key)
        if key not in self._rest:
            if default is not None:
                return default
            raise self.fail(key, f"a {kind.__name__}", "nothing", "add the key")
        value = self._rest.pop(key)
        # `type is`, not isinstance: a TOML boolean must not pass for an integer.
        if type(value) is not kind:
            raise self.fail(key, f"a {kind.__name__}", repr(value), "correct the value")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string, or None when the key is absent."""
        if key in self._rest:
            return self.take(key, str)
        self._taken.append(key)
        return None

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of some strings."""
        value = self.take(key, str, default)
        if value not in allowed:
            raise self.fail(key, f"one of {', '.join(allowed)}", repr(value), "choose one")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self.take(key, list)
        for value in values:
            if not isinstance(value, str):
                raise self.fail(key, "a list of strings", repr(value), "quote the entry")
        return tuple(values)

    def table(self, key: str) -> "Table":
        """A table inside of this one."""
        return Table(self._file, f"{self._path}{key}.", self.take(key, dict))

    def has(self, key: str) -> bool:
        """True when the key is there and not taken yet."""
        return key in self._rest

    def done(self) -> None:
        """Refuse whatever was not taken."""
        if self._rest:
            key = next(iter(self._rest))
            expected = f"only the keys {', '.join(sorted(self._taken))}"
            raise self.fail(key, expected, "an unknown key", "remove or rename it")

    def tables(self, key: str) -> "tuple[Table, ...]":
        """An array of tables, which may be absent."""
        values = self.take(key, list, [])
        for value in values:
            if not isinstance(value, dict):
                raise self.fail(key, "an array of tables", repr(value), f"write [[{key}]]")
        return tuple(
            Table(self._file, f"{self._path}{key}[{i}].", value) for i, value in enumerate(values)
        )


def read_table(path: Path, what: str) -> Table:
    """The top of a TOML file that describes `what` and is named after it.

    Raises TinyireeError for a file that is unreadable, no TOML, or has another name inside.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TinyireeError(
            f"{path}: expected a readable TOML file that describes a {what}, found: {error}; "
            "correct the file"
        ) from error
    top = Table(path, "", values)
    name = top.take("name", str)
    if name != path.stem:
        raise top.fail("name", f"'{path.stem}', the file's name", repr(name), "rename one of them")
    return top
