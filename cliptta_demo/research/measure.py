"""Measures all or some studies, prints the margins of their claims, and keeps them."""

import argparse
from pathlib import Path

import pandas as pd

from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.research.commands import COMPUTED, SEEDS, pick
from cliptta_demo.research.documents import TABLES
from cliptta_demo.research.fingerprint import METHODS, differences, fingerprint
from cliptta_demo.research.record import Record, load_record, runs_of, to_markdown, to_text
from cliptta_demo.research.runs import run_here
from cliptta_demo.research.studies import COMBINATIONS, Combination, Study, lesson_study
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
            folder = arguments.out / study.name / combination.name
            with combination.backbone() as backbone:
                about = f"{study.name}, {combination.words}: "
                table = run_here(study.settings_in(combination), backbone, folder, about)
            rows = table.rows()
            record.runs[study.name][combination.name] = runs_of(rows)
            if arguments.record and combination == COMBINATIONS[0] and study.name in TABLES:
                kept = arguments.record / "tables" / study.name
                kept.mkdir(parents=True, exist_ok=True)
                text = table_markdown(rows, study.settings.variants, table.described)
                (kept / "table.md").write_text(text, encoding="utf-8")
                (kept / "table.csv").write_text(to_csv(rows), encoding="utf-8")
    text = to_markdown(record)
    print(text)
    if arguments.record:
        (arguments.record / RECORD_FILE).write_text(to_text(record), encoding="utf-8")
        (arguments.record / "claims.md").write_text(text, encoding="utf-8")


def still_true(path: Path, present: Record) -> dict[str, dict[str, pd.DataFrame]]:
    """Of the record in that file, the runs of studies whose settings, methods, weights and images are the same."""
    if not path.exists():
        return {}
    old = load_record(path)
    changed = set(differences(old.fingerprint, present.fingerprint))
    return {
        study.name: old.runs[study.name]
        for study in all_studies()
        if old.digests.get(study.name) == study.digest
        and changed <= set(METHODS) - {variant.method for variant in study.settings.variants}
    }


def all_studies() -> list[Study]:
    """Those of all lessons that run, then of all tables."""
    return [*(lesson_study(lesson) for lesson in LESSONS if lesson.runs), *TABLES.values()]


def choose(arguments: argparse.Namespace) -> tuple[list[Study], list[Combination]]:
    """What the words ask for; raises :class:`UserError`."""
    lessons = {study.name.removeprefix("lesson-"): study for study in all_studies() if study.name not in TABLES}
    chosen = [*pick("lessons", arguments.lessons, lessons), *pick("tables", arguments.tables, TABLES)]
    if arguments.seeds:
        seeds = tuple(pick("seeds", arguments.seeds, SEEDS))
        chosen = [study.with_seeds(seeds) for study in chosen]
    threads, precisions = (pick(name, getattr(arguments, name), known) for name, known in COMPUTED.items())
    return chosen, [c for c in COMBINATIONS if c.threads in threads and c.precision in precisions]
