"""A reviewer's questions of the gallery: which streams answer them, and in which words."""

import pandas as pd
import pytest
from test_gallery import TWO, rows

from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.research import gallery
from cliptta_demo.research.gallery_tables import PROBED, QUESTIONS, USUAL
from cliptta_demo.research.questions import answers, cautious, cost, questions_page, streams_of


def asked(method: str, table: str, gains: list[tuple[float, float]]) -> pd.DataFrame:
    """Two of the corruptions that the questions are asked on."""
    return rows(method, gains, table).replace({"corruption": {"snow": PROBED[0]}})


def test_a_question_is_answered_by_what_ran_in_all_its_columns() -> None:
    question = QUESTIONS["rates"]
    tables = [*question.columns.values()]
    assert tables[1] == USUAL
    tent = [asked("tent", table, [(0.1, 0.1), (0.12, 0.12)]) for table in tables]
    best = [
        asked("cliptta", table, [(gain, gain), (gain + 0.02, gain)])
        for table, gain in zip(tables, (0.2, 0.1, 0.3), strict=True)
    ]
    streams = pd.concat([*best, *tent, asked("sar", USUAL, [(0.5, 0.5)] * 2), rows("eata", [(0.5, 0.5)] * 2, USUAL)])
    found = streams_of(question, streams)
    assert {*found.corruption} == {"fog", PROBED[0]}
    table = answers(found)
    assert [*table.columns] == ["method", *question.columns]  # in the question's order
    assert table.loc["cliptta"].tolist() == ["CLIPTTA", "**+20.5 ± 0.5**", "+10.5 ± 0.5 =", "**+30.5 ± 0.5**"]
    assert table.loc["tent"].tolist() == ["TENT", "+11.0 ± 1.0", "**+11.0 ± 1.0**", "+11.0 ± 1.0"]
    assert (cost(found, "cliptta"), cost(found, "tent")) == ("three times it, +20.0 ± 0.0", "the chosen")
    with_it = [asked("cliptta", f"{TWO}-caution", [(0.3, 0.1), (0.3, 0.12)])]
    lines = cautious(pd.concat([*best, *with_it]))
    assert lines.method.tolist() == ["CLIPTTA", "CLIPTTA, with caution", "CLIPTTA: the difference"]
    assert lines["all"].tolist() == ["+10.5 ± 0.5", "+20.5 ± 0.5", "+10.0 ± 0.0"]
    assert lines["in between"].tolist() == lines["all"].tolist()
    assert lines["worst of a corruption"].tolist() == ["+10.0", "+11.0", "+1.0"]
    page = questions_page(streams)
    assert page.count("| CLIPTTA |") == 1
    assert "| three times it, +20.0 ± 0.0 |" in page


def test_what_is_asked_of_a_method_is_what_can_tell_something_of_it() -> None:
    tables = gallery.TABLES
    assert not gallery.asked_of(tables["batches-of-4"], "tpt")  # it sees each image alone
    assert gallery.asked_of(tables["every-5-ms"], "tpt")
    assert [gallery.asked_of(tables["as-authors-predict"], name) for name in ("tent", "cliptta")] == [True, False]
    assert [gallery.asked_of(tables["a-rate"], name) for name in ("cliptta", "lame")] == [True, False]
    third, chosen = (gallery.settings_of_run(name, "cliptta").variants[1] for name in ("a-rate", USUAL))
    own = load_backbone(TINY).info.adaptation
    assert 3 * third.settings(own).learning_rate == pytest.approx(10 * own.learning_rate)
    assert chosen.changes == {"rates": "own"}
    assert gallery.settings_of_run("every-5-ms", "tpt").stream.batches == 10
    assert len(gallery.settings_of_run("pictures-of-4", "tent").class_names) == 76
