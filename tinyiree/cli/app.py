"""The ``tinyiree`` command: its subcommands, and how errors end it."""

import os
import sys
import traceback

import typer

from tinyiree.cli.bench import bench
from tinyiree.cli.boards import boards, fit
from tinyiree.cli.build import build
from tinyiree.cli.demo import demo
from tinyiree.cli.device import report, run, verify
from tinyiree.cli.evaluate import evaluate
from tinyiree.cli.lists import ops, passes, targets
from tinyiree.cli.sample import sample
from tinyiree.errors import TinyireeError

app = typer.Typer(
    name="tinyiree",
    help="Trained neural networks to proven bare-metal firmware. `--debug` shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (build, run, verify, evaluate, report, fit, targets, boards, passes, ops, demo):
    app.command()(command)
app.add_typer(bench, name="bench")
app.add_typer(sample, name="sample")


def main() -> None:
    """Entry point: exits with 0 (done), 1 (a comparison failed) or 2 (wrong usage or input)."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app()
    except TinyireeError as error:
        if debug:
            traceback.print_exc()
        print(f"tinyiree: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nothing is left to say, also at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
