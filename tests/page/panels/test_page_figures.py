"""Snapshots → figures, words and answers, on a run of a small real model."""

import base64
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers import CLASSES, labelled_source, random_images
from PIL import Image
from pressing import METHODS, run_of

from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.backend.methods import registry
from cliptta_demo.backend.run.metrics import Paired
from cliptta_demo.backend.run.summary import statuses
from cliptta_demo.page.panels.curves import accuracy_data, entropy_data
from cliptta_demo.page.panels.figures import gain_data, reliability_data, scores_data
from cliptta_demo.page.panels.heads import message_html, progress_html, spoken
from cliptta_demo.page.panels.images import gallery_data
from cliptta_demo.page.panels.stage import live_stage, stage
from cliptta_demo.page.session.state import Mark, Session, sprite_sheet

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="alert(1)">'


def run(source, strangers=None, ood_share=0.0, **changes):
    looks, experiment = run_of(source, strangers, ood_share=ood_share, corruption="fog", severity=2, **changes)
    return looks[-1].session, [look.live for look in looks if look.live is not None], experiment


@pytest.fixture(scope="module")
def labelled():
    return run(labelled_source())


@pytest.fixture(scope="module")
def unlabelled():
    names = (HOSTILE, "b.png", "c.png", "d.png", "e.png")
    return run(GivenImages(random_images(5), CLASSES, names=names), names=(HOSTILE, *CLASSES[1:]))[0]


@pytest.fixture(scope="module")
def open_set():
    strangers = GivenImages(random_images(20, seed=9), ("x",), labelled_source(20).labels * 0 + OOD_LABEL)
    return run(labelled_source(), strangers, ood_share=0.5)[0]


def test_curves_hold_the_snapshots_numbers_marks_and_a_ceiling(labelled, figure):
    session = labelled[0]
    drawn = figure("accuracy", accuracy_data(session))
    assert [entry["method"] for entry in drawn["legend"]] == list(METHODS)
    (facet,) = drawn["facets"]
    lines = [trace for trace in facet["data"] if "lines" in trace["mode"]]
    assert [line["line"]["color"] for line in lines] == ["@grey", "@vermilion", "@blue"]
    for name, line in zip(METHODS, lines, strict=True):
        series = session.snapshot.methods[name].series
        assert (line["x"], line["y"]) == ([1, 2, 3], pytest.approx(series.accuracy, abs=1e-4))
    assert "fog, severity 2" in lines[0]["hovertemplate"].lower()
    assert f"{session.snapshot.methods['tent'].accuracy:.1%}" in facet["alt"]
    changed = replace(session, marks=(Mark(2, "fog 5"),))
    figures = (figure("accuracy", accuracy_data(changed)), ["fog 5"]), (figure("entropy", entropy_data(changed)), [])
    for drawn, notes in figures:
        layout = drawn["facets"][0]["layout"]
        marks = [shape for shape in layout["shapes"] if shape.get("xref") != "paper"]
        assert [(mark["x0"], mark["line"]["dash"]) for mark in marks] == [(2.5, "dash")]
        assert [note["text"] for note in layout["annotations"] if note["x"] == 2.5] == notes
    (ceiling,) = [shape for shape in layout["shapes"] if shape["line"]["dash"] == "dot"]
    assert ceiling["y0"] == pytest.approx(math.log(5))


def watched(scripts, name, data, parts):
    """The texts of parts of what *Watch* draws of a batch, in a place as wide as on the page."""
    work = """(name, data, parts) => {
        cliptta.arrivals.gallery(data);
        const body = cliptta.make("div.body", { style: "width: 372px" });
        const panel = cliptta.make("section.panel", cliptta.make("header", cliptta.make("p.sentence")), body);
        document.querySelector(".gradio-container").append(panel);
        cliptta.kinds[name](body, {});
        const texts = parts.map((part) => [...panel.querySelectorAll(part)].map((found) => found.textContent.trim()));
        panel.remove();
        return texts;
    }"""
    return scripts(work, name, data, parts)


def test_answers_are_squares_by_class_and_method_and_the_sentence_counts_them(labelled, scripts):
    snapshot, data = labelled[0].snapshot, gallery_data(labelled[0])
    views = [snapshot.methods[name].batch for name in METHODS]
    right = [int((view.predicted == snapshot.labels).sum()) for view in views]
    wrong = [len(snapshot.labels) - count for count in right]
    used = [len(set(view.predicted.tolist())) for view in views]
    squares = [".right", ".wrong", ".missed"]
    counts, names, largest, hint, *found = watched(
        scripts, "answers", data, [".count", ".row title", ".largest", ".hint", *squares]
    )
    assert counts == [str(count) for count in used]
    assert names == list(CLASSES)
    assert [*map(len, found)] == [sum(right), sum(wrong), sum(wrong)]
    assert largest == [str(max(np.bincount(view.predicted))) for view in views]
    assert hint == ["Full: right. Pale: wrong. Hollow: called something else."]
    shown, words = watched(scripts, "words", data, [".sentence", ".word.right"])
    assert shown == [f"{len(snapshot.labels)} of {len(snapshot.labels)} images"]
    assert len(words) == sum(right)
    for own, view in zip(data["methods"].values(), views, strict=True):  # who calls all one name leads
        view = dict.fromkeys(range(len(snapshot.labels)), 1) if own["method"] == "tent" else view.predicted
        own["predicted"] = [int(view[index]) for index in range(len(snapshot.labels))]
    ((told,),) = watched(scripts, "sentence", data, [".body"])
    assert told.startswith(f"Batch {data['batch']}: TENT calls all 8 images “dog”. CLIPTTA gets ")
    assert told.endswith(f"{right[2]} right, zero-shot {right[0]}.")


