"""What the form says of models and data: their cost, a GPU's advice, the owner's opening, and what is put back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pressing import HOST, values

from cliptta_demo import cli, run_command, web
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.form import fields, links, reading
from cliptta_demo.page.form.choice import Choice, put_back
from cliptta_demo.page.form.fields import HUB, FormValues, dataset_choices, form_of, read_dataset
from cliptta_demo.page.form.reading import packaged, read_form, read_opening, readable
from cliptta_demo.page.layout import backbone_note, build, filling
from cliptta_demo.page.panels import cards
from cliptta_demo.page.runs import handlers, host

VIT = "ViT-B-16/openai"
WORKED = packaged()
TRIED = replace(WORKED, backbone=VIT, learning_rate=1e-4, steps=10)
FAILED = Choice(read_form(WORKED), read_form(TRIED), "backbone", "No connection.")


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a server's owner, read anew."""
    reading.opening.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    reading.opening.cache_clear()


def test_what_failed_is_put_back_with_what_came_with_it_and_nothing_else() -> None:
    changed, words = put_back(FAILED, replace(TRIED, seed=7))
    assert changed["backbone"] == TINY
    assert (changed["learning_rate"], changed["steps"]) == (WORKED.learning_rate, WORKED.steps)
    assert not {"seed", "dataset", "class_names"} & set(changed)
    assert words == "The form is back at Tiny CLIP (built in); everything else is as it was."


@pytest.mark.parametrize(
    ("choice", "form"),
    [
        (FAILED, replace(TRIED, backbone="RN50/openai")),  # something else was chosen meanwhile
        (replace(FAILED, worked=read_form(TRIED)), TRIED),  # the same as before
        (replace(FAILED, loading=""), TRIED),  # it had loaded: another reason
        (Choice(read_form(WORKED)), TRIED),
        (Choice(None, read_form(TRIED), "backbone"), TRIED),
    ],
)
def test_nothing_is_put_back_without_need(choice: Choice, form: FormValues) -> None:
    assert put_back(choice, form) == ({}, "")


def test_a_typed_name_stays_to_be_mended() -> None:
    tried = replace(WORKED, dataset=HUB, hub_dataset="zoo/animls", class_names="", corruption="none")
    choice = Choice(read_form(WORKED), read_form(tried), "dataset")
    changed, words = put_back(choice, tried)
    assert changed == {name: getattr(WORKED, name) for name in ("dataset", "class_names", "corruption")}
    assert words.startswith("Loading zoo/animls was cancelled. The form is back at Built-in pictures;")
    before = read_form(replace(tried, hub_dataset="zoo/animals"))
    update = filling.put_form_back(replace(choice, worked=before), tried)
    assert (update["dataset"], update["hub_dataset"].value) == (HUB, "zoo/animals")


def test_a_page_whose_first_load_fails_goes_on_showing_its_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    opened = Choice(read_form(WORKED), idle="Example")
    updates = list(handlers.run(HOST, None, None, values(backbone="ViT-B-32/openai"), None, "visitor", opened))
    assert updates[-1]["progress"] == "Example"
    assert not {"accuracy", "gallery"} & {name for update in updates for name in update}
    put = filling.put_form_back(updates[-1]["choice"], form_of(values(backbone="ViT-B-32/openai")))
    assert put["backbone"] == TINY
    assert "could not be reached" in put["message"]
    assert "The form is back at Tiny CLIP" in put["message"]
    assert not {"accuracy", "cards"} & set(handlers.pause(None, opened))


def note_for(form: FormValues) -> str:
    return backbone_note.backbone_note_html(HOST.machine, form.backbone, readable(form), TINY)


def test_a_backbone_says_its_cost_and_what_stays() -> None:
    note = note_for(TRIED)
    for words in ("598 MB", "Apache 2.0", f"Batch of {TRIED.batch_size}", "Images and settings stay"):
        assert words in note
    own = note_for(WORKED)
    assert "none" in own
    assert "stay" not in own
    assert "Batch of" not in note_for(replace(TRIED, batches=None))
    unlisted = note_for(replace(TRIED, backbone="hf-hub:somebody/clip"))
    assert 'href="https://huggingface.co/somebody/clip"' in unlisted
    assert note_for(replace(TRIED, backbone="<b>")) == ""


