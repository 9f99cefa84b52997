"""Cycle estimates: the basic blocks that ran, priced by a core's published instruction timings."""

from tinyiree.cycles.estimate import Estimate, estimate

__all__ = ["Estimate", "estimate"]
