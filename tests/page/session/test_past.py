"""Runs beside the one shown: what is kept of them, what differs between them, and how they travel in a link."""

import csv
import io
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from helpers import faults
from pressing import HOST, press, small_model, values  # noqa: F401  (a fixture)

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import nbytes
from cliptta_demo.page.form.links import LONGEST_PIN, read_pins
from cliptta_demo.page.layout.filling import address_of, clear_uploads, open_address, open_lesson
from cliptta_demo.page.layout.panels_with_buttons import asked, pin
from cliptta_demo.page.panels.past_runs import Past, past_csv, past_data
from cliptta_demo.page.panels.stage import example_run, load_example
from cliptta_demo.page.runs import handlers
from cliptta_demo.page.session.past import LAST, PastRuns, past_run
from cliptta_demo.page.words.defaults import DEFAULTS

DRAWN_BEHIND = """(data) => {
    cliptta.arrivals.past(data);
    const facets = [{ id: "accuracy", data: [{}] }];
    const { note } = cliptta.withOverlays({ facets, legend: data.methods });
    const told = [note, cliptta.beside.map((tell) => tell("tent")).filter(Boolean)];
    cliptta.arrivals.past({});
    return told;
}"""


def query_of(past: PastRuns, **changes: object) -> dict[str, str]:
    address, message = address_of(values(**changes), past=past)
    assert "error" not in message
    return dict(parse_qsl(address[1:]))


def wish(past: PastRuns, session: object, **said: str) -> PastRuns:
    return asked(json.dumps(said), past, session).get("past_runs")


@pytest.fixture(scope="module")
def two():
    """(last run's session, session of the run shown, what is kept) of two runs that differ in one setting."""
    with pytest.MonkeyPatch.context() as patch:
        from pressing import BACKBONE, gpu, runner

        for module in (runner, gpu):
            patch.setattr(module, "load_backbone", lambda name, **_: BACKBONE)
        first, _ = press(batches=None)
        second, updates = press(first, batches=None, severity=5, batch_size=9)
    (past,) = (update["past_runs"] for update in updates if "past_runs" in update)
    return first, second, past


@pytest.mark.browser
def test_a_new_run_leaves_the_one_before_as_few_numbers(two, scripts) -> None:
    first, second, past = two
    assert past.last.recipe == first.recipe
    assert past.drawn is past.last
    for name, method in first.snapshot.methods.items():
        assert past.last.methods[name].accuracy.tolist() == list(method.series.accuracy)
        assert past.last.methods[name].end == method.accuracy
    assert nbytes(past.last.methods) < 4_000  # whatever the images weigh
    data = past_data(past, second)
    assert data["settings"] == ["severity", "batch size"]
    assert [(row["name"], row["settings"]) for row in data["rows"]] == [("This run", ["5", "9"]), (LAST, ["4", "8"])]
    assert faults(json.loads(json.dumps(data)), Past, "past") == []
    note, beside = scripts(DRAWN_BEHIND, data)
    assert note == "Faint, dotted: last run (severity 4, batch size 8)."
    assert len(data["behind"]["methods"]["tent"]["accuracy"]) == 3
    share = first.snapshot.methods["tent"].accuracy
    assert beside == [f"┄ {share:.1%}"]
    going_on, updates = press(first, batches=None, learning_rate=0.001)
    assert going_on.state.next_batch == 3  # the stream had ended, so it began anew
    assert any("past_runs" in update for update in updates)


def test_reset_and_lessons_keep_it_and_going_on_changes_nothing(two) -> None:
    first, second, past = two
    assert handlers.reset(None, first, PastRuns())["past_runs"].last.recipe == first.recipe
    assert open_lesson("strangers", None, second, past)["past_runs"].last.recipe == second.recipe
    assert past.after(None).last is past.last
    started, _ = press(batches=1)
    _, updates = press(started, batches=1, severity=5)
    assert not [update for update in updates if "past_runs" in update]


def test_the_example_can_be_pinned_and_is_nobodys_last_run() -> None:
    shown = example_run(load_example())
    past = PastRuns(shown=shown)
    assert [len(method.accuracy) for method in shown.methods.values()] == [DEFAULTS.stream.batches] * 3
    assert [row["kind"] for row in past_data(past, None)["rows"]] == ["this"]
    assert pin(past, None)["past_runs"].pins[0].recipe == shown.recipe
    assert past.after(None).last is None
    assert past.after(None).shown is None
    assert example_run(None) is example_run({"accuracy": "{}", "entropy": "{}"}) is None


