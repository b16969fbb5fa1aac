"""The engine on the command line; ``cliptta-demo`` in an installation, ``python -m cliptta_demo`` anywhere.

    cliptta-demo run --backbone tiny --dataset pictures --corruption fog --severity 5 \\
        --methods zero-shot,tent,cliptta --batches 10 --batch-size 64 --seed 0 --json result.json
    cliptta-demo bench --backbone tiny --json bench.json
    cliptta-demo table --dataset pictures --classes all --severity 5 --out results/pictures
    cliptta-demo choose --datasets pictures --out results/chosen
    cliptta-demo gallery --out results/gallery
    cliptta-demo claims
    cliptta-demo settings
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from cliptta_demo import VERSION
from cliptta_demo.backend.data.catalog import DATASETS, OOD_SOURCES, written_names
from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import PRECISIONS, TINY, check_backbone
from cliptta_demo.backend.plugins import take_plugins
from cliptta_demo.backend.settings import method_names
from cliptta_demo.options import add_adaptation_options, add_stream_options, check_writable
from cliptta_demo.research.commands import add_research_parsers

DESCRIPTION = (
    "Test-time adaptation of CLIP. Without a command this serves the page on port 7860; GRADIO_SERVER_PORT and "
    "GRADIO_SERVER_NAME in the environment change port and address. --plugin FILE adds methods of your own to either."
)
BACKBONE_HELP = (
    "tiny (the default), ARCHITECTURE/TAG, ARCHITECTURE/PATH, hf-hub:NAME, local-dir:PATH, as open_clip has them; "
    "adapted:FILE, what --weights has written; "
    "random:ARCHITECTURE: untrained, to try or time one without a download"
)
RUN = """Runs methods side by side on one stream and prints what they reach.

    cliptta-demo run --corruption fog --severity 5 --methods zero-shot,tent,cliptta --batches 10 --json result.json
    cliptta-demo run --dataset folder:photos --classes "cat, dog" --backbone ViT-B-32/openai
"""


def build_parser() -> argparse.ArgumentParser:
    """All commands and options. Their words are a promise to users: add, don't rename."""
    parser = argparse.ArgumentParser(prog="cliptta-demo", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    about = "a Python file that registers methods of your own, for whatever follows; more than once for more"
    parser.add_argument("--plugin", metavar="FILE", help=about)  # has been taken out: see take_plugins
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="run methods side by side on one stream and print what they reach", description=RUN
    )
    run.formatter_class = argparse.RawDescriptionHelpFormatter
    run.add_argument("--backbone", help=BACKBONE_HELP)
    run.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    run.add_argument("--dataset", default="pictures", help=_names_of_images(DATASETS))
    run.add_argument("--classes", help="names, separated by commas, as in: cat = kitten, dog; default: the data set's")
    run.add_argument("--templates", nargs="+", metavar="TEMPLATE", help="prompts, {} for the class name")
    run.add_argument("--methods", default="zero-shot,tent,cliptta", help=", ".join(method_names()))
    run.add_argument("--ood", help=f"out-of-distribution images: {_names_of_images(OOD_SOURCES)}")
    add_stream_options(run)
    run.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    run.add_argument("--csv", type=Path, metavar="FILE", help="write there what every method said of every image")
    run.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="write there what each method made of the tower, for adapted:"
    )
    run.add_argument("--quiet", action="store_true", help="no estimate, no bar, no line per batch")
    add_adaptation_options(run)
    run.set_defaults(work=run_command)
    bench = commands.add_parser("bench", help="time every method against the bare forward and backward passes")
    bench.add_argument("--backbone", help="as for run; random:ARCHITECTURE needs no weights")
    bench.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    bench.add_argument("--batch-size", type=int, default=64)
    bench.add_argument("--memory", type=int, default=64, help="memory images that join each step")
    bench.add_argument("--steps", type=int, default=10)
    bench.add_argument("--repeats", type=int, default=5, help="medians are over this many")
    bench.add_argument("--methods", help="separated by commas; all: every one; default: zero-shot, TENT, both CLIPTTAs")
    bench.add_argument(
        "--precision", choices=PRECISIONS, help="of the tower's products (default: what suits the device)"
    )
    bench.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    bench.set_defaults(work=bench_command)
    settings = commands.add_parser("settings", help="write the table of all settings, as in docs/settings.md")
    settings.set_defaults(work=settings_command)
    add_research_parsers(commands)
    return parser


def _names_of_images(built_in: Iterable[str]) -> str:
    names = f"{', '.join((*built_in, *PRESETS))} (these from the hub, once), {', '.join(written_names())}"
    return f"{names}; names of the hub and of parquet files may end in ?COLUMN=VALUE"


def run_command(arguments: argparse.Namespace) -> None:
    """The ``run`` command; with it come the methods, and plugins, whose errors are told as those of words are."""
    from cliptta_demo.run_command import run

    run(arguments)


def settings_command(arguments: argparse.Namespace) -> None:
    """The ``settings`` command."""
    from cliptta_demo.settings_table import settings_page

    print(settings_page(), end="")


def bench_command(arguments: argparse.Namespace) -> None:
    """The ``bench`` command."""
    for name in ("batch_size", "memory", "steps", "repeats"):
        check_number(name, getattr(arguments, name), 1, 1024, whole=True)
    names = method_names() if arguments.methods == "all" else tuple(filter(None, (arguments.methods or "").split(",")))
    for name in names:
        check_choice("methods", name, method_names())
    check_backbone(arguments.backbone or TINY)
    if arguments.json:
        check_writable(arguments.json)
    from cliptta_demo.research.bench import BENCHED, time_all

    time_all(arguments, names or BENCHED)


def main(argv: list[str] | None = None) -> None:
    """Entry point; a :class:`UserError` ends with its sentence and exit status 2."""
    try:
        words = take_plugins(sys.argv[1:] if argv is None else argv)
        import cliptta_demo.backend.methods  # noqa: F401  (which loads plugins: their names are among the words)

        arguments = build_parser().parse_args(words)
        arguments.work(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
