"""Photographs in folders -> TFRecord shards with sketches and colour maps, and a contact sheet.

    python -m tools.prepare_data --input=photos --output=data/photos --config=configs/sc_fegan_faces_128.yaml

Run again on the same --output after a kill, it goes on. Bad pictures are named in OUTPUT/refused.txt and skipped; the
exit status is then 1.
"""

from absl import flags

from tfsketch import cli, config, data, prepare

_INPUT = flags.DEFINE_list("input", None, "Folders of photographs, separated by commas.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the shards.", required=True)
_CONFIG = flags.DEFINE_string("config", None, "Experiment whose image_size, sketch and color are used.", required=True)
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration; may be repeated.")
_ONLY = flags.DEFINE_string("only", "", "File listing the only pictures to take, one folder/name a line.")
_EXCLUDE = flags.DEFINE_string("exclude", "", "File listing pictures to leave out, such as a hold-out.")


def _main(argv: list[str]) -> int:
    del argv
    settings = config.load(_CONFIG.value, _SET.value)
    report = prepare.prepare(_INPUT.value, _OUTPUT.value, settings, _ONLY.value, _EXCLUDE.value)
    sheet = data.sheet_of_shards(_OUTPUT.value, settings)
    print(f"{report.written} pictures in {_OUTPUT.value}, {len(report.refused)} refused, contact sheet {sheet}")
    for line in report.refused:
        print(f"refused: {line}")
    return 1 if report.refused else 0


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()
