"""The story of a batch: numbers that other panels show too, and each loss term by term."""

import html

import pytest
from helpers import labelled_source
from test_page_figures import run

from cliptta_demo.page.panels.matrix import matrix_data
from cliptta_demo.page.panels.stage import waiting_stage
from cliptta_demo.page.panels.story import PANEL, story_data
from cliptta_demo.page.words.glossary import GLOSSARY, LOSS_TERMS, glossary_html


@pytest.fixture(scope="module")
def labelled():
    return run(labelled_source())


def numbers(story):
    return [part[0] for sentence in story["sentences"] for part in sentence if isinstance(part, list)]


def test_the_story_tells_the_numbers_of_the_matrix_and_of_the_loss(labelled) -> None:
    session = labelled[0]
    story, facts = story_data(session), {one["method"]: one["facts"] for one in matrix_data(session)["matrices"]}
    used, own, entropy, alone = numbers(story)
    assert facts["cliptta"] == f"{used} captions in use · row entropy {entropy} of 2.08 · own caption {own}"
    assert facts["tent"].startswith(f"{alone} captions in use")
    assert [one["method"] for one in story["losses"]] == ["tent", "cliptta"]
    for one in story["losses"]:
        losses = session.snapshot.methods[one["method"]].losses
        assert [term[0] for term in one["terms"]] == list(losses)
        assert all(meaning for *_, meaning in one["terms"])
        shown = sum(float(value.replace("−", "-")) for _, value, _ in one["terms"])
        assert shown == pytest.approx(sum(losses.values()), abs=0.005 * len(losses))
    assert story["when"] == "the last step of batch 3"


def test_inside_a_batch_the_terms_move_with_the_steps(labelled) -> None:
    session, _, experiment = labelled
    looks = [look for state, look in experiment.advance(experiment.start()) if state is None and look is not None]
    told = [story_data(session, live) for live in looks]
    assert [one["when"] for one in told] == ["step 0 of batch 1", "step 1 of batch 1"]
    assert looks[0].losses["cliptta"] != looks[1].losses["cliptta"]
    for look, one in zip(looks, told, strict=True):
        terms = {term: value.replace("−", "-") for term, value, _ in one["losses"][-1]["terms"]}
        assert terms == {term: f"{value:.2f}" for term, value in look.losses["cliptta"].items()}


def test_without_a_run_and_without_a_loss_there_is_a_sentence() -> None:
    assert "Press Run" in waiting_stage()["story"]
    assert story_data(run(labelled_source(), methods=("zero-shot", "lame"))[0])["losses"] == []
    assert PANEL.live


def test_each_word_is_explained_once_and_can_be_pointed_at() -> None:
    words = [word for term in GLOSSARY for word in (term.name, *term.others)]
    assert len(words) == len(set(words))
    page = glossary_html()
    for term in GLOSSARY:
        assert html.escape(term.meaning) in page
        assert term.meaning.endswith(".")
    assert page.count('id="term-') == len(GLOSSARY)
    assert all(meaning.startswith(("Asks", "The")) for _, meaning in LOSS_TERMS.values())
