"""The command line."""

from tinyiree.cli.app import main

__all__ = ["main"]
