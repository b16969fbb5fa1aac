"""A rate and a number of steps for each method, for a fair fight: the work of the ``choose`` command."""

import argparse
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from itertools import product
from pathlib import Path

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.chosen import CHOSEN_FILE, Chosen
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings, method_names
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.command import RATES, STEPS
from cliptta_demo.research.forgetful import FORGETFUL, shortened
from cliptta_demo.research.runs import TableSettings, run_aloud
from cliptta_demo.research.text import markdown_table, standard_error

Candidate = tuple[float, int | None]  # rate as a share, steps; None: the method has another way to count them


def choose_all(arguments: argparse.Namespace) -> None:
    """The ``choose`` command."""
    names = arguments.methods.split(",") if arguments.methods else [n for n in method_names() if _varied(n)]
    for name in names:
        check_choice("methods", name, tuple(n for n in method_names() if _varied(n)))
    backbone = load_backbone(TINY)
    gains = {name: measure(backbone, name, arguments) for name in names}
    found = {name: choose(of_candidates) for name, of_candidates in gains.items()}
    text = chosen_page(found, gains, arguments)
    (arguments.out / "chosen.md").write_text(text, encoding="utf-8")
    print(text)
    if arguments.record:
        kept = json.loads(CHOSEN_FILE.read_text())["methods"] if CHOSEN_FILE.exists() else {}
        kept |= {name: asdict(one) for name, one in found.items()}
        CHOSEN_FILE.write_text(json.dumps({"backbone": TINY, "methods": kept}, indent=1) + "\n", encoding="utf-8")


def _varied(method: str) -> bool:
    """Whether a method has a rate to be chosen."""
    return name_for(method, "learning_rate") is not None


def candidates(method: str, rates: tuple[float, ...] = RATES, steps: tuple[int, ...] = STEPS) -> list[Candidate]:
    """What a method is tried with."""
    return list(product(rates, steps if name_for(method, "steps") else (None,)))


def _changes(method: str, candidate: Candidate, common: AdaptationSettings) -> dict[str, float | int]:
    """What a candidate changes, by the settings' names; ``common``: the backbone's own settings."""
    settings = RunSettings(methods=(method,), adaptation=common)
    after = Chosen(*candidate, gain=0.0, error=0.0).put_into(settings, method).flat()
    names = (name_for(method, "learning_rate"), name_for(method, "steps"))
    return {name: after[name] for name in names if name}


def _variant(method: str, candidate: Candidate, common: AdaptationSettings) -> Variant:
    rate, steps = candidate
    counted = "" if steps is None else f", {steps} steps"
    changes = _changes(method, candidate, common)
    return Variant(f"{method}@{rate:g}@{steps}", f"{rate:g} × the rate{counted}", method, changes)


def measure(backbone: Backbone, method: str, arguments: argparse.Namespace) -> dict[Candidate, list[float]]:
    """Accuracy over zero-shot's of each candidate, in points: a number for each data set, corruption and seed."""
    own = backbone.info.adaptation
    rates, steps = _numbers(arguments.rates, float, "rates"), _numbers(arguments.steps, int, "steps")
    tried = candidates(method, rates, steps)
    named = {candidate: _variant(method, candidate, own) for candidate in tried}
    stream = StreamSettings(severity=arguments.severity, batches=arguments.batches, batch_size=arguments.batch_size)
    gains: dict[Candidate, list[float]] = {candidate: [] for candidate in tried}
    for dataset in arguments.datasets.split(","):
        source = open_source(dataset, picture_class_names() if dataset == "pictures" else None)
        settings = TableSettings(
            backbone=backbone.info.name,
            dataset=dataset,
            ood=None,
            variants=(Variant(REFERENCE, REFERENCE, REFERENCE), *named.values()),
            corruptions=EXTRA_CORRUPTIONS,
            seeds=_numbers(arguments.seeds, int, "seeds"),
            stream=shortened(stream, method),
        )
        folder = arguments.out / Path(dataset).name.replace(":", "-") / method
        for row in run_aloud(settings, backbone, source, folder, f"{method} on {dataset}"):
            before = row.columns[REFERENCE]["accuracy"]
            for candidate, variant in named.items():
                gains[candidate].append(100 * (row.columns[variant.name]["accuracy"] - before))
    return gains


def choose(gains: dict[Candidate, list[float]]) -> Chosen:
    """The best candidate on average; of equals the one with fewer steps, then with the rate nearest to the usual one.

    A cheaper one within the noise is not preferred: gains differ so much from corruption to corruption that most
    methods would get next to no rate.
    """
    rate, steps = min(gains, key=lambda one: (-round(statistics.fmean(gains[one]), 6), one[1], abs(math.log(one[0]))))
    taken = gains[rate, steps]
    return Chosen(rate, steps, round(statistics.fmean(taken), 2), round(standard_error(taken) or 0.0, 2))


def chosen_page(
    found: dict[str, Chosen], gains: dict[str, dict[Candidate, list[float]]], arguments: argparse.Namespace
) -> str:
    """What was chosen and why, as Markdown."""
    rows = []
    for name, one in found.items():
        tried = {_words(candidate): statistics.fmean(values) for candidate, values in gains[name].items()}
        all_of_them = ", ".join(f"{words}: {gain:+.1f}" for words, gain in tried.items())
        steps = "" if one.steps is None else f"{one.steps}"
        rows.append([METHODS[name].label, f"{one.rate:g}", steps, f"{one.gain:+.1f} ± {one.error:.1f}", all_of_them])
    head = [
        "method",
        "rate, of the usual one",
        "steps",
        "gain over zero-shot, points",
        "all that was tried (rate × steps: gain)",
    ]
    return (
        "# Rates and steps, chosen on held-out corruptions\n\n"
        f"{', '.join(EXTRA_CORRUPTIONS).replace('_', ' ')}, severity {arguments.severity}; {arguments.datasets}; "
        f"streams of {arguments.batches} batches of {arguments.batch_size}, seeds {arguments.seeds}. "
        "The best mean counts; of equals the fewest steps, then the rate nearest to the usual. That is the built-in "
        "model's, and for methods that change the prompt their authors'. WATT counts its steps in another way."
        f"{_short_streams(found)}\n\n"
        f"{markdown_table(head, rows)}\n"
    )


def _words(candidate: Candidate) -> str:
    rate, steps = candidate
    return f"{rate:g}" if steps is None else f"{rate:g} × {steps}"


def _short_streams(methods: Iterable[str]) -> str:
    labels = [METHODS[name].label for name in methods if name in FORGETFUL]
    return f" {', '.join(labels)}, which forget each batch, ran on one." if labels else ""


def _numbers(text: str, kind: type, name: str) -> tuple:
    try:
        return tuple(dict.fromkeys(kind(word) for word in text.split(",")))
    except ValueError:
        raise UserError(f"{name} is {text!r}; it must be numbers, separated by commas.") from None
