"""Makes the finished run that the page opens with.

    python -m cliptta_demo.page.make_example

runs the page's opening experiment and writes ``assets/example.json`` anew: for each part of the stage what it shows.
"""

from __future__ import annotations

import json

from cliptta_demo.backend.backbones import tuned_adaptation
from cliptta_demo.page.cards import example_progress_html
from cliptta_demo.page.defaults import DEFAULTS, corruption_name
from cliptta_demo.page.example import EXAMPLE
from cliptta_demo.page.form import read_form
from cliptta_demo.page.links import starting_values
from cliptta_demo.page.runner import open_experiment, work
from cliptta_demo.page.session import Session
from cliptta_demo.page.view import stage


def make_example() -> Session:
    """The opening experiment, run to its end."""
    recipe = read_form(starting_values(tuned_adaptation(DEFAULTS.backbone)))
    experiment, _ = open_experiment(recipe, None)
    session = Session(recipe, experiment.start())
    for look in work(experiment, session):
        session = look.session
    return session


def example_stage(session: Session) -> dict[str, str]:
    """Every part of the stage as after that run, marked as an example."""
    return stage(session, "done") | {"progress": example_progress_html(*_words(session))}


def _words(session: Session) -> tuple[str, int]:
    stream = session.recipe.settings.stream
    return corruption_name(stream.corruption), stream.severity


def main() -> None:
    """Writes the file and says what it shows."""
    session = make_example()
    EXAMPLE.write_text(json.dumps(example_stage(session), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    for name, method in session.snapshot.methods.items():
        print(f"{name} {method.accuracy:.1%}")
    print(f"{EXAMPLE.name}: {EXAMPLE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
