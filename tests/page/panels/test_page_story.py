"""The story of a batch, each loss term by term; and the strip, which says what comes when, and accuracies by shift."""

import html
import json
from dataclasses import replace

import pytest
from helpers import labelled_source, small_backbone
from pressing import METHODS
from test_page_figures import run

from cliptta_demo.backend.methods.terms import TERMS
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.loss import STORY, matrix_data, story_data
from cliptta_demo.page.panels.stage import planned_strip
from cliptta_demo.page.panels.strip import shifts_data, strip_data, strip_of
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.glossary import GLOSSARY, glossary_html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def labelled():
    return run(labelled_source())


SPOKEN = """data => {
    const body = cliptta.make("div", { className: "body" });
    document.querySelector(".panel").replaceChildren(body);
    cliptta.kinds.matrix(body, data);
    return [...body.querySelectorAll("canvas")].map(canvas => canvas.getAttribute("aria-label"));
}"""


def test_the_story_tells_the_numbers_of_the_matrix_and_of_the_loss(labelled, drawn, scripts) -> None:
    session = labelled[0]
    story, matrix = story_data(session), matrix_data(session)
    facts = dict(zip(METHODS, drawn("matrix", matrix, ".reading"), strict=True))
    spoken = dict(zip(METHODS, scripts(SPOKEN, matrix), strict=True))
    own = {name: next(each for each in matrix["methods"] if each["method"] == name) for name in METHODS}
    for name in METHODS:
        numbers = f"{own[name]['used']} of 5 captions", f"own caption {100 * own[name]['own']:.0f} %"
        assert facts[name] == "".join(numbers)
        assert f"{numbers[0]} in use · row entropy {own[name]['entropy']:.2f} of 2.08 · {numbers[1]}." in spoken[name]
    first, second, third = drawn("story", story, "p")
    assert f"use {own['cliptta']['used']} of 5 captions." in first
    assert f"own caption {100 * own['cliptta']['own']:.0f}%" in second
    assert f"a row entropy of {own['cliptta']['entropy']:.2f} says, of 2.08 at most" in second
    assert f"its answers use {own['tent']['used']} of 5 captions." in third
    assert [one["method"] for one in story["losses"]] == ["tent", "cliptta"]
    values = iter(drawn("story", story, "dd"))
    for one in story["losses"]:
        assert one["terms"] == session.snapshot.methods[one["method"]].losses
        terms = [next(values) for _ in one["terms"]]
        assert terms == [f"{value:.2f}".replace("-", "−") for value in one["terms"].values()]
        if len(terms) > 1:
            assert float(next(values).replace("−", "-")) == pytest.approx(sum(one["terms"].values()), abs=0.005)
    assert drawn("story", story, ".when") == ["The loss at the last step of batch 3"]


def test_inside_a_batch_the_terms_move_with_the_steps(labelled, drawn) -> None:
    session, _, experiment = labelled
    looks = [look for state, look in experiment.advance(experiment.start()) if state is None and look is not None]
    told = [story_data(session, live) for live in looks]
    assert [one["step"] for one in told] == [0, 1]
    assert drawn("story", told[1], ".when") == ["The loss at step 1 of batch 1"]
    assert looks[0].losses["cliptta"] != looks[1].losses["cliptta"]
    assert [one["losses"][-1]["terms"] for one in told] == [look.losses["cliptta"] for look in looks]


def test_without_a_run_and_without_a_loss_there_is_a_sentence(drawn) -> None:
    assert "terms of each loss" in drawn("story", {}, ".empty")[0]
    idle = story_data(run(labelled_source(), methods=("zero-shot", "lame"))[0])
    assert idle["losses"] == []
    assert drawn("story", idle, ".when")[0].startswith("No method of this run has a loss")
    assert STORY.live


