"""The engine on the command line.

    python -m cliptta_demo run --backbone tiny --dataset pictures --corruption fog --severity 5 \\
        --methods zero-shot,tent,cliptta --batches 10 --batch-size 64 --seed 0 --json result.json
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from cliptta_demo.backend.backbones import TINY, load_backbone
from cliptta_demo.backend.catalog import DATASETS, OOD_SOURCES, open_source, open_strangers
from cliptta_demo.backend.class_names import parse_class_names
from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.experiment import Experiment
from cliptta_demo.backend.report import format_table, summarise
from cliptta_demo.backend.scores import ID_SCORES
from cliptta_demo.backend.settings import METHOD_NAMES, ORDERS, AdaptationSettings, RunSettings, StreamSettings

# command-line word → field of AdaptationSettings; what is not given keeps the backbone's own tuned value
ADAPTATION_OPTIONS = {
    "lr": "learning_rate",
    "steps": "steps",
    "lambda_reg": "regulariser_weight",
    "tent_lambda_reg": "tent_regulariser_weight",
    "memory_shots": "memory_shots",
    "memory_sample": "memory_sample",
    "lambda_oce": "oce_weight",
    "gamma": "oce_gamma",
    "score": "score",
    "symmetric": "symmetric",
}


def build_parser() -> argparse.ArgumentParser:
    """All commands and options. Their words are a promise to users: add, don't rename."""
    parser = argparse.ArgumentParser(prog="python -m cliptta_demo", description="Test-time adaptation of CLIP.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run methods side by side on one stream and print what they reach")
    stream = StreamSettings()
    run.add_argument("--backbone", default=TINY, help="tiny, ARCHITECTURE/TAG, ARCHITECTURE/PATH, hf-hub:NAME")
    run.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    run.add_argument("--dataset", default="pictures", help=f"{', '.join(DATASETS)} or folder:PATH")
    run.add_argument("--classes", help="class names, separated by commas; default: the data set's")
    run.add_argument("--methods", default="zero-shot,tent,cliptta", help=", ".join(METHOD_NAMES))
    run.add_argument("--corruption", default=stream.corruption, help=f"none, cycle, {', '.join(CORRUPTIONS)}")
    run.add_argument("--severity", type=int, default=stream.severity, help="1 to 5")
    run.add_argument("--ramp", action="store_true", help="let the severity rise from 1 over the stream")
    run.add_argument("--ood", help=f"out-of-distribution images: {', '.join(OOD_SOURCES)} or folder:PATH")
    run.add_argument("--ood-share", type=float, help="their share of each batch, 0 to 0.9; default 0.5 with --ood")
    run.add_argument("--order", default=stream.order, choices=ORDERS)
    run.add_argument("--batches", type=int, default=stream.batches)
    run.add_argument("--batch-size", type=int, default=stream.batch_size)
    run.add_argument("--seed", type=int, default=stream.seed)
    run.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    run.add_argument("--quiet", action="store_true", help="no line per batch")
    tuning = run.add_argument_group("adaptation (default: the backbone's own values)")
    tuning.add_argument("--lr", type=float, help="learning rate of Adam")
    tuning.add_argument("--steps", type=int, help="optimiser steps per batch")
    tuning.add_argument("--lambda-reg", type=float, help="weight of CLIPTTA's regulariser")
    tuning.add_argument("--tent-lambda-reg", type=float, help="weight of the same regulariser in TENT")
    tuning.add_argument("--memory-shots", type=int, help="images remembered per class; 0: no memory")
    tuning.add_argument("--memory-sample", type=int, help="remembered images that join each step")
    tuning.add_argument("--lambda-oce", type=float, help="weight of the outlier contrastive exposure")
    tuning.add_argument("--gamma", type=float, help="softness of the ID/OOD split")
    tuning.add_argument("--score", help=f"ID score: {', '.join(ID_SCORES)}")
    tuning.add_argument("--symmetric", action="store_const", const=True, help="rows and columns in the loss")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """The ``run`` command."""
    backbone = load_backbone(arguments.backbone, arguments.device)
    given = {field: getattr(arguments, word) for word, field in ADAPTATION_OPTIONS.items()}
    adaptation: AdaptationSettings = replace(
        backbone.info.adaptation, **{field: value for field, value in given.items() if value is not None}
    )
    share = arguments.ood_share if arguments.ood_share is not None else (0.5 if arguments.ood else 0.0)
    settings = RunSettings(
        methods=tuple(name.strip() for name in arguments.methods.split(",") if name.strip()),
        stream=StreamSettings(
            corruption=arguments.corruption,
            severity=arguments.severity,
            ramp=arguments.ramp,
            ood_share=share,
            order=arguments.order,
            batch_size=arguments.batch_size,
            batches=arguments.batches,
            seed=arguments.seed,
        ),
        adaptation=adaptation,
    )
    names = parse_class_names(arguments.classes) if arguments.classes is not None else None
    source = open_source(arguments.dataset, names)
    strangers = open_strangers(arguments.ood, arguments.dataset) if arguments.ood else None
    experiment = Experiment(settings, backbone, source, strangers)
    snapshot = None
    for _, snapshot in experiment.run():
        for note in snapshot.notes:
            print(note, file=sys.stderr)
        if not arguments.quiet:
            parts = [
                f"{name} {method.accuracy:.1%}"
                for name, method in snapshot.methods.items()
                if method.accuracy is not None
            ]
            print(f"batch {snapshot.batch + 1}/{snapshot.batches}  {'  '.join(parts)}", file=sys.stderr, flush=True)
    result = summarise(snapshot)
    result["settings"] = {
        "backbone": arguments.backbone,
        "dataset": arguments.dataset,
        "ood": arguments.ood,
        "class_names": list(experiment.class_names),
        "device": str(backbone.device),
        **settings.to_dict(),
    }
    print(format_table(result))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Entry point; a :class:`UserError` ends with its sentence and exit status 2."""
    arguments = build_parser().parse_args(argv)
    try:
        run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
