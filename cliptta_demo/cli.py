"""The engine on the command line; ``cliptta-demo`` in an installation, ``python -m cliptta_demo`` anywhere.

    cliptta-demo run --backbone tiny --dataset pictures --corruption fog --severity 5 \\
        --methods zero-shot,tent,cliptta --batches 10 --batch-size 64 --seed 0 --json result.json
    cliptta-demo bench --backbone tiny --corruptions --grow --json bench.json
    cliptta-demo table --dataset pictures --classes all --severity 5 --out results/pictures
    cliptta-demo choose --datasets pictures --out results/chosen
    cliptta-demo gallery --out results/gallery
    cliptta-demo claims
    cliptta-demo settings
"""

import argparse
import json
import sys
from pathlib import Path

from cliptta_demo import VERSION
from cliptta_demo.backend.data.catalog import DATASETS, OOD_SOURCES, can_rename, open_source, open_strangers
from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import check_templates, parse_class_names, split_renames
from cliptta_demo.backend.models.loading import PRECISIONS, TINY, best_device, load_backbone
from cliptta_demo.backend.models.offered import BACKBONES, PAPERS
from cliptta_demo.backend.run.adapted_weights import adapted_weights
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.results import BatchResults, results_of, to_csv
from cliptta_demo.backend.run.summary import format_table, full_report
from cliptta_demo.backend.settings import RunSettings, method_names
from cliptta_demo.bench import BENCHED, GROWING, bench, corruption_costs, grow, target_line
from cliptta_demo.bench_published import WAYS, beside_published, listed_architectures
from cliptta_demo.claims.command import add_claims_parser
from cliptta_demo.options import add_adaptation_options, add_stream_options, read_adaptation, read_own, read_stream
from cliptta_demo.settings_table import settings_page
from cliptta_demo.tables.choose import add_choose_parser
from cliptta_demo.tables.command import add_table_parser
from cliptta_demo.tables.gallery import add_gallery_parser

DESCRIPTION = (
    "Test-time adaptation of CLIP. Without a command this serves the page on port 7860; GRADIO_SERVER_PORT and "
    "GRADIO_SERVER_NAME in the environment change port and address."
)
_HUB_NAMES = f"{', '.join(PRESETS)} (fetched from the hub once), hf:ORGANISATION/NAME[:SPLIT]"
_HUB_HELP = f"{_HUB_NAMES}, either with ?COLUMN=VALUE, folder:PATH"
DATASET_HELP = f"{', '.join(DATASETS)}, {_HUB_HELP}, cifar10c:DIRECTORY[/CORRUPTION][:SEVERITY], cifar100c:…"
OOD_HELP = f"out-of-distribution images: {', '.join(OOD_SOURCES)}, {_HUB_HELP}"


