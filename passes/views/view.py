"""The algebra behind ``propagate-layout``: a reshape and a permutation of axes as one value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class View:
    """How a tensor lies in the elements of another, its base, in row-major order.

    The base is cut into atoms, factors of its axes; each axis of the view is a product of atoms. So
    ``[1, 24, 3, 3]`` as the transpose of a base ``[1, 3, 3, 24]`` has atoms (3, 3, 24) and axes
    ``((), (2,), (0,), (1,))``; after a flatten the axes are ``((), (2, 0, 1))``.

    Attributes:
        atoms: extents greater than 1, in the order of the base.
        axes: for each axis of the view its atoms, outermost first; empty for an axis of extent 1.
    """

    atoms: tuple[int, ...]
    axes: tuple[tuple[int, ...], ...]

    @staticmethod
    def identity(shape: Sequence[int]) -> "View":
        """The base itself."""
        axes: list[tuple[int, ...]] = []
        atoms: list[int] = []
        for extent in shape:
            axes.append((len(atoms),) if extent > 1 else ())
            atoms += [extent] if extent > 1 else []
        return View(tuple(atoms), tuple(axes))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the view."""
        return tuple(math.prod(self.atoms[atom] for atom in axis) for axis in self.axes)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """All atoms in the order of the view."""
        return tuple(atom for axis in self.axes for atom in axis)

    @property
    def moves_nothing(self) -> bool:
        """True when the elements lie as in the base: at most a reshape."""
        return self.order == tuple(range(len(self.atoms)))

    def transpose(self, permutation: Sequence[int]) -> "View":
        """Axis i of the result is axis ``permutation[i]``."""
        return View(self.atoms, tuple(self.axes[axis] for axis in permutation))

    def reshape(self, shape: Sequence[int]) -> "View | None":
        """The view in row-major order as another shape; None when that is no product of atoms."""
        # A piece is (atom, part) with its extent; parts of an atom are numbered outermost first.
        queue = [((atom, 0), self.atoms[atom]) for atom in reversed(self.order)]
        axes: list[list[tuple[int, int]]] = []
        extents: dict[tuple[int, int], int] = {}
        for extent in shape:
            axis: list[tuple[int, int]] = []
            while extent > 1:
                (atom, part), size = queue.pop()
                if extent % size == 0:
                    taken = size
                elif size % extent == 0:
                    taken = extent
                    queue.append(((atom, part + 1), size // extent))
                else:
                    return None
                extents[atom, part] = taken
                axis.append((atom, part))
                extent //= taken
            axes.append(axis)
        pieces = sorted(extents)
        number = {piece: i for i, piece in enumerate(pieces)}
        return View(
            tuple(extents[piece] for piece in pieces),
            tuple(tuple(number[piece] for piece in axis) for axis in axes),
        )

    def base_axes(self, shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The atoms of each axis of the base, whose shape is given."""
        found, atom = [], 0
        for extent in shape:
            first, size = atom, 1
            while size < extent:
                size *= self.atoms[atom]
                atom += 1
            found.append(tuple(range(first, atom)))
        return tuple(found)

    def base_axis(self, axis: int, shape: Sequence[int]) -> int | None:
        """The axis of the base (of this shape) that an axis of the view is, if it is one.

        An axis of extent 1 is any axis of the base with extent 1.
        """
        base = self.base_axes(shape)
        return base.index(self.axes[axis]) if self.axes[axis] in base else None

    def resized(self, axis: int, base_axis: int, shape: Sequence[int], extent: int) -> "View":
        """The same view of a base in which one axis has another extent.

        Args:
            axis: the axis of the view; all of it is ``base_axis`` of the base.
            base_axis: its axis in the base.
            shape: of the base, before.
            extent: of the axis, after.
        """
        groups = self.base_axes(shape)
        atoms: list[int] = []
        renamed: dict[int, int] = {}
        inserted: tuple[int, ...] = ()
        for index, group in enumerate(groups):
            if index == base_axis:
                inserted = (len(atoms),) if extent > 1 else ()
                atoms += [extent] if extent > 1 else []
                continue
            for atom in group:
                renamed[atom] = len(atoms)
                atoms.append(self.atoms[atom])
        axes = tuple(
            inserted if i == axis else tuple(renamed[atom] for atom in old)
            for i, old in enumerate(self.axes)
        )
        return View(tuple(atoms), axes)

    def undo(self, other: "View", shape: Sequence[int]) -> "View | None":
        """Lay another tensor out as the base of this view.

        Args:
            other: a tensor of this view's shape, or one that broadcasts to it (extent 1).
            shape: of the base.

        Returns:
            The other tensor with the axes of the base; None when there is no such view.
        """
        split: list[int] = []
        single: set[int] = set()
        for axis, extent in zip(self.axes, other.shape, strict=True):
            if extent == 1:
                single.update(axis)
            split += [1 if extent == 1 else self.atoms[atom] for atom in axis]
        groups = self.base_axes(shape)
        # An axis of the base that is broadcast in part is no axis of the other tensor.
        if any(single & set(group) and set(group) - single for group in groups):
            return None
        cut = other.reshape(split)
        if cut is None:
            return None
        sorted_atoms = cut.transpose([self.order.index(atom) for atom in range(len(self.atoms))])
        return sorted_atoms.reshape(
            [math.prod(1 if a in single else self.atoms[a] for a in group) for group in groups]
        )

    def runs(self) -> list[tuple[int, ...]]:
        """The atoms of ``order`` in runs that are neighbours in the base as well."""
        found: list[tuple[int, ...]] = []
        for atom in self.order:
            if found and found[-1][-1] == atom - 1:
                found[-1] = (*found[-1], atom)
            else:
                found.append((atom,))
        return found
