"""The editor in the browser: the server, and what it does (`studio`); the page is in `web`."""

import importlib.util

from tfsketch.errors import TfsketchError, install_command

LOOPBACK = ("127.0.0.1", "localhost")
"""Names of this machine that only it can reach."""


def check_extra() -> None:
    """Checks that the server's requirements are installed, without importing them.

    Raises:
      TfsketchError: they are not; the message has the command that installs them.
    """
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise TfsketchError(f"expected the extra `app`, found no {name}; install it: {install_command('app')}")
