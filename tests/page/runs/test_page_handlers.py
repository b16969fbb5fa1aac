"""What the buttons do, without a browser: reset, step, errors, and whose images are whose."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from pressing import BACKBONE, HOST, message, press, same, small_model, values  # noqa: F401  (a fixture)

from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.page.form import links
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.layout import filling
from cliptta_demo.page.runs import api, gpu, handlers, runner
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.state import Choice
from cliptta_demo.page.session.uploads import better_batch_size, fields_for, read_news
from cliptta_demo.page.words.defaults import LIVE_INTERVAL


def test_a_step_is_a_batch_running_on_equals_stepping_and_reset_begins_anew():
    stepped = [press()[0]]
    for _ in range(2):
        stepped.append(press(stepped[-1])[0])
    assert [session.state.next_batch for session in stepped] == [1, 2, 3]
    assert not same(stepped[0], stepped[1])
    at_once, updates = press(batches=None)
    assert same(stepped[-1], at_once)
    assert "finished" in updates[-1]["progress"]
    reset = handlers.reset()
    assert reset["session"] is None
    assert same(stepped[0], press(reset["session"])[0])


def test_a_run_stopped_anywhere_leaves_a_session_that_goes_on_exactly():
    whole, _ = press(batches=None)
    committed = None
    with HOST.runs.answer(handlers.run(HOST, None, None, values(), None, "visitor"), "visitor") as updates:
        for update in updates:
            committed = update.get("session", committed)
            if committed is not None and committed.state.next_batch == 2:
                break
        assert not HOST.runs.wait("visitor", 0.0)
    drawn = handlers.settled(committed)
    assert "<b>2</b> of 3 batches" in drawn["progress"]
    assert "paused" in drawn["progress"]
    assert HOST.runs.wait("visitor", 0.0)
    assert same(whole, press(committed, batches=None)[0])


@pytest.mark.parametrize(
    ("batches", "change", "next_batch", "marks", "words"),
    [
        (1, {"corruption": "fog", "severity": 3}, 2, ["fog 3"], "fog 3"),
        (1, {"class_names": "cat, dog, car"}, 1, [], "started again"),
        (None, {}, 1, [], "had ended"),
    ],
)
def test_a_changed_form_goes_on_with_the_adapted_model_or_says_why_it_starts_anew(
    batches, change, next_batch, marks, words
):
    first, _ = press(batches=batches)
    second, updates = press(first, **change)
    assert second.state.next_batch == next_batch
    assert [mark.label for mark in second.marks] == marks
    assert second.snapshot.corruption == change.get("corruption", first.snapshot.corruption)
    assert ", ".join(second.snapshot.class_names) == change.get("class_names", ", ".join(first.snapshot.class_names))
    assert any(words in update.get("message", "") for update in updates)


def test_an_error_is_a_sentence_and_the_session_goes_on():
    first, _ = press()
    for change, words in (
        ({"class_names": "cat, unicorn"}, "no class &#x27;unicorn&#x27;"),
        ({"batch_size": -3}, "batch_size is -3"),
        ({"dataset": "upload"}, "None of your images is here"),
    ):
        kept, updates = press(first, **change)
        assert kept is first
        assert 'role="alert"' in message(updates)
        assert words in message(updates)
        assert updates[-1]["run"].interactive is not False
    assert press(kept)[0].state.next_batch == 2


def test_a_failure_in_the_middle_tells_no_details_and_keeps_the_last_batch(monkeypatch):
    real = runner.work

    def half(experiment, session, machine, batches):
        yield from real(experiment, session, machine, 1)
        raise RuntimeError("secret detail")

    monkeypatch.setattr(gpu, "work", half)
    kept, updates = press(batches=None)
    assert kept.state.next_batch == 1
    assert "<b>1</b> of 3" in updates[-1]["progress"]
    assert "Something went wrong" in message(updates)
    assert "secret" not in str(updates)


@pytest.fixture
def photos(tmp_path):
    """A visitor's files: three pictures, and none."""
    paths = [tmp_path / f"{name}.png" for name in ("red", "green", "blue", "bad")]
    for index, path in enumerate(paths[:3]):
        Image.new("RGB", (50 + index, 40), path.stem).save(path)
    paths[3].write_bytes(b"no image")
    return paths


OWN = {"dataset": "upload", "class_names": "left, right"}


def arrive(path):
    """The name of a file in the server's store."""
    name = HOST.uploads.begin("visitor", path.stat().st_size)
    shutil.copy(path, HOST.uploads.folder / name)
    HOST.uploads.arrived(name)
    return name


