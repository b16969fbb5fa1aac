"""The outcomes of a gallery's streams in one file, a line each, so that they are not run again."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cliptta_demo.research.ranking import Outcome

KINDS = {field.name: field.type for field in fields(Outcome)}


@dataclass(frozen=True)
class Kept:
    """The streams of one method on one table. ``digest``: of all that defines them, see :func:`digest_of`."""

    digest: str
    outcomes: Sequence[Outcome]


KeptTables = Mapping[str, Mapping[str, Kept]]  # a table's name → method → its streams


def digest_of(*about: object) -> str:
    """A short name of plain data."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]


def to_csv(tables: KeptTables) -> str:
    """A line for each stream."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", "method", "settings", *KINDS])
    for table, methods in tables.items():
        for method, kept in methods.items():
            for outcome in kept.outcomes:
                values = asdict(outcome) | {"collapsed": int(outcome.collapsed)}
                writer.writerow([table, method, kept.digest, *values.values()])
    return file.getvalue()


def read_csv(path: Path) -> dict[str, dict[str, Kept]]:
    """What :func:`to_csv` wrote; nothing where there is no such file."""
    found: dict[str, dict[str, Kept]] = {}
    if not path.exists():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            kept = found.setdefault(line["table"], {}).setdefault(line["method"], Kept(line["settings"], []))
            kept.outcomes.append(Outcome(**{name: _read(kind, line[name]) for name, kind in KINDS.items()}))
    return found


def _read(kind: type, text: str) -> object:
    return bool(int(text)) if kind is bool else kind(text)
