"""Measures all or some studies, prints the margins of their claims, and keeps them."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from cliptta_demo.backend.models.offered import PRECISIONS
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.research.claims import SEEDS, pick
from cliptta_demo.research.documents import TABLES
from cliptta_demo.research.fingerprint import METHODS, differences, fingerprint
from cliptta_demo.research.margins import to_markdown
from cliptta_demo.research.record import Record, Run, load_record, runs_of, to_text
from cliptta_demo.research.studies import COMBINATIONS, Combination, Study, StudyRun, lesson_study
from cliptta_demo.research.table import progress_line
from cliptta_demo.research.text import to_csv
from cliptta_demo.research.text import to_markdown as table_markdown

RECORD_FILE = "claims.json"


def measure(arguments: argparse.Namespace) -> None:
    """The ``claims`` command with its words; raises :class:`UserError` for a lesson or table that there is not."""
    studies, combinations = choose(arguments)
    record = Record(fingerprint() if arguments.record else {}, {study.name: study.digest for study in studies})
    stands = still_true(arguments.record / RECORD_FILE, record) if arguments.record else {}
    record.runs.update({study.name: stands.get(study.name, {}) for study in studies})
    for combination in combinations:
        for study in (study for study in studies if study.name not in stands):
            work = StudyRun(study, combination, arguments.out)
            for row in work.rest():
                print(f"{study.name}, {combination.words}: {progress_line(row)}", file=sys.stderr, flush=True)
            rows = work.rows()
            record.runs[study.name][combination.name] = runs_of(rows)
            if arguments.record and combination == COMBINATIONS[0] and study.name in TABLES:
                folder = arguments.record / "tables" / study.name
                folder.mkdir(parents=True, exist_ok=True)
                table = table_markdown(rows, study.settings.variants, work.described)
                (folder / "table.md").write_text(table, encoding="utf-8")
                (folder / "table.csv").write_text(to_csv(rows), encoding="utf-8")
    text = to_markdown(record)
    print(text)
    if arguments.record:
        (arguments.record / RECORD_FILE).write_text(to_text(record), encoding="utf-8")
        (arguments.record / "claims.md").write_text(text, encoding="utf-8")


def still_true(path: Path, present: Record) -> dict[str, dict[str, list[Run]]]:
    """Of the record in that file, the runs of studies whose settings, methods, weights and images are the same."""
    if not path.exists():
        return {}
    old = load_record(path)
    changed = set(differences(old.fingerprint, present.fingerprint))
    same = {study.name: study for study in all_studies() if old.digests.get(study.name) == study.digest}

    def stands(study: Study) -> bool:
        others = set(METHODS) - {variant.method for variant in study.settings.variants}
        return changed <= others

    return {name: old.runs[name] for name, study in same.items() if stands(study)}


def all_studies() -> list[Study]:
    """Those of all lessons that run, then of all tables."""
    return [*(lesson_study(lesson) for lesson in LESSONS if lesson.runs), *TABLES.values()]


def choose(arguments: argparse.Namespace) -> tuple[list[Study], list[Combination]]:
    """What the words ask for; raises :class:`UserError`."""
    studies = all_studies()
    lessons = {study.name.removeprefix("lesson-"): study for study in studies if study.name not in TABLES}
    chosen = [*pick("lessons", arguments.lessons, lessons), *pick("tables", arguments.tables, TABLES)]
    if arguments.seeds:
        seeds = tuple(pick("seeds", arguments.seeds, SEEDS))
        chosen = [_with_seeds(study, seeds) for study in chosen]
    threads = pick("threads", arguments.threads, {"1": 1, "2": 2})
    precisions = pick("precisions", arguments.precisions, {name: name for name in PRECISIONS})
    return chosen, [c for c in COMBINATIONS if c.threads in threads and c.precision in precisions]


def _with_seeds(study: Study, seeds: tuple[int, ...]) -> Study:
    """The study with these seeds alone, in every combination: what is compared has run on the same streams."""
    sample = study.sample and (study.sample[0], seeds)
    return replace(study, settings=replace(study.settings, seeds=seeds), sample=sample)
