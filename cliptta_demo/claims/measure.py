"""Measures all or some studies, prints the margins of their claims, and keeps them."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from cliptta_demo.backend.errors import UserError
from cliptta_demo.claims.documents import TABLES
from cliptta_demo.claims.fingerprint import METHODS, differences, fingerprint
from cliptta_demo.claims.margins import to_markdown
from cliptta_demo.claims.record import Record, Run, load_record, runs_of, to_text
from cliptta_demo.claims.studies import COMBINATIONS, Combination, Study, StudyRun, lesson_study
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.tables.command import progress_line
from cliptta_demo.tables.text import to_csv
from cliptta_demo.tables.text import to_markdown as table_markdown

NONE = "none"
RECORD_FILE = "claims.json"


def measure(arguments: argparse.Namespace) -> None:
    """The ``claims`` command with its words; raises :class:`UserError`."""
    studies, combinations = choose(arguments)
    if arguments.record and (studies, combinations) != (all_studies(), list(COMBINATIONS)):
        raise UserError("--record keeps everything: leave out --lessons, --tables, --seeds, --threads, --precisions.")
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
    chosen = [*_pick("lessons", arguments.lessons, lessons), *_pick("tables", arguments.tables, TABLES)]
    if arguments.seeds:
        seeds = tuple(map(int, _pick("seeds", arguments.seeds, {str(seed): seed for seed in range(1000)})))
        chosen = [replace(study, settings=replace(study.settings, seeds=seeds)) for study in chosen]
    threads = _pick("threads", arguments.threads, {"1": 1, "2": 2})
    precisions = _pick("precisions", arguments.precisions, {name: name for name in ("bfloat16", "float32")})
    return chosen, [c for c in COMBINATIONS if c.threads in threads and c.precision in precisions]


def _pick(name: str, text: str | None, known: dict) -> list:
    if text is None:
        return list(known.values())
    words = [word.strip() for word in text.split(",") if word.strip() and word.strip() != NONE]
    for word in words:
        if word not in known:
            raise UserError(f"{name} has {word!r}; it must be out of: {', '.join(list(known)[:40])}.")
    return [known[word] for word in dict.fromkeys(words)]
