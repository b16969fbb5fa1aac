"""The ``ablation`` command: which term of CLIPTTA's loss does what.

    cliptta-demo ablation --out results/ablation --record docs

The objective (contrastive, entropy or none), the regulariser and the memory are switched on and off, each with each,
over data sets of 10 to 200 classes and several batch sizes. Entropy without memory is TENT, with the regulariser
TENT + regulariser. Each combination has a learning rate of its own, the best on the four held-out corruptions.
``--record`` writes ``ablation.md`` and, a line for each stream, ``ablation.csv``.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from cliptta_demo.backend.declare import check_choice
from cliptta_demo.options import check_folder


@dataclass(frozen=True)
class Setting:
    """Streams of one kind: data set and batch size."""

    title: str
    dataset: str
    batch_size: int
    batches: int

    @property
    def name(self) -> str:
        """Of its folder and on the command line."""
        return f"{self.dataset}-{self.batch_size}"


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("pictures, 12 classes, batches of 4", "pictures", 4, 24),
        Setting("pictures, 12 classes, batches of 16", "pictures", 16, 10),
        Setting("CIFAR-10, 10 classes, batches of 64", "cifar10", 64, 8),
        Setting("Tiny ImageNet, 200 classes, batches of 64", "tiny-imagenet", 64, 8),
    )
}


def add_ablation_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``ablation`` and its options."""
    parser = commands.add_parser("ablation", help="CLIPTTA's terms on and off, each with each", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="of the runs; they are resumed")
    parser.add_argument("--settings", default=",".join(SETTINGS), help=f"default: all of {', '.join(SETTINGS)}")
    parser.add_argument("--record", type=Path, metavar="DIRECTORY", help="keep the page and all outcomes there")
    parser.set_defaults(work=ablation_command)


def ablation_command(arguments: argparse.Namespace) -> None:
    """The ``ablation`` command."""
    for folder in filter(None, (arguments.out, arguments.record)):
        check_folder(folder)
    arguments.settings = arguments.settings.split(",")
    for name in arguments.settings:
        check_choice("settings", name, tuple(SETTINGS))
    from cliptta_demo.research.ablation_runs import run_ablation

    run_ablation(arguments)
