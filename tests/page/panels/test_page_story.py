"""The story of a batch: numbers that other panels show too, and each loss term by term."""

import html

import pytest
from helpers import labelled_source
from test_page_figures import METHODS, run

from cliptta_demo.page.panels.loss import STORY, matrix_data, story_data
from cliptta_demo.page.words.glossary import GLOSSARY, glossary_html


@pytest.fixture(scope="module")
def labelled():
    return run(labelled_source())


@pytest.mark.browser
def test_the_story_tells_the_numbers_of_the_matrix_and_of_the_loss(labelled, drawn) -> None:
    session = labelled[0]
    story, matrix = story_data(session), matrix_data(session)
    used, own, entropy, alone = drawn("story", story, ".number")
    facts = dict(zip(METHODS, drawn("matrix", matrix, ".reading"), strict=True))
    assert facts["cliptta"] == f"{used} captions in use · row entropy {entropy} of 2.08 · own caption {own}"
    assert facts["tent"].startswith(f"{alone} captions in use")
    assert [one["method"] for one in story["losses"]] == ["tent", "cliptta"]
    values = iter(drawn("story", story, "dd"))
    for one in story["losses"]:
        assert one["terms"] == session.snapshot.methods[one["method"]].losses
        terms = [next(values) for _ in one["terms"]]
        assert terms == [f"{value:.2f}".replace("-", "−") for value in one["terms"].values()]
        if len(terms) > 1:
            assert float(next(values).replace("−", "-")) == pytest.approx(sum(one["terms"].values()), abs=0.005)
    assert drawn("story", story, ".when") == ["The loss at the last step of batch 3"]


@pytest.mark.browser
def test_inside_a_batch_the_terms_move_with_the_steps(labelled, drawn) -> None:
    session, _, experiment = labelled
    looks = [look for state, look in experiment.advance(experiment.start()) if state is None and look is not None]
    told = [story_data(session, live) for live in looks]
    assert [one["step"] for one in told] == [0, 1]
    assert drawn("story", told[1], ".when") == ["The loss at step 1 of batch 1"]
    assert looks[0].losses["cliptta"] != looks[1].losses["cliptta"]
    assert [one["losses"][-1]["terms"] for one in told] == [look.losses["cliptta"] for look in looks]


@pytest.mark.browser
def test_without_a_run_and_without_a_loss_there_is_a_sentence(drawn) -> None:
    assert "Press Run" in drawn("story", {}, ".empty")[0]
    idle = story_data(run(labelled_source(), methods=("zero-shot", "lame"))[0])
    assert idle["losses"] == []
    assert drawn("story", idle, ".when")[0].startswith("No method of this run has a loss")
    assert STORY.live


@pytest.mark.browser
def test_a_part_of_a_loss_says_what_it_asks_for(scripts) -> None:
    terms = scripts("() => cliptta.lossTerms")
    assert {"entropy", "contrastive", "regulariser", "oce"} <= set(terms)
    assert all(meaning.startswith(("Asks", "The")) for _, meaning in terms.values())


def test_each_word_is_explained_once_and_can_be_pointed_at() -> None:
    words = [word for term in GLOSSARY for word in (term.name, *term.others)]
    assert len(words) == len(set(words))
    page = glossary_html()
    for term in GLOSSARY:
        assert html.escape(term.meaning) in page
        assert term.meaning.endswith(".")
    assert page.count('id="term-') == len(GLOSSARY)
