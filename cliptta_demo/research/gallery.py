"""The ``choose`` and ``gallery`` commands: rate and steps for each method, and every method with them on all tables."""

import argparse
import hashlib
import json
import math
from dataclasses import asdict, replace
from functools import cache
from itertools import product
from pathlib import Path

import pandas as pd

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.methods.recorded import CHOSEN_FILE, MEASURED_FILE, Chosen, chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.places import RANKING
from cliptta_demo.research import ranking
from cliptta_demo.research.gallery_tables import FEW_IMAGES, TABLES, GalleryTable
from cliptta_demo.research.page_ranking import ranking_json
from cliptta_demo.research.questions import questions_page
from cliptta_demo.research.runs import ZERO_SHOT, TableSettings, gains_of, run_here
from cliptta_demo.research.text import markdown, read_streams

SEEDS = (0, 1, 2)
STREAMS_FILE = "streams.csv"
# Methods that start anew with each batch or image: a short stream tells as much of them as a long one.
SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")


def run_gallery(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command, whose words have been checked."""
    record = arguments.record
    streams = read_streams((record or arguments.out) / STREAMS_FILE)
    for name, method in product(arguments.tables, arguments.methods):
        if not asked_of(TABLES[name], method):
            continue
        here, digest = (streams.table == name) & (streams.method == method), digest_of(name, method)
        if set(streams.settings[here]) != {digest}:
            found = run(name, method, digest, arguments.out)
            streams = found if streams.empty else pd.concat([streams[~here], found])
    place = {name: number for number, name in enumerate([*TABLES, *METHODS])}  # as declared, whichever ran first
    streams = streams.sort_values(["table", "method"], key=lambda names: names.map(place), kind="stable")
    page = ranking.ranking_page(streams)
    print(page)
    if len(ranking.compared(ranking.ranking(ranking.group_of(streams, "corruptions")))) > 1:
        print(ranking.readme(streams))
    if record:
        streams.to_csv(record / STREAMS_FILE, index=False, lineterminator="\n")
        (record / "ranking.md").write_text(page, encoding="utf-8")
        (record / "questions.md").write_text(questions_page(streams), encoding="utf-8")
        MEASURED_FILE.write_text(measured_of(streams), encoding="utf-8")
        RANKING.write_text(ranking_json(streams), encoding="utf-8")


def asked_of(table: GalleryTable, method: str) -> bool:
    """Whether a table's streams can tell something of a method."""
    if table.group in ("schedules", "batch sizes", "few classes") and method in FORGETFUL:
        return False  # what came before, or with it, is nothing to them
    if table.group == "prediction":
        return "prediction" in METHODS[method].uses
    if table.group == "caution":
        return "caution" in METHODS[method].uses
    return table.rate == 1 or method in chosen()


def measured_of(streams: pd.DataFrame) -> str:
    """What the page tells of each method's gain under the fifteen corruptions, as JSON."""
    found = ranking.measured(ranking.ranking(ranking.group_of(streams, "corruptions")))
    return json.dumps({"methods": {name: asdict(one) for name, one in found.items()}}, indent=1) + "\n"


def shortened(stream: StreamSettings, method: str) -> StreamSettings:
    """The stream for a method: one batch where it forgets each, and takes up to a hundred times as long as others."""
    return replace(stream, batches=1) if method in FORGETFUL else stream


def settings_of_run(name: str, method: str) -> TableSettings:
    """A method beside zero-shot on a table."""
    table, changes = TABLES[name], {"rates": "own"} if method in chosen() else {}
    if table.rate != 1:
        rate = table.rate * chosen()[method].rate
        changes = _variant(method, (rate, chosen()[method].steps), TINY_ADAPTATION).changes
    changes |= table.changes
    stream = table.stream if table.stream.pace else shortened(table.stream, method)
    if table.dataset in FEW_IMAGES and method in SINGLE_IMAGES:
        stream = replace(stream, batch_size=FEW_IMAGES[table.dataset])
    variants = (ZERO_SHOT, Variant(method, METHODS[method].label, method, changes))
    names = picture_class_names() if table.every_kind else None
    return TableSettings(table.dataset, variants, table.corruptions, SEEDS, stream, names=names)


def digest_of(name: str, method: str) -> str:
    """Of all that decides the outcomes but the code. A setting at its default is left out: new ones change nothing."""
    settings = settings_of_run(name, method)
    choice = asdict(chosen()[method]) if method in chosen() else None
    about = [settings.dataset, settings.corruptions, settings.seeds, unusual(settings.stream), settings.class_names]
    changed = [settings.variants[1].changes] * (TABLES[name].rate != 1 or bool(TABLES[name].changes))
    text = json.dumps([*about, method, choice, unusual(TINY_ADAPTATION), weights_digest(), *changed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run(name: str, method: str, digest: str, out: Path) -> pd.DataFrame:
    """The streams of one method on one table; what is missing is run."""
    settings, folder = settings_of_run(name, method), out / name / f"{method}-{digest}"
    frame = run_here(settings, load_backbone(TINY), folder, f"{name}, {method}: ").frame()
    return pd.DataFrame({"table": name, "method": method, "settings": digest} | ranking.outcomes_of(frame, method))


@cache
def weights_digest() -> str:
    """Of the built-in model's file."""
    return hashlib.sha256((TINY_DIRECTORY / "open_clip_model.safetensors").read_bytes()).hexdigest()[:16]


Candidate = tuple[float, int | None]  # rate as a share, steps; None: the method has another way to count them


def choose_all(arguments: argparse.Namespace) -> None:
    """The ``choose`` command."""
    backbone = load_backbone(TINY)
    gains = {name: measure(backbone, name, arguments) for name in arguments.methods}
    found = {name: choose(of_candidates) for name, of_candidates in gains.items()}
    text = chosen_page(found, gains, arguments)
    (arguments.out / "chosen.md").write_text(text, encoding="utf-8")
    print(text)
    if arguments.record:
        kept = json.loads(CHOSEN_FILE.read_text())["methods"] if CHOSEN_FILE.exists() else {}
        kept |= {name: asdict(one) for name, one in found.items()}
        CHOSEN_FILE.write_text(json.dumps({"backbone": TINY, "methods": kept}, indent=1) + "\n", encoding="utf-8")


def candidates(method: str, rates: tuple[float, ...], steps: tuple[int, ...]) -> list[Candidate]:
    """What a method is tried with."""
    return list(product(rates, steps if name_for(method, "steps") else (None,)))


def _variant(method: str, candidate: Candidate, common: AdaptationSettings) -> Variant:
    """A candidate as a column of a table; ``common``: the backbone's own settings."""
    settings = RunSettings(methods=(method,), adaptation=common)
    after = Chosen(*candidate, gain=0.0, error=0.0).put_into(settings, method).flat()
    names = (name_for(method, "learning_rate"), name_for(method, "steps"))
    changes = {name: after[name] for name in names if name}
    return Variant(f"{method}@{candidate[0]:g}@{candidate[1]}", _words(candidate), method, changes)


def measure(backbone: Backbone, method: str, arguments: argparse.Namespace) -> dict[Candidate, pd.Series]:
    """Accuracy over zero-shot's of each candidate, in points: a number for each data set, corruption and seed."""
    tried = candidates(method, arguments.rates, arguments.steps)
    named = {candidate: _variant(method, candidate, backbone.info.adaptation) for candidate in tried}
    stream = StreamSettings(severity=arguments.severity, batches=arguments.batches, batch_size=arguments.batch_size)
    stream, variants, found = shortened(stream, method), (ZERO_SHOT, *named.values()), []
    for dataset in arguments.datasets.split(","):
        names = picture_class_names() if dataset == "pictures" else None
        settings = TableSettings(dataset, variants, EXTRA_CORRUPTIONS, arguments.seeds, stream, names=names)
        folder = arguments.out / Path(dataset).name.replace(":", "-") / method
        found.append(gains_of(run_here(settings, backbone, folder, f"{method} on {dataset}: ").frame()))
    gains = 100 * pd.concat(found)
    return {candidate: gains[variant.name] for candidate, variant in named.items()}


def choose(gains: dict[Candidate, pd.Series]) -> Chosen:
    """The best candidate on average; of equals the one with fewer steps, then with the rate nearest to the usual one.

    A cheaper one within the noise is not preferred: gains differ so much from corruption to corruption that most
    methods would get next to no rate.
    """
    best = min(gains, key=lambda one: (-round(gains[one].mean(), 6), one[1], abs(math.log(one[0]))))
    error = gains[best].sem()
    return Chosen(*best, round(gains[best].mean(), 2), 0.0 if math.isnan(error) else round(error, 2))


def chosen_page(
    found: dict[str, Chosen], gains: dict[str, dict[Candidate, pd.Series]], arguments: argparse.Namespace
) -> str:
    """What was chosen and why, as Markdown."""
    lines = [
        {
            "method": METHODS[name].label,
            "rate, of the usual one": f"{one.rate:g}",
            "steps": "" if one.steps is None else f"{one.steps}",
            "gain over zero-shot, points": f"{one.gain:+.1f} ± {one.error:.1f}",
            "all that was tried (rate × steps: gain)": ", ".join(
                f"{_words(candidate)}: {values.mean():+.1f}" for candidate, values in gains[name].items()
            ),
        }
        for name, one in found.items()
    ]
    seeds = ", ".join(map(str, arguments.seeds))
    short = ", ".join(METHODS[name].label for name in found if name in FORGETFUL)
    return (
        "# Rates and steps, chosen on held-out corruptions\n\n"
        f"{', '.join(EXTRA_CORRUPTIONS).replace('_', ' ')}, severity {arguments.severity}; {arguments.datasets}; "
        f"streams of {arguments.batches} batches of {arguments.batch_size}, seeds {seeds}. "
        "The best mean counts; of equals the fewest steps, then the rate nearest to the usual. That is the built-in "
        "model's, and for methods that change the prompt their authors'. WATT counts its steps in another way."
        + (f" {short}, which forget each batch, ran on one." if short else "")
        + f"\n\n{markdown(pd.DataFrame(lines))}\n"
    )


def _words(candidate: Candidate) -> str:
    rate, steps = candidate
    return f"{rate:g}" if steps is None else f"{rate:g} × {steps}"
