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
from cliptta_demo.page.form.fields import dataset_choices, read_dataset
from cliptta_demo.page.form.reading import read_form, read_opening, readable, usual_values
from cliptta_demo.page.layout import backbone_note, build, filling
from cliptta_demo.page.panels import cards
from cliptta_demo.page.runs import handlers, host
from cliptta_demo.page.session.state import Choice

VIT = "ViT-B-16/openai"
WORKED = usual_values()
TRIED = WORKED | {"backbone": VIT, "learning_rate": 1e-4, "steps": 10}
FAILED = Choice(read_form(WORKED), read_form(TRIED), "backbone", "No connection.")
TYPED = WORKED | {"dataset": "hf:zoo/animls", "class_names": "", "corruption": "none"}


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a server's owner, read anew."""
    reading.opening.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    reading.opening.cache_clear()


def test_what_failed_is_put_back_with_what_came_with_it_and_nothing_else() -> None:
    update = filling.put_form_back(FAILED, TRIED | {"seed": 7})
    came = {name: WORKED[name] for name in ("backbone", *fields.ADAPTATION_FIELDS)}
    assert update == came | {"choice": FAILED.settled, "message": update["message"]}
    assert "No connection." in update["message"]
    assert "The form is back at Tiny CLIP (built in); everything else is as it was." in update["message"]
    update = filling.put_form_back(Choice(read_form(WORKED), read_form(TYPED), "dataset"), TYPED)
    assert {name: update[name] for name in ("dataset", "class_names", "corruption")}.items() <= WORKED.items()
    assert "Loading zoo/animls was cancelled. The form is back at Built-in pictures;" in update["message"]


@pytest.mark.parametrize(
    ("choice", "form"),
    [
        (FAILED, TRIED | {"backbone": "RN50/openai"}),  # something else was chosen meanwhile
        (replace(FAILED, worked=read_form(TRIED)), TRIED),  # the same as before
        (replace(FAILED, loading=""), TRIED),  # it had loaded: another reason
        (Choice(read_form(WORKED)), TRIED),
        (Choice(None, read_form(TRIED), "backbone"), TRIED),
    ],
)
def test_nothing_is_put_back_without_need(choice: Choice, form: dict) -> None:
    assert filling.put_form_back(choice, form) == {"choice": choice.settled}


def test_a_page_whose_first_load_fails_goes_on_showing_its_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    opened = Choice(read_form(WORKED), idle="Example")
    updates = list(handlers.run(HOST, None, None, values(backbone="ViT-B-32/openai"), None, "visitor", opened))
    assert updates[-1]["progress"] == "Example"
    assert not {"accuracy", "gallery"} & {name for update in updates for name in update}
    put = filling.put_form_back(updates[-1]["choice"], values(backbone="ViT-B-32/openai"))
    assert put["backbone"] == TINY
    assert "could not be reached" in put["message"]
    assert "The form is back at Tiny CLIP" in put["message"]
    assert not {"accuracy", "cards"} & set(handlers.pause(None, opened))


def note_for(form: dict) -> str:
    return backbone_note.backbone_note_html(HOST.machine, form["backbone"], readable(form), TINY)


def test_a_backbone_says_its_cost_and_what_stays() -> None:
    note = note_for(TRIED)
    for words in ("598 MB", "Apache 2.0", f"Batch of {TRIED['batch_size']}", "Images and settings stay"):
        assert words in note
    own = note_for(WORKED)
    assert "none" in own
    assert "stay" not in own
    assert "Batch of" not in note_for(TRIED | {"batches": None})
    assert 'href="https://huggingface.co/somebody/clip"' in note_for(TRIED | {"backbone": "hf-hub:somebody/clip"})
    assert note_for(TRIED | {"backbone": "<b>"}) == ""


def test_where_there_is_a_gpu_the_page_offers_the_papers_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "device", lambda: "cuda")
    demo = build.build_demo()
    (button,) = (block for block in demo.blocks.values() if block.elem_id == "gpu-advice")
    assert button.visible
    assert "choose CLIP ViT-B/16, the paper" in button.value
    (click,) = (fn for fn in demo.fns.values() if (button._id, "click") in fn.targets)
    assert {VIT, cards.message_html(), 1e-4} <= set(click.fn().values())
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
    assert (form["backbone"], form["learning_rate"], form["dataset"]) == (VIT, 1e-4, "cifar10")
    assert form["class_names"].startswith("airplane, automobile")
    for name in ("upload", "hf:zoo/animals:test"):
        assert read_opening({"CLIPTTA_DATASET": name})["dataset"] == name


def test_where_others_come_visitors_choose_from_the_list(owner: pytest.MonkeyPatch) -> None:
    assert fields.takes_typed()
    owner.setattr(fields, "LIMITS", replace(LIMITS, any_dataset=0))
    assert not fields.takes_typed()
    with pytest.raises(UserError, match=r"data sets of its list only.*CLIPTTA_ANY_DATASET=1"):
        read_dataset("hf:zoo/animals")
    assert read_opening({"CLIPTTA_DATASET": "hf:zoo/animals"})["dataset"] == "hf:zoo/animals"
    owner.setenv("CLIPTTA_DATASET", "hf:zoo/animals")
    assert read_dataset("hf:zoo/animals") == "hf:zoo/animals"  # what the owner has set
    assert ("zoo/animals", "hf:zoo/animals") in dataset_choices()
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
    assert links.open_link({"seed": "5"}) == read_form({"seed": 5, **links.UNSAID})
    assert (
        links.to_query(read_form(WORKED)) == "batch_size=24&batches=8&backbone=tiny"
    )  # without it, it would open the owner's
    assert links.to_query(read_form(reading.opening())) == "batch_size=24&batches=8&backbone=ViT-B-16%2Fopenai"