def test_four_are_pinned_renamed_drawn_and_unpinned(two) -> None:
    first, _, past = two
    for _ in range(4):
        past = pin(past, first)["past_runs"]
    names = [run.name for run in past.pins]
    assert names == ["batch size 8, batches 3", *(f"batch size 8, batches 3 ({n})" for n in (2, 3, 4))]
    with pytest.raises(UserError, match="unpin one first"):
        pin(past, first)
    past = wish(past, first, do="rename", name=names[0], to="  mine \n own" + "x" * 99)
    assert past.pins[0].name.startswith("mine ownxx")
    assert len(past.pins[0].name) == 40
    past = wish(past, first, do="rename", name=names[1], to=LAST)
    assert past.pins[1].name == f"{LAST} (2)"  # no pin takes the last run's name
    assert wish(past, first, do="rename", name=names[2], to=" ").pins[2].name == names[2]
    past = wish(past, first, do="behind", name=names[3])
    assert past.drawn is past.pins[3]
    assert wish(past, first, do="behind", name=names[3]).drawn is None
    past = wish(past, first, do="unpin", name=names[3])
    assert len(past.pins) == 3
    assert past.drawn is past.last
    loaded = asked(json.dumps({"do": "load", "name": names[2]}), past, first)
    assert (loaded["batch_size"], loaded["severity"]) == (8, 4)
    for text in ("", "[]", "{}", "[" * 3000, '{"do": "no such"}', '{"do": "load", "name": "?"}'):
        with pytest.raises(UserError):
            asked(text, past, first)
    with pytest.raises(UserError, match="press Run first"):
        pin(PastRuns(), None)


def test_the_file_holds_all_rows_and_no_formula(two) -> None:
    first, second, past = two
    past = past.pin(past_run(first), "=1+1")
    text = json.loads(past_csv(past, second))["text"].removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["run"] for row in rows] == ["This run", LAST, "'=1+1"]
    assert [row["severity"] for row in rows] == ["5", "4", "4"]
    assert rows[0]["cliptta accuracy"] == str(round(second.snapshot.methods["cliptta"].accuracy, 4))
    assert "severity=5" in rows[0]["link"]
    assert past_csv(PastRuns(), None) == ""


def test_pins_travel_in_a_link_with_their_numbers(two) -> None:
    first, _, past = two
    past = past.pin(past_run(first), "a & b=c").pin(replace(past_run(first), methods={}), "nothing")
    query = query_of(past, seed=7)
    assert query["seed"] == "7"
    update = open_address(query)
    assert "2 runs are pinned" in update["message"]
    one, other = update["past_runs"].pins
    assert (one.name, one.batches, one.linked, one.recipe) == ("a & b=c", 3, True, first.recipe)
    assert one.methods["tent"].end == pytest.approx(past.pins[0].methods["tent"].end, abs=1e-4)
    assert (other.name, other.methods) == ("nothing", {})
    rows = past_data(update["past_runs"], None)["rows"]
    assert rows[0]["linked"]
    only = open_address({"pin1": query["pin1"]})
    assert "seed" not in only  # the form stays as it is
    long = replace(first.recipe, source_names=("x" * 40,) * 60, class_names=("x" * 40,) * 60)
    address, message = address_of(values(), past=PastRuns().pin(replace(one, recipe=long), "long"))
    assert "pin" not in address
    assert "Left out of the link" in message
    assert "long." in message


def test_a_bad_pin_is_refused_in_a_sentence() -> None:
    for text, words in {
        "severity=9": "severity is 9",
        "zzz=1": "it has no setting 'zzz'",
        "done=11": "done is 11; it must be a whole number from 1 to 10",
        "done=x": "done is 'x'",
        "numbers=eata:1:1": "numbers has 'eata:1:1'",
        "numbers=tent:nan:1": "must be a number from 0 to 1",
        "numbers=tent:1:9": "must be a number from 0 to 2.49",
        "numbers=tent": "METHOD:ACCURACY:ENTROPY",
        "name=" + "x" * LONGEST_PIN: "characters long",
        "backbone=local-dir:/etc": "must be one of",
    }.items():
        with pytest.raises(UserError, match=r"^pin2:? .*\.$") as refused:
            read_pins({"pin2": text})
        assert words in str(refused.value)
        assert "past_runs" not in open_address({"pin2": text})
    assert read_pins({"pin1": "name=\x00\u202e x"})[0].methods == {}


def test_a_last_run_of_other_classes_is_not_drawn_behind(two) -> None:
    first, second, past = two
    fewer = replace(
        past.last,
        recipe=replace(
            first.recipe, class_names=first.recipe.class_names[1:], source_names=first.recipe.source_names[1:]
        ),
    )
    assert past_data(past, second)["behind"]
    assert past_data(replace(past, last=fewer), second)["behind"] is None


def test_own_images_take_their_runs_with_them(two) -> None:
    first, second, past = two
    own = replace(past.last, recipe=replace(first.recipe, dataset="upload"))
    past = replace(past, last=own).pin(own, "own").pin(past_run(second), "other")
    left = clear_uploads(HOST.uploads, second, None, None, past)["past_runs"]
    assert left.last is None
    assert [run.name for run in left.pins] == ["other"]
