"""The editor in the browser: the server, and what it does (`studio`); the page is in `web`."""

LOOPBACK = ("127.0.0.1", "localhost")
"""Names of this machine that nobody else reaches."""
