"""What of the form differs: from the run shown, from the defaults, from a link; and a run's settings in a line."""

from dataclasses import replace

import pytest
from pressing import press, small_model, values  # noqa: F401  (a fixture)

from cliptta_demo.backend.data.collection import GivenFile
from cliptta_demo.page.form.links import unknown_words
from cliptta_demo.page.form.reading import read_form, readable, usual_values
from cliptta_demo.page.layout.filling import address_of, leave_lesson, open_address, open_lesson, restore_defaults
from cliptta_demo.page.layout.form_events import changed_html, fold_labels
from cliptta_demo.page.panels.progress import run_line_html
from cliptta_demo.page.session.state import Choice, Uploads

FORM_NOW = values()
SHOWN = read_form(FORM_NOW)


def test_a_run_says_its_own_settings_and_the_changes_on_its_way() -> None:
    session, _ = press()
    assert "Built-in pictures · impulse noise 4 · Zero-shot, TENT, CLIPTTA · 3 batches of 8<" in run_line_html(session)
    later, _ = press(session, corruption="fog", severity=3)
    assert "· Impulse noise 4 ·" in run_line_html(later)
    assert "· fog 3 from batch 2<" in run_line_html(later)
    assert run_line_html() == ""
    strange = replace(session.recipe, dataset="hf:a/<b>")
    assert "a/&lt;b&gt; ·" in run_line_html(replace(session, recipe=strange))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({}, False),
        ({"ood_source": "letters"}, False),  # strangers that never come
        ({"batch_size": 8.0}, False),
        ({"severity": 5}, True),
        ({"class_names": ""}, True),  # an error: nobody's run
        ({"methods": ["zero-shot"]}, True),
    ],
)
def test_a_form_differs_where_it_would_be_another_run(change: dict, differs: bool) -> None:
    asked = readable(FORM_NOW | change)
    assert ("Settings changed: Run again to apply" in changed_html(SHOWN, asked, "Run again")) is differs
    assert changed_html(None, asked, "Run") == ""


def test_more_images_are_another_run() -> None:
    form = FORM_NOW | {"dataset": "upload"}
    files = GivenFile("/x/1.png", "a.png"), GivenFile("/x/2.png", "b.png")
    one, two = (Uploads(files[:count], 64, None, (), (), ()) for count in (1, 2))
    assert changed_html(read_form(form, one), read_form(form, one), "Run") == ""
    assert changed_html(read_form(form, one), read_form(form, two), "Run")
    assert changed_html(SHOWN, read_form(FORM_NOW, two), "Run") == ""


def test_what_is_shown_is_a_session_or_what_the_page_opened_with() -> None:
    assert Choice(SHOWN).shown(False) is None
    assert Choice(SHOWN).shown(True) == Choice(SHOWN, idle="Example").shown(False) == SHOWN


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        ({}, ("Stream", "Advanced")),
        ({"steps": 9}, ("Stream", "Advanced · 1 changed")),
        ({"schedule": "mixed"}, ("Stream · 1 changed", "Advanced")),
        ({"templates": "{}"}, ("Stream", "Advanced · 1 changed")),
        ({"eata.similarity": 0.7}, ("Stream", "Advanced")),  # of a method that takes no part
        ({"eata.similarity": 0.7, "methods": ["eata"]}, ("Stream", "Advanced · 1 changed")),
        ({"batches": None}, ("Stream", "Advanced")),  # no run yet
    ],
)
def test_folds_count_what_is_changed(changes: dict, titles: tuple[str, str]) -> None:
    assert fold_labels(readable(changes)) == titles


def test_a_lesson_is_left_as_it_was_entered() -> None:
    mine = usual_values() | {"seed": 7, "severity": 2}
    opened = open_lesson("patience", mine)
    assert opened["learning_rate"] == 5e-5
    assert '"sets":"learning rate 0.00005"' in opened["lesson"]
    other = open_lesson("strangers", opened["before"])
    assert "OOD share 0.5" in other["lesson"]
    left = leave_lesson(other["before"])
    assert (left["seed"], left["severity"], left["before"]) == (7, 2, None)
    assert left["learning_rate"] == mine["learning_rate"]
    assert (left["lesson"], left["lesson_key"]) == ("", "")
    assert "session" not in left  # its run stays, with its own settings beside it
    assert restore_defaults()["seed"] == mine["seed"] - 7


def test_a_link_says_where_it_is_not_the_run_shown() -> None:
    session, _ = press()
    later, _ = press(session, corruption="fog", severity=3)
    form = values(corruption="fog", severity=3)
    query, words = address_of(form, session=later, shown=read_form(form))
    assert query.startswith("?corruption=fog")
    assert "can&#x27;t hold changes" in words
    assert "fog 3 from batch 2" in words
    assert "not those of the run shown" in address_of(values(seed=5), session=session, shown=SHOWN)[1]
    assert "note" not in address_of(FORM_NOW, session=session, shown=SHOWN)[1]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"seed": "3", "__theme": "dark", "view": "api", "utm_source": "x"}, ()),
        ({"severty": "5"}, ("'severty' (is it severity?)",)),
        ({"severity": "5", "zzz": "1", "batchsize": "2"}, ("'zzz',", "'batchsize' (is it batch_size?)")),
        ({f"q{index}": "" for index in range(9)}, ("'q4', …",)),
    ],
)
def test_unknown_words_of_a_link_are_named(query: dict[str, str], named: tuple[str, ...]) -> None:
    words = unknown_words(query)
    assert bool(words) == bool(named)
    assert all(name in words for name in named)
    if words:
        assert "leaves out" in open_address(query)["message"]
