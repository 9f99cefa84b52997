"""The figures of other stacks: the typed reader of peers.toml."""

import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyiree.errors import TinyireeError

FILE = Path(__file__).with_name("peers.toml")
NETWORKS = ("kws", "resnet8", "ad")

_STACK_KEYS = {"name", "core", "targets", "source"}
_BYTES = ("code_bytes", "model_bytes", "flash_bytes", "arena_bytes", "stack_bytes", "ram_bytes")
_KERNEL_KEYS = {"stack", "core", "targets", "source", "instructions", "per_element"}
_BOARD_KEYS = {"name", "core", "clock_mhz", "source"}


@dataclass(frozen=True)
class Peer:
    """One stack's figures for one network; None is not known.

    Attributes:
        stack: its name.
        network: kws, resnet8 or ad.
        core: what it was measured on.
        targets: the cores of ours that its counts compare with.
        source: the row of the measurement.
        instructions: retired per inference.
        code_bytes: of the flash, without the model.
        model_bytes: of the flash.
        flash_bytes: in all, where the two were not counted apart.
        arena_bytes: tensors and the interpreter's own structures.
        stack_bytes: greatest depth.
        ram_bytes: in all, where arena and stack were not counted apart.
    """

    stack: str
    network: str
    core: str
    targets: tuple[str, ...]
    source: str
    instructions: int
    code_bytes: int | None = None
    model_bytes: int | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    stack_bytes: int | None = None
    ram_bytes: int | None = None

    @property
    def total_flash_bytes(self) -> int | None:
        """Code and model, if both are known."""
        if self.code_bytes is None or self.model_bytes is None:
            return self.flash_bytes
        return self.code_bytes + self.model_bytes


@dataclass(frozen=True)
class Board:
    """Million cycles per inference on a real board, by network."""

    stack: str
    core: str
    clock_mhz: int
    source: str
    mcycles: Mapping[str, float]


@dataclass(frozen=True)
class KernelPeer:
    """A library's kernels alone on single layers; a layer has at most one of the two figures.

    Attributes:
        stack, core, targets, source: as of `Peer`.
        instructions: of a whole layer, by its name.
        per_element: of a layer for each element, by its name.
    """

    stack: str
    core: str
    targets: tuple[str, ...]
    source: str
    instructions: Mapping[str, int]
    per_element: Mapping[str, float]

    def per_unit(self, layer: str, units: int) -> float | None:
        """Instructions for each multiply-accumulate or element; None where nobody published any."""
        if layer in self.instructions:
            return self.instructions[layer] / units
        return self.per_element.get(layer)


@dataclass(frozen=True)
class Peers:
    """Everything in the file."""

    stacks: tuple[Peer, ...]
    boards: tuple[Board, ...]
    kernels: tuple[KernelPeer, ...] = ()

    def kernels_on(self, target: str) -> KernelPeer | None:
        """The kernels that were measured on the instruction set of a core."""
        return next((peer for peer in self.kernels if target in peer.targets), None)

    def of(self, network: str, targets: Sequence[str]) -> tuple[Peer, ...]:
        """The peers for a network that compare with at least one of the targets."""
        return tuple(
            peer
            for peer in self.stacks
            if peer.network == network and not set(targets).isdisjoint(peer.targets)
        )


def read_peers(path: Path = FILE) -> Peers:
    """Read the file.

    Raises:
        TinyireeError: it cannot be read, or a key is unknown, missing or of the wrong kind.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TinyireeError(
            f"{path}: cannot be read: expected TOML, found: {error}; correct the file"
        ) from error
    _known(path, "the file", raw, {"stack", "board", "kernels"})
    stacks = [peer for entry in raw.get("stack", []) for peer in _stack(path, entry)]
    boards = [_board(path, entry) for entry in raw.get("board", [])]
    kernels = [_kernels(path, entry) for entry in raw.get("kernels", [])]
    return Peers(tuple(stacks), tuple(boards), tuple(kernels))


def _stack(path: Path, entry: Mapping[str, Any]) -> list[Peer]:
    where = f"stack {entry.get('name', '')!r}"
    _known(path, where, entry, {*_STACK_KEYS, *NETWORKS}, _STACK_KEYS)
    peers = []
    for network in NETWORKS:
        if network not in entry:
            continue
        figures = entry[network]
        place = f"{where}, {network}"
        _known(path, place, figures, {"instructions", *_BYTES}, {"instructions"})
        for key, value in figures.items():
            _positive(path, f"{place}: {key}", value, int)
        peer = Peer(
            stack=entry["name"],
            network=network,
            core=entry["core"],
            targets=tuple(entry["targets"]),
            source=entry["source"],
            **figures,
        )
        peers.append(peer)
    return peers


def _kernels(path: Path, entry: Mapping[str, Any]) -> KernelPeer:
    where = f"kernels {entry.get('stack', '')!r}"
    _known(path, where, entry, _KERNEL_KEYS, _KERNEL_KEYS)
    for kind, unit in (("instructions", int), ("per_element", float)):
        for layer, value in entry[kind].items():
            _positive(path, f"{where}: {kind}: {layer}", value, unit)
    return KernelPeer(**{**entry, "targets": tuple(entry["targets"])})


def _board(path: Path, entry: Mapping[str, Any]) -> Board:
    where = f"board {entry.get('name', '')!r}"
    figures = {f"{network}_mcycles" for network in NETWORKS}
    _known(path, where, entry, _BOARD_KEYS | figures, _BOARD_KEYS | figures)
    for key in figures:
        _positive(path, f"{where}: {key}", entry[key], float)
    return Board(
        stack=entry["name"],
        core=entry["core"],
        clock_mhz=entry["clock_mhz"],
        source=entry["source"],
        mcycles={network: entry[f"{network}_mcycles"] for network in NETWORKS},
    )


def _known(
    path: Path,
    where: str,
    table: Mapping[str, Any],
    known: Set[str],
    needed: Set[str] = frozenset(),
) -> None:
    if unknown := sorted(table.keys() - known):
        raise TinyireeError(
            f"{path}: {where}: unknown key {', '.join(unknown)}: expected only "
            f"{', '.join(sorted(known))}; remove or rename it"
        )
    if missing := sorted(needed - table.keys()):
        raise TinyireeError(f"{path}: {where}: missing key {', '.join(missing)}; add it")


def _positive(path: Path, where: str, value: Any, kind: type[int] | type[float]) -> None:
    if type(value) is not kind or not value > 0:
        raise TinyireeError(
            f"{path}: {where}: expected a positive {kind.__name__}, found {value!r}; correct it"
        )
