"""What every binary does around its one library call: absl's flags, and errors for people instead of tracebacks."""

from __future__ import annotations

import io
import logging
import os
import pathlib
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


def _name() -> str:
    """What a binary is called on the command line."""
    path = pathlib.Path(sys.argv[0])
    return f"python -m tools.{path.stem}" if path.suffix == ".py" else path.name


def _usage(main: Callable[[list[str]], int | None]) -> str:
    """The first example of a binary's documentation, by the name that it was started by."""
    text = sys.modules[main.__module__].__doc__ or ""
    example = next((line.strip() for line in text.splitlines() if line.startswith("    python -m tools.")), _name())
    return " ".join([_name(), *example.split()[3:]])


def _introduce(main: Callable[[list[str]], int | None]) -> None:
    """Makes absl's --help that of the module of `main`: an installed command is started by a stub, which has neither
    flags nor documentation."""
    module, started = sys.modules[main.__module__], sys.modules["__main__"]
    if module is started:
        return
    started.__doc__ = module.__doc__
    for flag in flags.FLAGS.flags_by_module_dict().get(module.__name__, ()):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parsed(argv: Sequence[str]) -> list[str]:
    """absl's flags, with its errors as `app.UsageError`."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        raise app.UsageError(str(error)) from error


def run(main: Callable[[list[str]], int | None], arguments: int = 0) -> None:
    """Runs a binary: a `TfsketchError` becomes one line on stderr and exit status 2, and so does a wrong call, with a
    second that shows a right one. `main` imports what needs TensorFlow, after its checks: an error then takes no time.

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
            print(f"{_name()}: {error}", file=sys.stderr)
            return 2

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may be other bytes than the console's encoding has
            stream.reconfigure(errors="backslashreplace")
    # Before TensorFlow is imported, whose C++ code reads it then; what goes wrong is still said.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on retracing is for programmers
    _introduce(main)
    try:
        app.run(guarded, with_paths(sys.argv), flags_parser=_parsed)
    except app.UsageError as error:
        print(f"{_name()}: {error}\nusage: {_usage(main)}\n(--help: all flags)", file=sys.stderr)
        sys.exit(2)