def take(paths, names=None, uploads=None, typed="", backbone="tiny", size=None):
    names = names or [path.name for path in paths]
    files = [{"path": arrive(path), "name": name} for path, name in zip(paths, names, strict=True)]
    return filling.take_uploads(HOST.uploads, json.dumps({"added": files}), backbone, typed, uploads, size)


def test_uploads_are_decoded_and_bad_files_are_named(photos):
    update = take(photos)
    uploads, note = update["uploads"], update["upload_note"]
    assert uploads.names == ("red.png", "green.png", "blue.png")
    assert "3 images ready" in note
    assert "bad.png" in note
    assert "class_names" not in update
    session, updates = press(None, uploads, batches=None, **OWN)
    assert session.state.images_done == 3
    assert session.snapshot.batches == 1
    assert set(session.snapshot.names) == {"red.png", "green.png", "blue.png"}
    assert "bad.png" in message(updates)
    assert session.snapshot.methods["tent"].accuracy is None
    update = take(photos[-1:])
    assert "None of these files can be used" in update["upload_note"]
    kept, updates = press(None, update["uploads"], **OWN)
    assert kept is None
    assert "None of these files can be used" in message(updates)
    assert "bad.png" in message(updates)


@pytest.mark.parametrize(
    ("typed", "strangers", "labels", "words"),
    [
        ("", False, [0, 0, 1], "3 images ready, all with labels of 2 classes"),  # they fill the class names
        (
            "sun, moon",
            False,
            [-2, -2, 0],
            "2 images have labels outside the class names (“sea”): counted as unlabelled.",
        ),
        ("sun, moon", True, [-1, -1, 0], "counted as strangers."),
    ],
)
def test_labels_of_uploads_bring_class_names_and_accuracy(photos, typed, strangers, labels, words):
    update = take(photos[:3], ["my/sun/red.png", "my/sea/green.png", "my/sea/blue.png"], typed=typed)
    assert update.get("class_names", typed) == (typed or "sea, sun")
    own = {"dataset": "upload", "class_names": typed or "sea, sun", "strangers_by_label": strangers}
    session, updates = press(None, update["uploads"], batches=None, **own)
    assert sorted(session.snapshot.labels) == labels
    assert session.snapshot.methods["tent"].accuracy is not None
    assert len(session.snapshot.methods["tent"].ood_scores) == labels.count(-1)
    assert words in update["upload_note"] + message(updates)
    assert ("strangers_by_label=1" in links.to_query(session.recipe)) == strangers
    assert not press(strangers_by_label=True)[0].recipe.strangers_by_label  # among own images alone


def test_more_files_join_those_before_and_new_labels_replace_filled_names(photos):
    first = take(photos[:2], ["a/x/red.png", "a/y/green.png"])
    table = photos[0].parent / "labels.csv"
    table.write_text("file,label\nred.png,sun\ngreen.png,sea\n")
    second = take([table], uploads=first["uploads"], typed=first["class_names"])
    assert second["uploads"].labels == ("sun", "sea")
    assert second["class_names"] == "sea, sun"
    assert second["uploads"].identity != first["uploads"].identity


def test_a_batch_size_that_gives_several_batches_is_proposed_and_all_images_come(photos):
    for images, size, better in ((48, 64, 12), (48, 12, 0), (9, 64, 4), (4, 64, 0), (300, 64, 0), (48, None, 0)):
        assert better_batch_size(images, size) == better
    nine = take(photos[:3] * 3, [f"{index}.png" for index in range(9)], size=64)["propose"]
    assert (nine.visible, nine.value) == (True, "Use batches of 4: 3 batches instead of 1")
    assert not take(photos[:3], size=64)["propose"].visible
    uploads = replace(take(photos[:1])["uploads"], names=("red.png",) * 170)
    assert fields_for(uploads, 20) == {"batches": 9}  # although the opening experiment is shorter
    assert fields_for(uploads, 24) == fields_for(uploads, None) == {}


def test_taking_the_files_away_deletes_them_and_their_results(photos):
    update = take(photos[:2])
    session, _ = press(None, update["uploads"], batches=None, **OWN)
    gone = filling.clear_uploads(HOST.uploads, session, Choice(read_form({})), update["uploads"])
    assert (gone["uploads"], gone["session"]) == (None, None)
    assert gone["upload_note"] == handlers.message_html()
    assert "results" in gone["message"]
    assert not json.loads(gone["gallery"]).get("tiles")
    assert [Path(file.path).exists() for file in update["uploads"].files] == [False, False]
    other, _ = press()
    assert "session" not in filling.clear_uploads(HOST.uploads, other, Choice(), None)  # another run stays


