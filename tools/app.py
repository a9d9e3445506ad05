"""Opens the editor in the browser.

    python -m tools.app
    python -m tools.app --model=sc_fegan --model=runs/mine --port=8000 --nobrowser

It needs the extra `app`. The server listens on this machine alone, writes nothing to the disk, and works offline.
`--host=0.0.0.0` lets others in: there are no passwords, so only do so where you trust everyone.
"""

import sys
import webbrowser

from absl import flags

from tfsketch.app import LOOPBACK, check_extra
from tfsketch.config import cli
from tfsketch.config.shipped import MODELS, PRECISIONS, check_model

_HOST = flags.DEFINE_string("host", LOOPBACK[0], "Address to listen on.")
_PORT = flags.DEFINE_integer("port", 7860, "Port; 0 is any free one.", lower_bound=0, upper_bound=65535)
_MODEL = flags.DEFINE_multi_string("model", list(MODELS), "What to offer; see tools.edit --model")
_PRECISION = flags.DEFINE_enum(
    "precision", PRECISIONS[0], PRECISIONS, "What models that edit compute in; see tools.edit --precision."
)
_BROWSER = flags.DEFINE_bool("browser", True, "Open the page in a browser.")


def _ready(address: str) -> None:
    print(f"The editor is at {address} (Ctrl+C ends it)", flush=True)
    if _BROWSER.value:
        webbrowser.open(address)


def _main(argv: list[str]) -> None:
    del argv
    for name in _MODEL.value:
        check_model(name)
    check_extra()
    print(f"Loading {', '.join(_MODEL.value)} ...", file=sys.stderr)  # stdout's first line is the address
    from tfsketch.app import server

    if _HOST.value not in LOOPBACK:
        print(f"Anyone who reaches {_HOST.value} can use the editor: it has no passwords.", file=sys.stderr)
    server.serve(_HOST.value, _PORT.value, _MODEL.value, _ready, _PRECISION.value)


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()
