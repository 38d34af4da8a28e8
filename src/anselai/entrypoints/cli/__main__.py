"""`python -m anselai.entrypoints.cli`, for where the script is not installed."""

from anselai.entrypoints.cli import process

process()
