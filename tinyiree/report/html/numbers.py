"""Numbers as the page prints them."""

from collections.abc import Iterable


def whole(value: int | None) -> str:
    """All digits in groups of three; a dash for what is not known."""
    return "–" if value is None else f"{value:,}"


def short(value: int | None) -> str:
    """Three digits and a unit: 1.23 M."""
    if value is None:
        return "–"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            digits = value / size
            return f"{digits:.{2 if digits < 9.995 else 1 if digits < 99.95 else 0}f} {unit}"
    return str(value)


def ratio(value: float, of: float) -> str:
    """A quotient with two decimals; empty when there is nothing to divide by."""
    return f"{value / of:,.2f}" if of else ""


def percent(part: float, of: float) -> str:
    """A share in percent for CSS and for people: ``12.3%``."""
    return f"{100 * part / of:.1f}%" if of else "0%"


def greatest(values: Iterable[float | None]) -> float:
    """The greatest of the known values; 0 when there is none."""
    return max((value for value in values if value is not None), default=0)
