"""Lowering of the normal form to linalg in dispatch regions, which IREE compiles one by one.

Each op family has a file with its emitters; ``table`` says which emitter an operator has.
"""

from tinyiree.passes.lower.module import (
    DISPATCH_ATTRIBUTE,
    OUTSIDE,
    REGION_LOCATION,
    DispatchGroup,
    Lowered,
    lower,
)

__all__ = ["DISPATCH_ATTRIBUTE", "OUTSIDE", "REGION_LOCATION", "DispatchGroup", "Lowered", "lower"]