def test_a_part_of_a_loss_says_what_it_asks_for(labelled) -> None:
    assert {"entropy", "contrastive", "regulariser", "oce"} <= set(TERMS)
    assert all(meaning.startswith(("Asks", "The")) for _, meaning in TERMS.values())
    called = story_data(labelled[0])["called"]
    assert called["entropy"] == list(map(str, TERMS["entropy"]))
    assert set(called) == {"entropy", "contrastive", "regulariser", "memory contrastive", "memory regulariser"}


def test_each_word_is_explained_once_and_can_be_pointed_at() -> None:
    words = [word for term in GLOSSARY for word in term.forms]
    assert len(words) == len(set(words))
    page = glossary_html()
    for term in GLOSSARY:
        assert html.escape(term.meaning) in page
        assert term.meaning.endswith(".")
    assert page.count('id="term-') == len(GLOSSARY)


def test_one_shift_is_one_quiet_line(drawn) -> None:
    for later, words in ((False, ""), (True, "Next run: ")):
        data = json.loads(planned_strip(read_form({"corruption": "fog", "severity": 3, "batches": 10}), later))
        assert (data["batches"], data["classes"], data["bursts"]) == (10, [], [])
        text = drawn("strip", data, "p.quiet:only-child")
        assert text == [f"{words}Fog in all 10 batches; severity 3; classes shuffled."]


def test_blocks_classes_and_strangers_are_the_plan_s(drawn) -> None:
    settings = StreamSettings(
        schedule="gradual", shift_batches=1, severity=2, batches=5, order="late", ood_share=0.5, ood_bursts=True
    )
    data = strip_of(settings, 4)
    walk = [("gaussian_noise", 1), ("gaussian_noise", 2), ("gaussian_noise", 1), ("shot_noise", 1), ("shot_noise", 2)]
    assert data["shifts"] == [(shift, severity, 1) for shift, severity in walk]
    assert data["names"]["shot_noise"] == "Shot noise"
    assert [len(row) for row in data["classes"]] == [5] * 4
    assert data["classes"][3][0] == "0"  # not yet
    assert data["classes"][3].strip("0")
    assert sum(data["bursts"]) == pytest.approx(2.5, abs=0.05)
    assert drawn("strip", data, ".quiet") == [
        "Gaussian noise in batches 1 to 3; Shot noise in batches 4 to 5; severity 1 to 2; half of the classes late; "
        "50% strangers in bursts."
    ]


def test_a_long_plan_stays_small() -> None:
    settings = StreamSettings(corruption="cycle", batches=1000, batch_size=512, order="rotta")
    data = strip_of(settings, 1000)
    assert (len(data["classes"]), len(data["classes"][0])) == (24, 200)
    assert len(json.dumps(data)) < 50_000


def test_a_run_has_a_marker_names_of_its_shifts_and_counts_under_each(drawn) -> None:
    stream = {"schedule": "continual", "shift_batches": 1, "batches": 3, "batch_size": 10}
    recipe = read_form({"methods": ["tent"], "steps": 1, **stream})
    source = labelled_source(20)  # ends before the third batch
    recipe = replace(recipe, class_names=source.class_names)
    experiment = Experiment(recipe.settings, small_backbone(), source)
    session = Session(recipe, experiment.start())
    assert strip_data(session)["at"] == 0
    for state, snapshot in experiment.run():
        session = session.after(state, snapshot)
        if state.next_batch == 1:
            assert (strip_data(session)["at"], shifts_data(session)["rows"]) == (1, [])
    data = strip_data(session)
    assert (data["at"], data["batches"]) == (None, 2)
    assert drawn("strip", data, ".shifts span") == ["Gaussian noise", "Shot noise"]
    data = shifts_data(session)
    assert [entry["method"] for entry in data["methods"]] == ["zero-shot", "tent"]
    assert drawn("shifts", data, "tbody th") == ["Gaussian noise", "Shot noise"]
    accuracies = [own.shift_accuracy["shot_noise"] for own in session.snapshot.methods.values()]
    assert drawn("shifts", data, "tbody td")[3:] == ["10", *(f"{share:.1%} {10 * share:.0f}" for share in accuracies)]
