"""The ``claims`` command: every claim of a lesson or a document, with its distance to its limits.

    python -m cliptta_demo claims --lessons collapse,style --seeds 0,1,2
    python -m cliptta_demo claims --record docs

runs each claim's streams with one and two threads, in bfloat16 and in float32, and prints its mean, standard error and
margin, and where it would fail. A stopped one goes on where it was. ``--record`` keeps what was measured: numbers
(``claims.json``), margins (``claims.md``) and the tables (``tables/``), which the tests hold the texts to. What was
recorded there of streams that are still the same, with the weights and methods of today, is not run again.
"""

import argparse
from pathlib import Path
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import PRECISIONS
from cliptta_demo.options import check_folder

NONE = "none"
SEEDS = {str(seed): seed for seed in range(1000)}


def add_claims_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``claims`` and its options."""
    claims = commands.add_parser("claims", help="measure what lessons and documents claim", description=__doc__)
    claims.formatter_class = argparse.RawDescriptionHelpFormatter
    claims.add_argument("--out", type=Path, default=Path("results/claims"), metavar="DIRECTORY", help="of the runs")
    claims.add_argument("--lessons", help="keys of the lessons to measure, separated by commas, or none; default: all")
    claims.add_argument("--tables", help="tables to measure, as their folders in docs/tables, or none; default: all")
    claims.add_argument("--seeds", help="these alone, separated by commas; default: 20 of a lesson, 3 or 5 of a table")
    claims.add_argument("--threads", default="1,2", help="default: 1,2")
    claims.add_argument("--precisions", default="bfloat16,float32", help="default: bfloat16,float32")
    claims.add_argument(
        "--record", type=Path, metavar="DIRECTORY", help="write everything there; takes no choice above"
    )
    claims.set_defaults(work=claims_command)


def claims_command(arguments: argparse.Namespace) -> None:
    """The ``claims`` command; what can't be measured is refused before anything is loaded."""
    threads = pick("threads", arguments.threads, {"1": 1, "2": 2})
    precisions = pick("precisions", arguments.precisions, {name: name for name in PRECISIONS})
    if 1 not in threads or "bfloat16" not in precisions:
        raise UserError(
            "Margins are those of 1 thread and bfloat16, and how far the others are from them: "
            "leave 1 among --threads and bfloat16 among --precisions."
        )
    chosen = arguments.lessons or arguments.tables or arguments.seeds or len(threads) * len(precisions) < 4
    if arguments.record and chosen:
        raise UserError("--record keeps everything: leave out --lessons, --tables, --seeds, --threads, --precisions.")
    if arguments.seeds and len(pick("seeds", arguments.seeds, SEEDS)) < 2:
        raise UserError(f"seeds is {arguments.seeds!r}: one seed shows no spread, so no margin. Give two or more.")
    check_folder(arguments.record or arguments.out)
    from cliptta_demo.research.measure import measure  # the page's form comes with it: no other command waits for that

    measure(arguments)


def pick(name: str, text: str | None, known: dict[str, Any]) -> list[Any]:
    """What the words of an option stand for, each once; all that is known where there are none."""
    if text is None:
        return list(known.values())
    words = [word.strip() for word in text.split(",") if word.strip() and word.strip() != NONE]
    for word in words:
        if word not in known:
            raise UserError(f"{name} has {word!r}; it must be out of: {', '.join(list(known)[:40])}.")
    return [known[word] for word in dict.fromkeys(words)]
