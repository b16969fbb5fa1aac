"""Why's headline and bars say what the ablation's record finds; its triangles move points as the engine's losses do."""

import re
from dataclasses import replace

import pytest
import torch
from helpers import labelled_source
from paths import ROOT
from test_page_figures import run

from cliptta_demo.backend.methods.losses import marginal_entropy, mean_entropy, pseudo_captions, soft_contrastive
from cliptta_demo.backend.methods.recorded import ablated
from cliptta_demo.backend.methods.recorded import nearest_ablation as nearest
from cliptta_demo.page.panels.ablated import STREAMS, ablated_data
from cliptta_demo.page.panels.loss import story_data

pytestmark = pytest.mark.browser
POINTS = [[0.5, 0.3, 0.2], [0.44, 0.36, 0.2], [0.2, 0.5, 0.3], [0.36, 0.18, 0.46], [0.4, 0.37, 0.23]]
LEANING = [[0.5, 0.3, 0.2], [0.44, 0.36, 0.2], [0.6, 0.22, 0.18]]
SCALE = 100.0  # of logits, which it leaves as they are


def contrastive(logits: torch.Tensor) -> torch.Tensor:
    features, prototypes = logits / SCALE, torch.eye(3, dtype=logits.dtype)
    return soft_contrastive(features, pseudo_captions(features, prototypes), SCALE)


LOSSES = {"entropy": mean_entropy, "contrastive": contrastive, "none": lambda logits: 0.0 * logits.sum()}


@pytest.mark.parametrize("objective", LOSSES)
@pytest.mark.parametrize("regulariser", [0, 1])
def test_points_move_as_the_engines_losses_move_them(scripts, objective: str, regulariser: int) -> None:
    terms = {objective: 1, "regulariser": regulariser}
    found = scripts("(points, terms) => cliptta.descent(points, terms, 12, 0.5)", POINTS, terms)
    logits = torch.tensor(POINTS, dtype=torch.float64).log()
    assert len(found) == 13
    for position in found:
        assert torch.tensor(position, dtype=torch.float64) == pytest.approx(logits.softmax(1), abs=1e-6)
        logits = logits.detach().requires_grad_(True)
        loss = LOSSES[objective](logits) - regulariser * marginal_entropy(logits)
        (slope,) = torch.autograd.grad(loss, logits)
        logits = (logits - 0.5 * len(POINTS) * slope).detach()


def test_entropy_takes_each_point_to_its_own_corner_and_contrast_needs_a_second_caption(scripts) -> None:
    work = "(points, objective) => cliptta.descent(points, { [objective]: 1 })"
    ends = {one: torch.tensor(scripts(work, LEANING, one)[-1]) for one in ("entropy", "contrastive")}
    assert ends["entropy"][:, 0].min() > 0.95
    assert ends["contrastive"] == pytest.approx(torch.tensor(LEANING), abs=1e-6)
    parted = scripts(work, [[0.45, 0.35, 0.2], [0.35, 0.45, 0.2]], "contrastive")[-1]
    assert parted[0][0] / parted[0][1] > 5
    assert torch.tensor(scripts(work, [[1, 0, 0], [0, 1, 0]], "entropy")).isfinite().all()


def test_the_record_is_the_ablations_page() -> None:
    page = (ROOT / "docs" / "ablation.md").read_text(encoding="utf-8")
    tables = {
        title.lower(): table for title, table in re.findall(r"^### (.*?)\n\n(.*?)(?=\n\n###|\Z)", page, re.M | re.S)
    }
    for name, words in STREAMS.items():
        size = name.rpartition("-")[2]
        (table,) = (
            text
            for title, text in tables.items()
            if title.endswith(f"batches of {size}") and title[:5] in words.lower()
        )
        data = ablated_data_of(name)
        assert f"(zero-shot: {data['before']:.1f} %)" in table
        told = [re.sub(r"[*\s]", "", cell) for cell in table.splitlines()[2:]]
        for row in data["rows"]:
            sign = f"|{row['gain']:+.1f}±{row['margin']:.1f}|{row['collapsed']}of{row['runs']}|"
            terms = next((name for name in ("entropy", "contrastive") if row[name]), "–")
            own = ["", terms, *("on" if row[term] else "–" for term in ("regulariser", "memory"))]
            assert [line for line in told if line.startswith("|".join(own)) and line.endswith(sign)], row


def ablated_data_of(name: str) -> dict:
    dataset, _, size = name.rpartition("-")
    session = run(labelled_source())[0]
    stream = replace(session.recipe.settings.stream, batch_size=int(size))
    recipe = replace(session.recipe, dataset=dataset, settings=replace(session.recipe.settings, stream=stream))
    return ablated_data(replace(session, recipe=recipe))


def test_a_run_is_shown_the_stream_that_is_nearest() -> None:
    assert ablated().keys() == STREAMS.keys()
    assert nearest("pictures", 24) == nearest("hf:zoo/animals", 4) == "pictures-16"
    assert nearest("pictures", 6) == "pictures-4"
    assert nearest("tiny-imagenet", 1) == "tiny-imagenet-64"
    assert ablated_data()["stream"] == "built-in pictures, batches of 16"


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("pictures-16", "Asking for every class keeps them apart."),
        ("cifar10-64", "The regulariser keeps them apart."),  # the contrast alone gains nothing there
    ],
)
def test_the_headline_says_what_the_record_can_tell(drawn, name: str, headline: str) -> None:
    data = ablated_data_of(name)
    assert drawn("finding", data, "h2")[0].endswith(headline)
    fell = data["rows"][0]
    assert f"{fell['collapsed']} of {fell['runs']} runs of TENT" in drawn("finding", data, "p")[0]
    first = drawn("terms", {}, ".ablated li small")[0]
    assert first.replace("−", "-").startswith(f"{fell['gain']:+.1f} ±{fell['margin']:.1f}")


def test_the_way_is_of_a_method_that_learns_from_a_batch() -> None:
    told = story_data(run(labelled_source())[0])
    assert (told["learner"], told["steps"], told["caption"]) == ("cliptta", 2, "a photo of a {}")
    assert story_data(run(labelled_source(), methods=("zero-shot", "tent"))[0])["learner"] == "tent"
    assert story_data(run(labelled_source(), methods=("zero-shot", "lame"))[0])["learner"] == ""
