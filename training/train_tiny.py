"""Trains the built-in tiny CLIP from scratch on a CPU, and resumes where it was stopped.

    python -m training.train_tiny --cifar DIRECTORY --packages node_modules

DIRECTORY holds ``cifar10-train.parquet`` and ``cifar10-test.parquet`` in the Hugging Face layout; ``node_modules``
holds the art that ``extra_styles`` names. The loss is CLIP's own symmetric contrastive loss; a caption that is also
true of another image of the batch counts as a positive there. Each step draws from a generator seeded by (seed, step):
a resumed run sees the same images as an unbroken one.
"""

import argparse
import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cliptta_demo.backend.data.pictures import picture_world
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from training.extra_styles import add_training_styles
from training.trainer import Trainer
from training.training_settings import (
    LAST_ROUNDS,
    LATER_ROUNDS,
    PHOTO_ROUNDS,
    ROUNDS,
    WIDE_ROUNDS,
    TrainingSettings,
)


def train(
    settings: TrainingSettings,
    cifar: Path,
    packages: Path | None,
    out: Path,
    work: Path,
    every: int = 500,
    imagenet: Path | None = None,
    start_from: Path | None = None,
    minutes: float = math.inf,
    learn_from: Path | None = None,
) -> None:
    """Trains to the end, writing a checkpoint and a line of the learning curve every ``every`` steps.

    Args:
        settings: see there; a checkpoint of other settings is refused with a ``ValueError``.
        cifar: directory of the two parquet files.
        packages: ``node_modules`` with the art for training alone; None: the shipped styles and their inked forms.
        out: where the weights go.
        work: where checkpoint, learning curve and drawn art are kept.
        every: steps between two checkpoints.
        imagenet: directory of Tiny ImageNet's two parquet files, where a round takes photographs of them.
        start_from: weights that an earlier run has written, instead of a main part.
        minutes: the run takes no longer; where the machine is too slow for that, steps are left out evenly.
        learn_from: folder of an earlier model, whose probabilities for CIFAR-10 and pictures are learnt too.
    """
    work.mkdir(parents=True, exist_ok=True)
    world, has_style = add_training_styles(picture_world(), packages, work / "extra_styles.pt")
    trainer = Trainer(settings, cifar, world, has_style, imagenet, work, learn_from)
    checkpoint = work / "checkpoint.pt"
    start, seconds, taken = 0, 0.0, 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        if not _same_until(saved["step"], settings, saved["settings"]):
            raise ValueError(f"{checkpoint} belongs to other settings: {saved['settings']}. Choose another --work.")
        trainer.load(saved)
        start, seconds, taken = saved["step"], saved["seconds"], saved["taken"]
    elif start_from:
        trainer.start_from(start_from)
    losses: list[float] = []
    began = time.monotonic()
    step, written = start, start // every
    while step < settings.all_steps:
        losses.append(trainer.step(step))
        taken += 1
        trainer.finish(step)
        done = step + 1
        elapsed = seconds + time.monotonic() - began
        step = following(done, elapsed / (60 * minutes), settings)
        if done // every > written or done in settings.ends:
            written = done // every
            line = {"step": done, "images": taken * settings.batch_size, "seconds": round(elapsed)}
            line |= {"loss": round(sum(losses) / len(losses), 4)}
            line |= {key: round(value, 4) for key, value in trainer.evaluation(trainer.model).items()}
            losses.clear()
            print(json.dumps(line), flush=True)
            with (work / "curve.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            partial = checkpoint.with_suffix(".partial")
            progress = {"step": done, "seconds": elapsed, "taken": taken, "settings": asdict(settings)}
            torch.save({**trainer.state(), **progress}, partial)
            partial.replace(checkpoint)  # a kill leaves the old checkpoint or the new one, never half of one
            trainer.export(out)


def following(done: int, elapsed: float, settings: TrainingSettings) -> int:
    """The next step, when ``done`` are behind and ``elapsed`` of the time is over (0 to 1).

    Later than its turn where time runs short, but no round's last step is left out, after which weights are mixed.
    """
    last = min((end for end in settings.ends if end > done), default=done + 1) - 1
    return max(done, min(last, int(elapsed * settings.all_steps)))


def _same_until(step: int, settings: TrainingSettings, saved: dict[str, Any]) -> bool:
    """Whether a checkpoint's settings are these; the rounds that lie ahead of its step may be others."""
    begun = [end <= step for end in settings.ends[:-1]].count(True)
    given = asdict(settings)
    return given | {"rounds": given["rounds"][:begun]} == saved | {"rounds": saved["rounds"][:begun]}


def main() -> None:
    """Command line of the training."""
    defaults = TrainingSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, required=True, help="directory with the two CIFAR-10 parquet files")
    parser.add_argument("--packages", type=Path, required=True, help="node_modules folder with the art for training")
    parser.add_argument(
        "--tiny-imagenet", type=Path, help="directory with its two parquet files: its 200 kinds are learnt too"
    )
    parser.add_argument(
        "--start-from", type=Path, help="weights of an earlier run; only the rounds with photographs follow"
    )
    parser.add_argument(
        "--again",
        nargs="?",
        type=int,
        default=0,
        const=1,
        choices=(0, 1, 2),
        help="go on where those rounds ended, with more of CIFAR-10 and of art; 2: still more of them",
    )
    parser.add_argument(
        "--learn-from", type=Path, help="folder of an earlier model, a teacher for CIFAR-10's photos and for pictures"
    )
    parser.add_argument("--out", type=Path, default=TINY_DIRECTORY, help="where the weights go")
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"), help="checkpoint and learning curve")
    parser.add_argument("--share", type=float, default=1.0, help="of all steps; below 1 for a quick look")
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="that the run may take; steps are left out where it is too slow"
    )
    parser.add_argument("--every", type=int, default=500, help="steps between two checkpoints")
    arguments = parser.parse_args()
    if arguments.start_from and not arguments.tiny_imagenet:
        parser.error("--start-from needs --tiny-imagenet: only its rounds follow.")
    rounds = (*WIDE_ROUNDS, *PHOTO_ROUNDS) if arguments.tiny_imagenet else ROUNDS
    if arguments.start_from:
        rounds = (PHOTO_ROUNDS, LATER_ROUNDS, LAST_ROUNDS)[arguments.again]
    settings = TrainingSettings(
        main_steps=0 if arguments.start_from else defaults.main_steps,
        rounds=rounds,
        class_share=0.75 if arguments.again else defaults.class_share,
        shipped_style_weight=1.0 if arguments.again else defaults.shipped_style_weight,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
    ).shortened(arguments.share)
    train(
        settings,
        arguments.cifar,
        arguments.packages,
        arguments.out,
        arguments.work,
        arguments.every,
        arguments.tiny_imagenet,
        arguments.start_from,
        arguments.minutes,
        arguments.learn_from,
    )


if __name__ == "__main__":
    main()
