"""Data sets and backbones of a hub on localhost, as the page's handlers use them."""

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import gradio as gr
import pytest
from helpers import small_backbone
from hub_stand_in import Hub, pointed_at, serve_hub
from hub_tables import ANIMALS, publish, table
from pressing import HOST, ZOO, message, press, values

from cliptta_demo.backend.data import hub_dataset
from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.hub.downloads import downloading
from cliptta_demo.page.form import fields, links
from cliptta_demo.page.layout import filling
from cliptta_demo.page.layout.sidebar import fit_widgets, images_note
from cliptta_demo.page.runs import api, handlers, runner
from cliptta_demo.page.runs.host import Host

BACKBONE = small_backbone()
# Two files, each longer than what is sent before the hub goes away.
SHARDS = {f"data/test-0000{n}-of-00002.parquet": table([0, 1, 2] * (1200 + n), names=ANIMALS) for n in range(2)}


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub_dataset, "_open_table", cache(hub_dataset._open_table.__wrapped__))
    monkeypatch.setattr(runner, "load_backbone", lambda name, **_: BACKBONE)
    with serve_hub() as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        publish(server, "zoo/animals", SHARDS, {"license": "cc-by-4.0"})
        yield server


def test_a_visitors_data_set_runs_and_the_download_is_watched(stand_in: Hub) -> None:
    stand_in.bytes_per_second = 800_000
    session, updates = press(batches=1, **ZOO)
    assert session.recipe.dataset == "hf:zoo/animals"
    assert session.snapshot.class_names == ANIMALS
    assert session.state.images_done == 8
    lines = [update["progress"] for update in updates if "Downloading" in update.get("progress", "")]
    assert lines
    assert "zoo/animals" in lines[-1]
    assert "MB" in lines[-1]
    assert "licence: cc-by-4.0" in lines[-1]
    again, _ = press(session, batches=1, **ZOO)
    assert again.state.images_done == 16  # the same session goes on
    renamed, _ = press(batches=1, **{**ZOO, "class_names": "sea lion = seal, cat"})
    assert renamed.snapshot.class_names == ("seal", "cat")


def test_a_server_that_stops_gives_downloads_up(stand_in: Hub) -> None:
    host = Host.of(gr.Blocks())
    stand_in.bytes_per_second = 100_000
    updates = []
    for update in handlers.run(host, None, None, values(**ZOO), 1, "visitor"):
        updates.append(update)
        if "Downloading" in update.get("progress", ""):
            host.runs.stop()
    assert "being restarted" in message(updates)
    stand_in.bytes_per_second = None
    while downloading():  # nobody waits for it any more
        time.sleep(0.05)


def test_a_hub_that_goes_away_is_a_sentence_and_a_later_try_fetches_what_is_missing(stand_in: Hub) -> None:
    def program() -> list[dict]:
        return list(api.endpoint(HOST)(dataset="hf:zoo/animals", batch_size=8, batches=1, adaptation={"steps": 1}))

    stand_in.down_after = len(min(SHARDS.values(), key=len)) + 100_000
    first, _ = press()
    kept, updates = press(first, **ZOO)
    assert kept is first
    assert "model hub could not be reached" in message(updates)
    assert 'role="alert"' in message(updates)
    assert updates[-1]["run"].interactive is not False
    with pytest.raises(gr.Error, match="model hub could not be reached"):
        program()
    assert press(kept)[0].state.next_batch == 2  # what is built in goes on meanwhile
    stand_in.down_after, stand_in.down = None, False
    before = len(stand_in.requests)
    session, _ = press(kept, **ZOO)
    assert session.recipe.dataset == "hf:zoo/animals"
    assert session.state.next_batch == 1
    fetched = {path for method, path, _ in stand_in.requests[before:] if method == "GET" and path.startswith("/cdn/")}
    assert len(fetched) == 1  # not the part that had arrived
    assert sum(program()[0]["methods"]["tent"]["histogram"]) == 8


