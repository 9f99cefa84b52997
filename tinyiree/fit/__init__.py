"""Whether a model fits a board, and how fast it would run there."""

from tinyiree.fit.boards import fit_boards
from tinyiree.fit.verdict import Need, Resource, Verdict, judge, refuse

__all__ = ["Need", "Resource", "Verdict", "fit_boards", "judge", "refuse"]
