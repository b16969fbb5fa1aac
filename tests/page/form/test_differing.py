"""What of the form differs: from the run shown, from the defaults, from a link; and a run's settings in a line."""

from dataclasses import replace

import pytest
from pressing import press, small_model, values  # noqa: F401  (a fixture)

from cliptta_demo.page.form.choice import Choice
from cliptta_demo.page.form.differing import (
    advanced_names,
    changed_html,
    differ,
    fold_label,
    is_opening,
    run_line_html,
)
from cliptta_demo.page.form.fields import FORM, FormValues, field_names, form_of, in_group
from cliptta_demo.page.form.links import unknown_words
from cliptta_demo.page.form.opening import packaged
from cliptta_demo.page.layout.filling import address_of, leave_lesson, open_address, open_lesson, restore_defaults

FORM_NOW = form_of(values())


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
    form = FORM_NOW.changed(change)
    assert differ(FORM_NOW, form) is differs
    assert ("Settings changed: Run again to apply" in changed_html(FORM_NOW, form, "Run again")) is differs
    assert changed_html(None, form, "Run") == ""


def test_what_is_shown_is_a_session_or_what_the_page_opened_with() -> None:
    assert Choice(FORM_NOW).shown(False) is None
    assert Choice(FORM_NOW).shown(True) == Choice(FORM_NOW, idle="Example").shown(False) == FORM_NOW


def test_folds_count_what_is_changed() -> None:
    start = packaged()
    assert fold_label("Advanced", advanced_names(), start) == "Advanced"
    assert fold_label("Advanced", advanced_names(), start.changed({"steps": 9})) == "Advanced · 1 changed"
    assert fold_label("Stream", in_group("schedule"), start.changed({"schedule": "mixed"})) == "Stream · 1 changed"
    own = start.changed({"eata.margin": 0.9})
    assert fold_label("Advanced", advanced_names(), own) == "Advanced"  # of a method that takes no part
    known = {name for name in field_names() if name not in FORM or FORM[name].setting}
    assert set(advanced_names()) - {"templates"} <= known
    assert is_opening(start)
    assert not is_opening(start.changed({"seed": 3}))


def test_a_lesson_is_left_as_it_was_entered() -> None:
    mine = FormValues(seed=7, severity=2)
    asked = tuple(mine[name] for name in field_names())
    opened = open_lesson("patience", None, asked)
    assert opened["learning_rate"] == 5e-5
    assert '"sets":"learning rate 0.00005"' in opened["lesson"]
    other = open_lesson("strangers", opened["before"], asked)
    assert "OOD share 0.5" in other["lesson"]
    left = leave_lesson(other["before"])
    assert (left["seed"], left["severity"], left["before"]) == (7, 2, None)
    assert left["learning_rate"] == mine.learning_rate
    assert (left["lesson"], left["lesson_key"]) == ("", "")
    assert "session" not in left  # its run stays, with its own settings beside it
    assert restore_defaults()["seed"] == packaged().seed


def test_a_link_says_where_it_is_not_the_run_shown() -> None:
    session, _ = press()
    later, _ = press(session, corruption="fog", severity=3)
    form = form_of(values(corruption="fog", severity=3))
    query, words = address_of(values(corruption="fog", severity=3), later, form)
    assert query.startswith("?corruption=fog")
    assert "can&#x27;t hold changes" in words
    assert "fog 3 from batch 2" in words
    assert "not those of the run shown" in address_of(values(seed=5), session, FORM_NOW)[1]
    assert "note" not in address_of(values(), session, FORM_NOW)[1]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"seed": "3", "__theme": "dark", "view": "api", "utm_source": "x"}, ()),
        ({"severty": "5"}, ("'severty' (is it severity?)",)),
        ({"severity": "5", "zzz": "1", "batchsize": "2"}, ("'zzz',", "'batchsize' (is it batch_size?)")),
        ({f"q{index}": "" for index in range(9)}, ("and 4 more",)),
    ],
)
def test_unknown_words_of_a_link_are_named(query: dict[str, str], named: tuple[str, ...]) -> None:
    words = unknown_words(query)
    assert bool(words) == bool(named)
    assert all(name in words for name in named)
    if words:
        assert "leaves out" in open_address(query)["message"]
