"""The common part of all binaries: absl's flags, and error messages instead of tracebacks."""

from __future__ import annotations

import errno
import io
import logging
import os
import pathlib
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from absl import app, flags
from absl import logging as absl_logging

from tfsketch.config.screen import hush
from tfsketch.errors import TfsketchError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of the system for a full disk, a quota, and a place that cannot be written to."""
_TOOL = re.compile(
    r"(?:python -m )?(?<![\w./-])tools\.(app|benchmark|conditions|convert_sc_fegan|data_worker|edit|evaluate|export|"
    r"prepare_data|prune|slim|train)(?![\w.])"
)
"""A binary as it is called in a clone. By their names alone: a message may name a file `tools.txt`."""


def with_paths(argv: Sequence[str]) -> list[str]:
    """A command line in which file names that begin with a dash are not taken for flags: `-x.jpg`, if there is such a
    file and no such flag, becomes `./-x.jpg`."""

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
    """A binary's name on the command line."""
    path = pathlib.Path(sys.argv[0])
    return f"python -m tools.{path.stem}" if path.suffix == ".py" else path.name


def _as_started(text: str) -> str:
    """A text in which binaries are called as this one was: `tfsketch-edit`, or by their modules in a clone."""
    if pathlib.Path(sys.argv[0]).suffix == ".py":
        return text
    return _TOOL.sub(lambda match: f"tfsketch-{match[1].replace('_', '-')}", text)


def _documentation(main: Callable[[list[str]], int | None]) -> str:
    """A binary's documentation, its examples in the form in which it was started."""
    return _as_started(sys.modules[main.__module__].__doc__ or "")


def _misuse(main: Callable[[list[str]], int | None], error: app.UsageError) -> int:
    """Reports a wrong call, with the first example of the documentation; returns the exit status."""
    example = next((line for line in _documentation(main).splitlines() if line.startswith("    ")), _name())
    print(f"{_name()}: {error}\nusage: {example.strip()}\n(--help: all flags)", file=sys.stderr)
    return 2


def _introduce(main: Callable[[list[str]], int | None]) -> None:
    """Makes absl's --help that of the module of `main`: an installed command is started by a stub, which has neither
    flags nor documentation."""
    module = sys.modules[main.__module__]
    sys.modules["__main__"].__doc__ = _documentation(main)
    for flag in flags.FLAGS.flags_by_module_dict().get(module.__name__, ()):
        flag.help = _as_started(flag.help)
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parse(argv: Sequence[str]) -> list[str]:
    """absl's flags, with its errors as `app.UsageError`, without the names of Python's functions. A request for
    help is not a mistake: its exit status is 0, where absl's is 1."""
    try:
        return flags.FLAGS(argv)
    except SystemExit:  # raised by --help and its like alone
        sys.exit(0)
    except flags.Error as error:
        message = str(error).replace("invalid literal for int() with base 10:", "expected a whole number, found")
        message = message.replace("could not convert string to float:", "expected a number, found")
        message = re.sub(
            r"flag --(\w+)=None: Flag --\1 must have a value.*", r"--\1: expected a value, found none", message
        )
        raise app.UsageError(message) from error


def _terminate(number: int, frame: FrameType | None) -> None:
    """Makes SIGTERM equivalent to Ctrl-C, so that our processes end and unfinished files are removed."""
    raise KeyboardInterrupt(number)


def _interrupt_status(interrupt: KeyboardInterrupt, again: str) -> int:
    """Reports what stopped a binary; returns the exit status for SIGTERM, and raises again for Ctrl-C."""
    number = interrupt.args[0] if interrupt.args else signal.SIGINT
    print(f"{_name()}: stopped by {signal.Signals(number).name}{again and '; '}{again}", file=sys.stderr)
    if number != signal.SIGINT:
        return 128 + number
    # Python then ends by the signal itself; otherwise a loop of the shell would continue with the next command.
    sys.excepthook = lambda *_: None
    raise interrupt


def run(main: Callable[[list[str]], int | None], arguments: int = 0, again: str = "") -> None:
    """Runs a binary: a `TfsketchError` becomes one line on stderr and exit status 2, and so does a wrong call, with a
    second line that shows a right one. Ctrl-C and SIGTERM are reported in a line too. `main` imports TensorFlow after
    its checks, so that errors come at once.

    Args:
      main: gets the name of the binary and the arguments that are not flags.
      arguments: the most of those that it takes.
      again: words on what the same command does after it was stopped.
    """

    def guard(argv: list[str]) -> int | None:
        if not flags.FLAGS["verbosity"].present:
            absl_logging.set_verbosity(absl_logging.ERROR)
        signal.signal(signal.SIGTERM, _terminate)
        try:
            if len(argv) > 1 and not arguments:
                raise app.UsageError(f"expected flags only, found {' '.join(argv[1:])!r}")
            if len(argv) > 1 + arguments:
                raise app.UsageError(f"expected at most {arguments} files beside flags, found {' '.join(argv[1:])!r}")
            return main(argv)
        except KeyboardInterrupt as interrupt:
            return _interrupt_status(interrupt, again)
        except app.UsageError as error:
            return _misuse(main, error)
        except TfsketchError as error:
            print(f"{_name()}: {_as_started(str(error))}", file=sys.stderr)
            return 2
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            reason = f"expected room and permission to write, found: {error.strerror}"
            print(f"{_name()}: {error.filename or 'a file'}: {reason}", file=sys.stderr)
            return 2

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may not fit the console's encoding
            stream.reconfigure(errors="backslashreplace")
    # Before TensorFlow is imported, whose C++ code reads it then; errors are still shown.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on retracing is for programmers
    _introduce(main)
    hush()
    try:
        app.run(guard, with_paths(sys.argv), flags_parser=_parse)
    except app.UsageError as error:
        sys.exit(_misuse(main, error))
