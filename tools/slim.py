"""The former name of `tools.prune`, kept for scripts that call it.

python -m tools.prune --config=configs/sc_fegan_mobile_256.yaml --data=data/faces256 --output=runs/mobile_start
"""

import sys

if __package__ == "tfsketch.tools":  # installed
    from tfsketch.tools import prune  # type: ignore[import-not-found]
else:
    from tools import prune


def main() -> None:
    print("tools.slim is now tools.prune (tfsketch-slim: tfsketch-prune)", file=sys.stderr)
    prune.main()


if __name__ == "__main__":
    main()
