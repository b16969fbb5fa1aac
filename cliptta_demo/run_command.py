"""The work of the ``run`` command."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from cliptta_demo.backend.data.catalog import check_source, open_source, open_strangers
from cliptta_demo.backend.models.class_names import check_templates, parse_class_names, split_renames
from cliptta_demo.backend.models.loading import best_device, load_backbone
from cliptta_demo.backend.models.offered import BACKBONES, PAPERS, TINY, check_backbone
from cliptta_demo.backend.run.adapted_weights import MODEL, TOWER, saved_files
from cliptta_demo.backend.run.arithmetic import Pace, duration
from cliptta_demo.backend.run.experiment import Experiment, RunState
from cliptta_demo.backend.run.snapshot import LiveStep, Snapshot
from cliptta_demo.backend.run.summary import BatchResults, format_table, full_report, results_of, to_csv
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings
from cliptta_demo.languages import say
from cliptta_demo.options import check_folder, check_writable, read_adaptation, read_own, read_stream


def run(arguments: argparse.Namespace) -> None:
    """The ``run`` command. All that can be wrong with its words is found before anything is loaded or fetched."""
    settings = RunSettings(
        methods=tuple(name.strip() for name in arguments.methods.split(",") if name.strip()),
        stream=read_stream(arguments),
        adaptation=read_adaptation(arguments, AdaptationSettings()),
        own=read_own(arguments.set),
    )
    templates = check_templates(arguments.templates or ())
    typed = parse_class_names(arguments.classes) if arguments.classes is not None else ()
    check_source(arguments.dataset)
    if arguments.ood:
        check_source(arguments.ood, strangers=True)
    check_backbone(arguments.backbone or TINY)
    for file in filter(None, (arguments.json, arguments.csv)):
        check_writable(file)
    if arguments.weights:
        check_folder(arguments.weights)
    # A folder's name may hold an "=".
    names, words = split_renames(typed, not arguments.dataset.startswith("folder:"))
    source = open_source(arguments.dataset, names or None)
    strangers = open_strangers(arguments.ood, arguments.dataset, source.class_names) if arguments.ood else None
    backbone = load_backbone(chosen_backbone(arguments), arguments.device)
    settings = replace(settings, adaptation=read_adaptation(arguments, backbone.info.adaptation))
    experiment = Experiment(settings, backbone, source, strangers, words or None, templates or None)
    state, snapshot, results = None, None, list[BatchResults]()
    if not arguments.quiet:
        tell_before(experiment)
    with tqdm(total=len(experiment.stream), unit=" batches", miniters=0, disable=arguments.quiet or None) as bar:
        for end in work(experiment, bar):
            state, snapshot = end
            if arguments.csv:
                results.append(results_of(snapshot))
            for note in snapshot.notes:
                bar.write(say(note), sys.stderr)
            if not arguments.quiet:
                bar.write(f"batch {snapshot.batch + 1}/{snapshot.batches}  {_reached(snapshot)}", sys.stderr)
    result = full_report(
        snapshot,
        settings,
        backbone=backbone.info.name,
        dataset=arguments.dataset,
        ood=arguments.ood,
        templates=templates,
        device=str(backbone.device),
    )
    print(format_table(result))
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.weights:
        for name, data in saved_files(backbone, settings, state).items():
            (arguments.weights / name).write_bytes(data)
        if (arguments.weights / TOWER.name).exists():  # the built-in model, whose rest is nowhere else to be had
            (arguments.weights / MODEL.name).write_bytes(MODEL.read_bytes())
    if arguments.csv:
        text = to_csv(results, experiment.class_names, with_scores=settings.stream.ood_share > 0)
        arguments.csv.write_text(text, encoding="utf-8-sig", newline="")  # the mark tells Excel that it is UTF-8


def write_json(path: Path, result: dict) -> None:
    """Writes results; NaN is none."""
    path.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def tell_before(experiment: Experiment) -> None:
    """On standard error: how long the run will take, and whether it ends before all batches that were asked for."""
    seconds = Pace().seconds(experiment.backbone.info.name, experiment.cost.total)
    print(f"Takes about {duration(seconds)} on this machine.", file=sys.stderr)
    asked, there = experiment.settings.stream.batches, len(experiment.stream)
    if there < asked:
        print(f"There are images for {there} of the {asked} batches that were asked for.", file=sys.stderr)


def work(experiment: Experiment, bar: tqdm) -> Iterator[tuple[RunState, Snapshot]]:
    """All batches; the bar, where one is drawn, moves within them too."""

    def due() -> bool:
        return not bar.disable and time.time() - bar.last_print_t >= bar.mininterval

    state = experiment.start()
    while not experiment.finished(state):
        for moment in experiment.advance(state, due):
            if isinstance(seen := moment[1], LiveStep):
                bar.update(round(seen.batch + (seen.step + 1) / (seen.steps + 1) - bar.n, 2))
        state, snapshot = moment
        bar.update(snapshot.batch + 1 - bar.n)
        yield state, snapshot


def _reached(snapshot: Snapshot) -> str:
    found = ((name, method.accuracy) for name, method in snapshot.methods.items())
    return "  ".join(f"{name} {accuracy:.1%}" for name, accuracy in found if accuracy is not None)


def chosen_backbone(arguments: argparse.Namespace) -> str:
    """The built-in one where none was named; where there is a GPU to use, it is told which one would suit that."""
    if arguments.backbone is None and (arguments.device or best_device()).startswith("cuda"):
        label = BACKBONES[PAPERS].label
        print(f"There is a GPU here: --backbone {PAPERS} takes {label}, the paper's model.", file=sys.stderr)
    return arguments.backbone or TINY
