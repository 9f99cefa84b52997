"""The list of torch ops that can be imported, for ``tinyiree ops``."""

from dataclasses import dataclass

from tinyiree.importers.converters import FAMILIES


@dataclass(frozen=True)
class SupportedOp:
    """A torch op and the ops of the normal form that it becomes.

    Attributes:
        torch: such as ``aten.conv2d``.
        becomes: such as ``("nn.conv2d",)``; empty for an op that does nothing. The transposes and
            reshapes between channels first and channels last come on top.
        family: a heading.
    """

    torch: str
    becomes: tuple[str, ...]
    family: str


def supported_ops() -> tuple[SupportedOp, ...]:
    """All of them, by family; read from the tables that the importer itself uses."""
    return tuple(
        SupportedOp(name, entry.emits, family)
        for family, entries in FAMILIES.items()
        for name, entry in entries.items()
    )