def test_odd_choices_are_sentences(stand_in: Hub) -> None:
    for change, words in (
        ({"dataset": "hf:../../etc"}, "must look like ORGANISATION/NAME"),
        ({"dataset": "cifar10c:/etc"}, "dataset is &#x27;cifar10c:/etc&#x27;"),
        ({"dataset": "imagenet"}, "it must be one of"),  # 6.7 GB: for the command line
        ({"dataset": "cifar10-c"}, "it must be one of"),  # of unknown size: likewise
        ({"dataset": "hf:zoo/animals?sort=owl"}, "has no column &#x27;sort&#x27; of texts"),
        ({"backbone": "ViT-B-32//etc/passwd"}, "backbone is"),
        ({"ood_source": "hf:a/b"}, "OOD source is"),
        ({"dataset": "hf:zoo/gone"}, "has no zoo/gone"),
        ({"dataset": "hf:zoo/animals", "class_names": "cat, owl"}, "has no class &#x27;owl&#x27;"),
    ):
        _, updates = press(**{"class_names": "", **change})
        assert words in message(updates), change


def test_a_visitor_reads_that_a_data_set_is_a_part(stand_in: Hub) -> None:
    copies = {"default/partial-test/0000.parquet": table([0, 1, 2] * 10, names=ANIMALS)}
    publish(stand_in, "zoo/large", {"images.zip": b"zip"}, revisions={"refs/convert/parquet": copies})
    session, updates = press(batches=2, **{**ZOO, "dataset": "hf:zoo/large"})
    assert "is a part of the whole" in message(updates)
    assert session.snapshot.notes == ()  # said once, with the first batch


def test_presets_may_be_strangers(stand_in: Hub) -> None:
    publish(stand_in, PRESETS["svhn"].repository, {"cropped_digits/test-0.parquet": table(list(range(10)) * 3)})
    session, _ = press(batches=1, ood_source="svhn", ood_share=0.5)
    assert (session.snapshot.labels == -1).sum() == 4
    assert session.snapshot.methods["tent"].auroc is not None


def test_choosing_fills_the_form_and_tells_the_size() -> None:
    dataset, classes, *_ = fit_widgets("cifar10")
    assert "24 MB" in dataset.info
    assert "own names" in classes.info
    names, corruption = fields.class_text_and_corruption("cifar10")
    assert names.startswith("airplane, automobile")
    assert corruption == "gaussian_noise"
    dataset, *_, shortcuts = fit_widgets("hf:zoo/animals")
    assert not shortcuts.visible
    assert fields.class_text_and_corruption("hf:zoo/animals") == ("", "none")
    assert "2.5 GB" in dataset.info
    for name in [value for _, value in fields.dataset_choices()]:
        assert images_note(name) or name in ("pictures", "unseen-style", "upload")
    assert "Or type" in fit_widgets("pictures")[0].info
    update = filling.take_backbone("ViT-B-16/openai")
    assert update["learning_rate"] == 1e-4
    assert "error" not in update["message"]


def test_links_hold_data_sets_and_backbones_and_fetch_nothing(stand_in: Hub) -> None:
    form = {**ZOO, "dataset": "hf:zoo/animals:test?a=b&c=d", "backbone": "ViT-B-32/laion2b_s34b_b79k"}
    query, problem = filling.address_of(form)
    assert "dataset=hf%3Azoo%2Fanimals%3Atest%3Fa%3Db%26c%3Dd" in query
    assert "note" not in problem
    opened = links.open_link({"dataset": "cifar10", "corruption": "fog"})
    assert opened.class_names[:2] == ("airplane", "automobile")
    old = {"dataset": "hf:zoo/animals:test"}  # as links were written before
    assert links.open_link(old) == links.open_link({"dataset": "hf:zoo/animals:test"})
    assert filling.open_address({"dataset": "hf:zoo/animals:test"})["dataset"] == "hf:zoo/animals:test"
    assert "must be one of" in filling.open_address({"backbone": "local-dir:/etc"})["message"]
    assert stand_in.requests == []
