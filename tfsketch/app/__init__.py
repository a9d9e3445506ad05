"""The editor in the browser: the server, and what it does (`studio`); the page is in `web`."""
