"""Image by image: what is kept, what the table shows, and files that are safe to open."""

import csv
import io
import json
import pickle
from urllib.parse import parse_qsl

import numpy as np
import pytest
from helpers import CLASSES, faults, labelled_source, random_images
from pressing import METHODS, run_of

from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.backend.run.summary import to_csv
from cliptta_demo.page.form.links import open_link
from cliptta_demo.page.panels import images as results
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.exports import download
from cliptta_demo.page.panels.images import Results, results_data


def run(source, strangers=None, **changes):
    looks, _ = run_of(source, strangers, learning_rate=0.01, **changes)
    return [look.session for look in looks if look.live is None]


@pytest.fixture(scope="module")
def labelled():
    return run(labelled_source(24))


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_holds_every_image_with_the_engines_own_numbers(labelled):
    rows = table(to_csv(labelled[-1].results, CLASSES, with_scores=False))
    assert [row["image"] for row in rows] == [str(number) for number in range(1, 25)]
    assert [row["batch"] for row in rows] == ["1"] * 8 + ["2"] * 8 + ["3"] * 8
    for number, session in enumerate(labelled):
        for name, method in session.snapshot.methods.items():
            own = rows[8 * number : 8 * number + 8]
            assert [row[f"{name} prediction"] for row in own] == [CLASSES[c] for c in method.batch.predicted]
            confidence = [float(row[f"{name} confidence"]) for row in own]
            assert confidence == pytest.approx(method.batch.confidence, abs=1e-4)
            right = np.mean([row["truth"] == row[f"{name} prediction"] for row in own])
            assert right == pytest.approx(method.series.batch_accuracy[number])
    outcomes = {row["tent outcome"] for row in rows}
    assert outcomes <= {"fixed", "broken", "right", "wrong"}
    fixed = sum(row["tent outcome"] == "fixed" for row in rows)
    assert fixed == labelled[-1].state.tallies["tent"].fixed


def test_strangers_bring_scores_and_who_was_let_in():
    strangers = GivenImages(random_images(12, seed=9), CLASSES)
    session = run(labelled_source(24), strangers, ood_share=0.5, methods=("zero-shot", "cliptta-oce"))[-1]
    rows = table(to_csv(session.results, CLASSES, with_scores=True))
    assert sum(row["truth"] == "stranger" for row in rows) == 12
    for row in rows:
        if row["truth"] == "stranger":
            assert row["cliptta-oce outcome"] == ("let-in" if row["cliptta-oce accepted"] == "yes" else "left-out")
    labels = np.concatenate([batch.labels for batch in session.results])
    scores = np.array([float(row["cliptta-oce ID score"]) for row in rows])
    assert scores[labels == OOD_LABEL] == pytest.approx(session.snapshot.methods["cliptta-oce"].ood_scores, abs=1e-4)
    assert "ID score" in [column["key"] for column in results_data(session)["columns"]]


def test_names_that_a_spreadsheet_would_run_are_made_harmless():
    names = ("=cmd()", "+1", "-1", "@x", "\tx", "plain.png", 'a "b", c.png', "a=b", "  =1+1", "＝1")
    classes = ("=HYPERLINK(1)", "dog")
    source = GivenImages(random_images(10), classes, names=names)
    rows = table(to_csv(run(source, names=classes, batch_size=10)[-1].results, classes, with_scores=False))
    safe = {"plain.png", 'a "b", c.png', "a=b"}
    assert {row["file"] for row in rows} == safe | {f"'{name}" for name in names if name not in safe}
    assert {row["zero-shot prediction"] for row in rows} <= {"'=HYPERLINK(1)", "dog"}
    assert {row["truth"] for row in rows} == {""}


def test_what_a_session_keeps_is_small_and_can_be_pickled(labelled):
    kept = labelled[-1].results
    assert len(pickle.dumps(kept)) / 24 < 400  # bytes an image, three methods
    assert pickle.loads(pickle.dumps(kept))[0].names == kept[0].names


def test_the_table_shows_the_newest_images_with_their_numbers(labelled, monkeypatch):
    data = results_data(labelled[-1])
    assert faults(json.loads(to_json(data)), Results, "results") == []
    columns = [(column["method"], column["key"]) for column in data["columns"]]
    assert columns[:4] == [("", "image"), ("", "batch"), ("", "truth"), ("zero-shot", "prediction")]
    assert {method for method, _ in columns} - {""} == {own["method"] for own in data["methods"]}
    assert [row[0] for row in data["rows"]] == list(range(1, 25))
    monkeypatch.setattr(results, "TABLE_ROWS", 10)
    data = results_data(labelled[-1])
    assert [row[0] for row in data["rows"]] == list(range(15, 25))
    assert data["total"] == 24


def test_the_json_is_the_command_lines_with_a_link_to_the_run(labelled):
    result = json.loads(json.loads(download("json", labelled[-1]))["text"])
    assert set(result["methods"]) == set(METHODS)
    assert len(result["methods"]["tent"]["series"]["accuracy"]) == 3
    told = result["settings"]
    assert (told["stream"]["seed"], told["class_names"], told["templates"]) == (0, list(CLASSES), None)
    again = open_link(dict(parse_qsl(result["link"][1:]))).settings
    assert (again.stream.batch_size, again.stream.batches, again.adaptation.learning_rate) == (8, 3, 0.01)
