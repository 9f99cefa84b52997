"""Measured choices of kernels: the table that comes with the package, and those of a user."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tinyiree.errors import TinyireeError

FILE = Path(__file__).with_name("tuned.toml")
IREE = "iree"
"""The compiler's own code, beside the names of kernels."""


@dataclass(frozen=True)
class Choice:
    """What was measured best for a layer.

    Attributes:
        kernel: name of a kernel, or ``iree``.
        instructions: that it needs.
        default: what would be taken without the measurement.
        default_instructions: that this needs.
        source: where the measurement is from.
    """

    kernel: str
    instructions: int
    default: str
    default_instructions: int
    source: str

    @property
    def why(self) -> str:
        """For the report."""
        if self.kernel == self.default:
            return f"{self.source}: {self.instructions:,} instructions, none needs less"
        return (
            f"{self.source}: {self.instructions:,} instructions, {self.default} needs "
            f"{self.default_instructions:,}"
        )


@dataclass(frozen=True)
class Tuned:
    """Choices by core and by signature of the layer."""

    choices: Mapping[str, Mapping[str, Choice]] = field(default_factory=dict)

    def find(self, core: str, signature: str) -> Choice | None:
        """The choice for a layer; None when it was not measured."""
        return self.choices.get(core, {}).get(signature)

    def joined(self, other: "Tuned") -> "Tuned":
        """Both; what `other` says goes first."""
        cores = [*self.choices, *other.choices]
        return Tuned(
            {
                core: {**self.choices.get(core, {}), **other.choices.get(core, {})}
                for core in dict.fromkeys(cores)
            }
        )


@lru_cache(maxsize=1)
def shipped() -> Tuned:
    """The table that comes with the package, made by ``tinyiree tune --ship``."""
    return read(FILE, "measured table")


def read(path: Path, source: str) -> Tuned:
    """Read a table; an absent file is an empty one.

    Raises:
        TinyireeError: the file is none.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return Tuned(
            {
                core: {layer: Choice(source=source, **entry) for layer, entry in entries.items()}
                for core, entries in raw.items()
            }
        )
    except FileNotFoundError:
        return Tuned()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TinyireeError(
            f"{path}: expected a table of measured kernels, found: {error}; remove the file"
        ) from error


def write(path: Path, tuned: Tuned, comment: Iterable[str] = ()) -> None:
    """Write a table, sorted, so that the same choices give the same bytes."""
    lines = [f"# {line}" for line in comment]
    for core, entries in sorted(tuned.choices.items()):
        lines += ["", f"[{core}]"]
        for layer, choice in sorted(entries.items()):
            lines.append(
                f'"{layer}" = {{ kernel = "{choice.kernel}", instructions = '
                f'{choice.instructions}, default = "{choice.default}", default_instructions = '
                f"{choice.default_instructions} }}"
            )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
