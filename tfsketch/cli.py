"""What every binary does around its one library call: absl's flags, and errors for people instead of tracebacks."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from tfsketch.errors import TfsketchError


def with_paths(argv: Sequence[str]) -> list[str]:
    """A command line in which files whose names begin with a dash are no flags: `-x.jpg`, if there is such a file and
    no such flag, becomes `./-x.jpg`."""

    def is_flag(argument: str) -> bool:
        name = argument.lstrip("-").partition("=")[0].replace("-", "_")
        return name in flags.FLAGS or name.removeprefix("no") in flags.FLAGS

    return [
        os.path.join(".", argument)
        if argument.startswith("-") and not is_flag(argument) and os.path.exists(argument)
        else argument
        for argument in argv
    ]


def run(main: Callable[[list[str]], int | None], arguments: int = 0) -> None:
    """Runs a binary: a `TfsketchError` becomes one line on stderr and exit status 2.

    Args:
      main: gets the name of the binary and the arguments that are no flags.
      arguments: how many of those it takes at most.
    """

    def guarded(argv: list[str]) -> int | None:
        if len(argv) > 1 and not arguments:
            raise app.UsageError(f"expected flags only, found {' '.join(argv[1:])!r}")
        if len(argv) > 1 + arguments:
            raise app.UsageError(f"expected at most {arguments} files beside flags, found {' '.join(argv[1:])!r}")
        try:
            return main(argv)
        except TfsketchError as error:
            print(f"{sys.argv[0]}: {error}", file=sys.stderr)
            return 2

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may be other bytes than the console's encoding has
            stream.reconfigure(errors="backslashreplace")
    app.run(guarded, with_paths(sys.argv))