def test_where_there_is_a_gpu_the_page_offers_the_papers_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "device", lambda: "cuda")
    demo = build.build_demo()
    (button,) = (block for block in demo.blocks.values() if block.elem_id == "gpu-advice")
    assert button.visible
    assert "choose CLIP ViT-B/16, the paper" in button.value
    (click,) = (fn for fn in demo.fns.values() if (button._id, "click") in fn.targets)
    assert click.fn()[:3] == [VIT, cards.message_html(), 1e-4]
    assert not backbone_note.gpu_advice(VIT, "cuda")
    assert not backbone_note.gpu_advice(TINY, "cpu")


def test_the_command_line_names_the_papers_model_where_there_is_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_command, "best_device", lambda: "cuda")

    def told(*words: str) -> str:
        sizes = "--batches 1 --batch-size 2 --methods zero-shot --quiet"
        cli.main(["run", *sizes.split(), *words])
        return capsys.readouterr().err

    assert f"There is a GPU here: --backbone {VIT}" in told()
    assert "GPU" not in told("--backbone", "tiny")
    assert "GPU" not in told("--device", "cpu")


def test_an_owner_sets_what_the_page_opens_with() -> None:
    assert read_opening({"CLIPTTA_BACKBONE": " ", "PATH": "x"}) == WORKED
    form = read_opening({"CLIPTTA_BACKBONE": VIT, "CLIPTTA_DATASET": "cifar10"})
    assert (form.backbone, form.learning_rate, form.dataset) == (VIT, 1e-4, "cifar10")
    assert form.class_names.startswith("airplane, automobile")
    assert read_opening({"CLIPTTA_DATASET": "upload"}).dataset == "upload"
    form = read_opening({"CLIPTTA_DATASET": "hf:zoo/animals:test"})
    assert (form.dataset, form.hub_dataset) == (HUB, "zoo/animals:test")


def test_where_others_come_visitors_choose_from_the_list(owner: pytest.MonkeyPatch) -> None:
    owner.setattr(fields, "LIMITS", replace(LIMITS, any_dataset=0))
    assert HUB not in dict(map(reversed, dataset_choices()))
    for given in (("hf:zoo/animals",), (HUB, "zoo/animals")):
        with pytest.raises(UserError, match=r"data sets of its list only.*CLIPTTA_ANY_DATASET=1"):
            read_dataset(*given)
    assert read_opening({"CLIPTTA_DATASET": "hf:zoo/animals"}).dataset == HUB
    owner.setenv("CLIPTTA_DATASET", "hf:zoo/animals")
    assert read_dataset(HUB, "zoo/animals") == "hf:zoo/animals"  # what the owner has set
    assert HUB in dict(map(reversed, dataset_choices()))
    for name, alone in {"0.0.0.0": 0, "": 0, "my.host": 0, "127.0.0.1": 1, "localhost": 1, "[::1]": 1}.items():
        assert Limits.from_environment({"GRADIO_SERVER_NAME": name}).any_dataset == alone


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLIPTTA_BACKBONE", "ViT-B-16"),
        ("CLIPTTA_BACKBONE", "local-dir:/models/mine"),
        ("CLIPTTA_DATASET", "folder:/data"),
        ("CLIPTTA_DATASET", "imagenet"),
        ("CLIPTTA_DATASET", "hf:../x"),
    ],
)
def test_what_no_visitor_could_choose_is_refused_by_its_variable(name: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"^{name}: .*must "):
        read_opening({name: value})


def test_a_wrong_value_ends_the_start_with_a_sentence(owner: pytest.MonkeyPatch) -> None:
    owner.setenv("CLIPTTA_BACKBONE", "ViT-B-16")
    with pytest.raises(SystemExit, match=r"^error: CLIPTTA_BACKBONE: backbone is 'ViT-B-16'; it must be one of: tiny"):
        web.make_demo()


def test_links_mean_the_same_on_a_server_that_opens_with_something_else(owner: pytest.MonkeyPatch) -> None:
    owner.setenv("CLIPTTA_BACKBONE", VIT)
    assert links.open_link({"seed": "5"}) == read_form(replace(WORKED, seed=5, **links.UNSAID))
    assert (
        links.to_query(read_form(WORKED)) == "batch_size=24&batches=8&backbone=tiny"
    )  # without it, it would open the owner's
    assert links.to_query(read_form(reading.opening())) == "batch_size=24&batches=8&backbone=ViT-B-16%2Fopenai"