def build_parser() -> argparse.ArgumentParser:
    """All commands and options. Their words are a promise to users: add, don't rename."""
    parser = argparse.ArgumentParser(prog="cliptta-demo", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run methods side by side on one stream and print what they reach")
    run.add_argument("--backbone", help="tiny (the default), ARCHITECTURE/TAG, ARCHITECTURE/PATH, hf-hub:NAME")
    run.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    run.add_argument("--dataset", default="pictures", help=DATASET_HELP)
    run.add_argument("--classes", help="names, separated by commas, as in: cat = kitten, dog; default: the data set's")
    run.add_argument("--templates", nargs="+", metavar="TEMPLATE", help="prompts, {} for the class name")
    run.add_argument("--methods", default="zero-shot,tent,cliptta", help=", ".join(method_names()))
    run.add_argument("--ood", help=OOD_HELP)
    add_stream_options(run)
    run.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    run.add_argument("--csv", type=Path, metavar="FILE", help="write there what every method said of every image")
    run.add_argument("--weights", type=Path, metavar="FOLDER", help="write there what each method made of the tower")
    run.add_argument("--quiet", action="store_true", help="no line per batch")
    add_adaptation_options(run)
    run.set_defaults(work=run_command)
    bench = commands.add_parser("bench", help="time every method against the bare forward and backward passes")
    bench.add_argument("--backbone", help="as for run; random:ARCHITECTURE needs no weights")
    bench.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    bench.add_argument("--batch-size", type=int, default=64)
    bench.add_argument("--memory", type=int, default=64, help="memory images that join each step")
    bench.add_argument("--steps", type=int, default=10)
    bench.add_argument("--repeats", type=int, default=5, help="medians are over this many")
    bench.add_argument("--methods", default=",".join(BENCHED), help="separated by commas; all: every one")
    bench.add_argument("--corruptions", action="store_true", help="time the 19 corruptions too")
    bench.add_argument("--grow", action="store_true", help="time growing batches, classes, steps and sessions too")
    bench.add_argument(
        "--published",
        nargs="*",
        metavar="random:ARCHITECTURE",
        help="time towers beside open_clip's own and CLIPTTA beside its authors' release, in both precisions; "
        "alone: those of the page's list",
    )
    bench.add_argument(
        "--precision", choices=PRECISIONS, help="of the tower's products (default: what suits the device)"
    )
    bench.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    bench.set_defaults(work=bench_command)
    settings = commands.add_parser("settings", help="write the table of all settings, as in docs/settings.md")
    settings.set_defaults(work=lambda _: print(settings_page(), end=""))
    add_table_parser(commands)
    add_choose_parser(commands)
    add_gallery_parser(commands)
    add_claims_parser(commands)
    return parser


def run_command(arguments: argparse.Namespace) -> None:
    """The ``run`` command."""
    backbone = load_backbone(arguments.backbone, arguments.device)
    settings = RunSettings(
        methods=tuple(name.strip() for name in arguments.methods.split(",") if name.strip()),
        stream=read_stream(arguments),
        adaptation=read_adaptation(arguments, backbone.info.adaptation),
        own=read_own(arguments.set),
    )
    typed = parse_class_names(arguments.classes) if arguments.classes is not None else ()
    names, words = split_renames(typed, can_rename(arguments.dataset))
    source = open_source(arguments.dataset, names or None)
    strangers = open_strangers(arguments.ood, arguments.dataset, source.class_names) if arguments.ood else None
    templates = check_templates(arguments.templates or ())
    experiment = Experiment(settings, backbone, source, strangers, words or None, templates or None)
    state, snapshot, results = None, None, list[BatchResults]()
    for end in experiment.run():
        state, snapshot = end
        if arguments.csv:
            results.append(results_of(snapshot))
        for note in snapshot.notes:
            print(note, file=sys.stderr)
        if not arguments.quiet:
            parts = [
                f"{name} {method.accuracy:.1%}"
                for name, method in snapshot.methods.items()
                if method.accuracy is not None
            ]
            print(f"batch {snapshot.batch + 1}/{snapshot.batches}  {'  '.join(parts)}", file=sys.stderr, flush=True)
    result = full_report(
        snapshot,
        settings,
        backbone=arguments.backbone,
        dataset=arguments.dataset,
        ood=arguments.ood,
        templates=templates,
        device=str(backbone.device),
    )
    print(format_table(result))
    if arguments.json:
        _write_json(arguments.json, result)
    if arguments.weights:
        arguments.weights.mkdir(parents=True, exist_ok=True)
        for name, data in adapted_weights(backbone, settings, state).items():
            (arguments.weights / f"{name}.safetensors").write_bytes(data)
    if arguments.csv:
        arguments.csv.parent.mkdir(parents=True, exist_ok=True)
        text = to_csv(results, experiment.class_names, with_scores=settings.stream.ood_share > 0)
        arguments.csv.write_text(text, encoding="utf-8-sig", newline="")  # the mark tells Excel that it is UTF-8


def bench_command(arguments: argparse.Namespace) -> None:
    """The ``bench`` command."""
    for name in ("batch_size", "memory", "steps", "repeats"):
        check_number(name, getattr(arguments, name), 1, 1024, whole=True)
    backbone = load_backbone(arguments.backbone, arguments.device, precision=arguments.precision)
    names = method_names() if arguments.methods == "all" else tuple(arguments.methods.split(","))
    for name in names:
        check_choice("methods", name, method_names())
    result = bench(backbone, arguments.batch_size, arguments.memory, arguments.steps, arguments.repeats, names)
    print(" ".join(f"{key} {value}" for key, value in (result["machine"] | result["settings"]).items()), end="\n\n")
    print("seconds per batch     median  ratio to the bare loop")
    for count, taken in result["bare"].items():
        print(f"bare, memory of {count:4} {taken:7.3f}")
    for name, method in result["methods"].items():
        ratio = f"{method['ratio']:6.2f}" if method["ratio"] else ""
        print(f"{name:20} {method['seconds']:7.3f}  {ratio}")
    if GROWING in result["methods"]:
        print(target_line(result))
    if arguments.corruptions:
        result["corruptions"] = corruption_costs(backbone, arguments.batch_size, arguments.repeats)
        adapting = result["methods"]["cliptta"]["seconds"]
        print("\ncorruption              ms   share of a CLIPTTA batch")
        for name, taken in result["corruptions"].items():
            print(f"{name:20} {1000 * taken:6.1f}  {taken / adapting:7.1%}")
    if arguments.grow:
        result["grow"] = grow(backbone, arguments.repeats)
        for title, times in result["grow"].items():
            print(f"\nCLIPTTA, {title:10}" + "".join(f"{n:>9}" for n in times))
            print(f"{'seconds':19}" + "".join(f"{taken:9.3f}" for taken in times.values()))
    if arguments.published is not None:
        names = arguments.published or listed_architectures()
        result["published"] = {}
        sizes = (arguments.batch_size, arguments.memory, arguments.steps, arguments.repeats)
        print(f"\nseconds{'':31}" + "".join(f"{way:>20}" for way in WAYS))
        for name in names:
            times = result["published"][name] = beside_published(name, *sizes)
            for title, taken in (("there and back", times["pass"]), ("CLIPTTA batch", times["cliptta"])):
                print(f"{name:24}{title:14}" + "".join(f"{taken[way]:20.2f}" for way in WAYS), flush=True)
    if arguments.json:
        _write_json(arguments.json, result)


def _write_json(path: Path, result: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def choose_backbone(arguments: argparse.Namespace) -> None:
    """Takes the built-in backbone where none was named; where there is a GPU to use, says which one would suit it."""
    if getattr(arguments, "backbone", TINY) is not None:
        return
    arguments.backbone = TINY
    if (arguments.device or best_device()).startswith("cuda"):
        label = BACKBONES[PAPERS].label
        print(f"There is a GPU here: --backbone {PAPERS} takes {label}, the paper's model.", file=sys.stderr)


def main(argv: list[str] | None = None) -> None:
    """Entry point; a :class:`UserError` ends with its sentence and exit status 2."""
    arguments = build_parser().parse_args(argv)
    choose_backbone(arguments)
    try:
        arguments.work(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
