"""The command line: `anselai …`."""

from anselai.entrypoints.cli.main import main

__all__ = ["main"]