def test_of_many_classes_the_largest_have_rows_and_names_stay_text(labelled, scripts):
    data = gallery_data(labelled[0]) | {"classes": [*CLASSES[:4], "x" * 30, "<b>", *map(str, range(20))]}
    names, drawn, toggle = watched(scripts, "answers", data, [".row title", ".row .name", ".toggle"])
    assert (len(names), names[-1], toggle) == (12, "15 others", ["All 26 classes"])
    assert {"x" * 30, "<b>"} <= set(names)
    assert f"{'x' * 9}…" in drawn


def test_a_look_inside_a_batch_moves_curves_and_progress(labelled, figure):
    session, (live, *_), experiment = labelled
    parts = live_stage(Session(session.recipe, experiment.start()), live)
    traces = figure("entropy", json.loads(parts["entropy"]))["facets"][0]["data"]
    rings = [trace["y"][0] for trace in traces if trace["marker"]["symbol"].endswith("-open")]
    assert rings == pytest.approx([live.methods[name].collapse_entropy for name in METHODS], abs=1e-4)
    assert "step 0 of 2" in parts["progress"]
    at_work = json.loads(parts["accuracy"])["methods"][1]["at_work"]
    assert at_work == pytest.approx(live.methods["tent"].accuracy)


def test_scores_are_there_with_strangers_alone_and_rounded_as_everywhere(
    labelled, unlabelled, open_set, figure, monkeypatch
):
    assert scores_data(labelled[0])["methods"] == scores_data(unlabelled)["methods"] == []
    data = scores_data(open_set)
    facets = figure("scores", data)["facets"]
    for name, facet in zip(METHODS, facets, strict=True):
        method = open_set.snapshot.methods[name]
        assert facet["head"]["lines"] == [f"AUROC {method.auroc:.1%}", f"FPR95 {method.fpr95:.1%}"]
        assert [round(sum(trace["y"]), 2) for trace in facet["data"]] == [1.0, 1.0]
        assert facet["layout"]["shapes"][0]["x0"] == method.threshold
    for axis in ("xaxis", "yaxis"):
        assert len({tuple(facet["layout"][axis]["range"]) for facet in facets}) == 1
    with monkeypatch.context() as patch:  # scores of its own have an axis of their own
        patch.setattr(registry.METHODS["cliptta"], "own_scores", True)
        one, same, other = (
            facet["layout"]["xaxis"]["range"] for facet in figure("scores", scores_data(open_set))["facets"]
        )
        assert one == same != other
    for share in (1 / 8, 3 / 8, 0.0125, 0.0375, 0.35, 0.834496, 1 / 3, 0.0, 1.0):
        data["methods"] = [own | {"auroc": share, "fpr95": share / 2} for own in data["methods"]]
        told = [f"AUROC {share:.1%}", f"FPR95 {share / 2:.1%}"]
        assert [facet["head"]["lines"] for facet in figure("scores", data)["facets"]] == [told] * 3
    drawn = figure("reliability", reliability_data(open_set)), figure("gain", gain_data(open_set))
    sure, gain = (one["facets"][0]["layout"]["yaxis"] for one in drawn)
    assert sure["range"] == [0, 1.02]
    accuracies = [entry["accuracy"] for entry in gain_data(open_set)["methods"]]
    assert gain["range"][0] == 0 <= max(accuracies) < gain["range"][1] <= 1.02
    assert gain["ticktext"][:2] == ["0", "20"]


def test_without_labels_accuracy_is_not_shown_but_the_rest_is(unlabelled, figure, drawn):
    curves = figure("accuracy", accuracy_data(unlabelled))
    assert curves["heading"][0] == "Agrees with zero-shot"
    assert "no labels" in f"{curves['heading'][1]} {curves.get('note')}"
    lines = [trace for trace in curves["facets"][0]["data"] if "lines" in trace["mode"]]
    agreed = [unlabelled.snapshot.methods[name].series.agreement for name in ("tent", "cliptta")]
    assert [trace["y"] for trace in lines] == [[round(share, 4) for share in shares] for shares in agreed]
    assert figure("entropy", entropy_data(unlabelled))["facets"]
    assert figure("gain", gain_data(unlabelled)).keys() == {"empty"}
    data = gallery_data(unlabelled)
    assert {tile["name"] for tile in data["tiles"]} == {HOSTILE, "b.png", "c.png", "d.png", "e.png"}
    assert data["labelled"] is False
    for name in METHODS:
        batch, told = unlabelled.snapshot.methods[name].batch, data["methods"][name]
        assert told["predicted"] == batch.predicted.tolist()
        assert told["confidence"] == pytest.approx(batch.confidence, abs=1e-3)
        assert set(told["status"]) <= ({"same"} if name == "zero-shot" else {"same", "changed"})


