"""Tensors as views of others: what ``propagate-layout`` thinks in."""