def test_only_uploads_are_opened_whatever_a_request_says(photos):
    taken, own = take(photos[:1])["uploads"].files[0].path, arrive(photos[1])
    arriving = HOST.uploads.begin("visitor", 9)
    names = [str(photos[0]), taken, f"../{taken}", Path(taken).name, arriving, "", own, own]
    news = {"added": [{"path": name, "name": f"{index}.png"} for index, name in enumerate(names)]}
    update = filling.take_uploads(HOST.uploads, json.dumps(news), "tiny", "", None)
    assert update["uploads"].names == ("6.png",)
    assert "7 of the files did not arrive" in update["upload_note"]
    for value in ("{", "[]", '{"added": [1]}', '{"added": [{"path": "x"}]}', '"x"', '{"added": 7}'):
        with pytest.raises(ValueError, match="add them again"):
            read_news(value)


def test_decoded_images_follow_the_backbones_size(photos):
    uploads = take(photos[:3])["uploads"]
    assert uploads.pixels.shape == (3, 3, 64, 64)
    assert uploads.pixels.dtype == torch.uint8
    small = replace(uploads, size=16, pixels=uploads.pixels[..., :16, :16])
    _, updates = press(None, small, **OWN)
    assert next(update["uploads"] for update in updates if "uploads" in update).size == BACKBONE.info.image_size


def test_a_backbone_brings_its_own_settings():
    update = filling.take_backbone("tiny")
    assert update["learning_rate"] == tuned_adaptation("tiny").learning_rate
    assert "note" not in update["message"]
    (refused,) = filling.take_backbone("local-dir:/").values()
    assert "must be one of" in refused


def test_the_api_streams_plain_numbers_and_takes_every_setting_of_adaptation(monkeypatch):
    results = list(api.endpoint(HOST)(batch_size=8, batches=2, adaptation={"steps": 1}))
    assert [(result["batch"], result["batches"]) for result in results] == [(1, 2), (2, 2)]
    assert set(results[-1]["methods"]) == {"zero-shot", "tent", "cliptta"}
    assert 0 <= results[-1]["methods"]["tent"]["accuracy"] <= 1
    seen = []
    monkeypatch.setattr(Host, "follow", lambda host, asked, *_: seen.append(asked.recipe) or (look for look in ()))
    given = {"rate_halves": 3, "memory_sample": 12, "symmetric": True, "tda.shots": 2}
    list(api.endpoint(HOST)(methods=["cliptta", "tda"], adaptation=given))
    (recipe,) = seen
    assert {name: recipe.settings.flat()[name] for name in given} == given
    assert recipe.settings.adaptation.learning_rate == tuned_adaptation("tiny").learning_rate
    for name in settings_of(AdaptationSettings):
        list(api.endpoint(HOST)(adaptation={name: getattr(tuned_adaptation("tiny"), name)}))


def test_only_public_files_are_served():
    from cliptta_demo.page.panels.panel import static_files

    assert {Path(path).suffix for path in static_files()} == {".js", ".json", ".jpg"}


STEPS = 3


def shown(**run):
    """(lines of progress inside batches, batches) of a run of three."""
    updates = list(handlers.run(HOST, None, None, values(batches=3, steps=STEPS), None, "visitor", **run))
    drawn = [update["progress"] for update in updates if "accuracy" in update]
    steps = [line for line in drawn if "step " in line]
    return steps, len(drawn) - len(steps)


def test_a_browser_that_lags_gets_batches_alone(monkeypatch):
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)
    steps, batches = shown()
    assert (len(steps), batches) == (3 * STEPS, 3)
    assert shown(lags=lambda: True) == ([], 3)


def test_many_runs_are_looked_at_more_seldom_and_the_page_says_so(monkeypatch):
    assert runner.live_interval(1) == runner.live_interval(3) == LIVE_INTERVAL
    assert 40 / runner.live_interval(40) == pytest.approx(3 / LIVE_INTERVAL)
    monkeypatch.setattr(runner, "LIVE_RUNS", 1e-9)
    assert shown() == ([], 3)
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)
    monkeypatch.setattr(handlers, "live_interval", lambda runs: 4.0 * runs)
    steps, _ = shown()
    assert len(steps) == 3 * STEPS
    assert all("many runs are at work: a look every 4 s" in line for line in steps)