def test_without_labels_squares_and_sentence_say_what_can_be_known(unlabelled, scripts):
    data = gallery_data(unlabelled)
    right, wrong, missed, hint = watched(scripts, "answers", data, [".right", ".wrong", ".missed", ".hint"])
    assert (len(right), len(wrong + missed), hint) == (len(data["tiles"]) * 3, 0, ["A square is one image."])
    ticks, truths = watched(scripts, "words", data, [".tick", ".truth"])
    assert (ticks, HOSTILE in truths) == ([], True)
    ((told,),) = watched(scripts, "sentence", data, [".body"])
    assert "reads" not in told


def test_statuses_compare_with_zero_shot():
    predicted = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    scores = np.array([0, 0, 0, 0, -1, 1, 0, 0], np.float32)
    labels = np.array([0, 0, 0, 0, -1, -1, -2, -2])
    reference = np.array([0, 1, 0, 1, 2, 2, 3, 4])
    found = statuses(labels, predicted, scores > 0.5, reference)
    assert found == ["right", "fixed", "broken", "wrong", "left-out", "let-in", "same", "changed"]


def test_a_session_keeps_no_pixels_but_a_small_sheet_of_every_image_in_order(labelled):
    for count in (1, 2, 5, 64, 200):
        images = np.zeros((count, 3, 16, 16), np.uint8)
        images[:] = (np.arange(count) * 250 // max(count - 1, 1))[:, None, None, None]
        text, columns, rows = sprite_sheet(images)
        sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L"), np.int64)
        tile = sheet.shape[1] // columns
        assert count <= columns * rows < count + columns
        for index in range(count):
            row, column = divmod(index, columns)
            patch = sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
            assert abs(patch.mean() - images[index].mean()) < 8
    large, *_ = sprite_sheet(np.zeros((4, 3, 224, 224), np.uint8))
    assert Image.open(io.BytesIO(base64.b64decode(large))).size == (224, 224)
    session = labelled[0]
    assert session.snapshot.images.size == session.snapshot.clean.size == 0
    assert session.snapshot.images.base is None
    assert session.sheets.clean != session.sheets.seen
    assert len(session.sheets.seen) < 20_000


@pytest.mark.parametrize(
    ("paired", "gain", "changed"),
    [
        (Paired(640, 230, 30, 410, 156), "+19.7\n± 4.3", "fixed 38% of zero-shot's wrong images and broke 13%"),
        (Paired(640, 230, 40, 410, 10), "−4.7\n± 2.2", "fixed 2% of zero-shot's wrong images and broke 17%"),
        (Paired(4, 3, 1, 1, 1), "+0.0\n± 70.7", "fixed 1 of 1 of zero-shot's wrong images and broke 1 of 3"),
        (Paired(4, 4, 0, 0, 0), "", ""),
    ],
)
def test_at_the_lines_ends_stand_accuracy_and_gain_with_its_noise(labelled, figure, paired, gain, changed):
    snapshot = labelled[0].snapshot
    methods = snapshot.methods | {"tent": replace(snapshot.methods["tent"], **vars(paired))}
    session = replace(labelled[0], snapshot=replace(snapshot, methods=methods))
    ends = figure("accuracy", accuracy_data(session))["ends"]
    assert [end["number"] for end in ends] == [f"{100 * snapshot.methods[name].accuracy:.1f}" for name in METHODS]
    assert [end["gain"] for end in ends][:2] == ["", gain]
    note = figure("gain", gain_data(session))["note"]
    assert changed in note
    assert ("TENT fixed" in note) is bool(changed)
    entropies = figure("entropy", entropy_data(session))["ends"]
    assert [end["number"] for end in entropies] == [
        f"{snapshot.methods[name].batch.collapse_entropy:.2f}" for name in METHODS
    ]


def test_whatever_a_person_wrote_is_escaped_in_html_and_messages_are_announced(unlabelled):
    assert "<img" not in stage(unlabelled, "done")["progress"]
    note = message_html(HOSTILE, "error", (HOSTILE,))
    assert ("<img" in note, note.count("&lt;img"), 'role="alert"' in note) == (False, 2, True)
    assert 'role="status"' in message_html("Fine.")
    assert "note" not in message_html()


def test_the_progress_and_the_end_of_a_run_are_said(labelled, unlabelled):
    accuracy = labelled[0].snapshot.methods["tent"].accuracy
    said = spoken(labelled[0], "done")
    assert said.startswith("Finished after 3 of 3 batches. Accuracy: Zero-shot ")
    assert f"TENT {accuracy:.1%}" in said
    assert spoken(labelled[0], "paused").startswith("Paused after")
    assert "no labels" in spoken(unlabelled, "done")
    assert spoken(None, "idle") == ""
    text = progress_html(labelled[0], None, "done")
    for words in ("<b>3</b> of 3 batches", "finished", "images/s", 'aria-valuenow="100"'):
        assert words in text
