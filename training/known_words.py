"""Writes down the words of the training captions, which is all that the built-in model knows.

python -m training.known_words --tiny-imagenet DIRECTORY --out cliptta_demo/weights/tiny
"""

import argparse
import json
from pathlib import Path

from cliptta_demo.backend.data.pictures import picture_world
from training.captions import build_caption_table
from training.photos import CIFAR10_CLASSES
from training.tiny_imagenet import VALIDATION, read_kinds


def words_of_training(imagenet: Path | None) -> dict[str, list[str]]:
    """ "photographs" and "drawings" → the words that were true of some; ``imagenet``: where its parquet files are."""
    world = picture_world()
    table = build_caption_table(world, read_kinds(imagenet / VALIDATION) if imagenet else ())
    first, behind = len(CIFAR10_CLASSES), len(CIFAR10_CLASSES) + len(world.sprites)
    true = table.truth > 0
    found = {"photographs": true[:first].any(0) | true[behind:].any(0), "drawings": true[first:behind].any(0)}
    return {name: [table.captions[place] for place in known.nonzero()[:, 0]] for name, known in found.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny-imagenet", type=Path, help="where its parquet files are; none: trained without")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    text = json.dumps(words_of_training(arguments.tiny_imagenet), ensure_ascii=False)
    (arguments.out / "words.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
