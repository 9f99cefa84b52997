"""What the commands print, and where: results on stdout, progress on stderr."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

# A pipe or a file has no width of its own: wide enough for the tables.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)
_PLAIN_STEPS = 4


class ShownProgress:
    """Shows what is going on: a live line on a terminal, a few plain lines elsewhere.

    Call it as a `tinyiree.passes.base.Progress`; use it as a context manager.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._live = sys.stderr.isatty()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None) if self._live else None
        self._shown = ("", -1)

    def __enter__(self) -> "ShownProgress":
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""
        text = f"{self._prefix}{what}"
        if self._task is not None:
            self._bar.update(self._task, description=text, completed=done, total=total or None)
            return
        quarter = done * _PLAIN_STEPS // total if total else 0
        if (text, quarter) != self._shown:
            self._shown = (text, quarter)
            print(f"{text} {done}/{total}" if total else text, file=sys.stderr, flush=True)
