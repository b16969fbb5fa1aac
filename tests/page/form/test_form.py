"""What the form says of a run, models and data; what of it is put back; and what a server's owner opens it with."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pressing import HOST, press, small_model, values  # noqa: F401  (a fixture)

from cliptta_demo import cli, run_command, web
from cliptta_demo.backend.data.collection import GivenFile
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.models.offered import LAPTOPS, known_words, split_by_knowledge
from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.form import fields, links, reading
from cliptta_demo.page.form.reading import read_form, read_opening, readable, usual_values
from cliptta_demo.page.layout import backbone_note, build, filling
from cliptta_demo.page.layout.form_events import changed_html, restoring
from cliptta_demo.page.panels.heads import message_html, run_line_html
from cliptta_demo.page.runs import handlers, host
from cliptta_demo.page.session.state import Choice, Uploads
from cliptta_demo.page.words.defaults import UPLOAD

VIT = "ViT-B-16/openai"
WORKED = usual_values()
TRIED = WORKED | {"backbone": VIT, "learning_rate": 1e-4, "steps": 10}
FAILED = Choice(read_form(WORKED), read_form(TRIED), "backbone", "No connection.")
TYPED = WORKED | {"dataset": "hf:zoo/animls", "class_names": "", "corruption": "none"}
SHOWN = read_form(values())


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a server's owner, read anew."""
    reading.opening.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    reading.opening.cache_clear()


def test_a_run_says_its_own_settings_and_the_changes_on_its_way_and_a_link_where_it_is_not_that_run() -> None:
    session, _ = press()
    assert "Built-in pictures · impulse noise 4 · Zero-shot, TENT, CLIPTTA · 3 batches of 8<" in run_line_html(session)
    later, _ = press(session, corruption="fog", severity=3)
    for words in ("· Impulse noise 4 ·", "· fog 3 from batch 2<"):
        assert words in run_line_html(later)
    assert run_line_html() == ""
    strange = replace(session.recipe, dataset="hf:a/<b>")
    assert "a/&lt;b&gt; ·" in run_line_html(replace(session, recipe=strange))
    form = values(corruption="fog", severity=3)
    query, words = filling.address_of(form, session=later, shown=read_form(form))
    assert query.startswith("?corruption=fog")
    assert re.search("can&#x27;t hold changes.*fog 3 from batch 2", words)
    assert "not those of the run shown" in filling.address_of(values(seed=5), session=session, shown=SHOWN)[1]
    assert "note" not in filling.address_of(values(), session=session, shown=SHOWN)[1]


def test_a_form_differs_where_it_would_be_another_run() -> None:
    for change, differs in (
        ({}, False),
        ({"ood_source": "letters"}, False),  # strangers that never come
        ({"batch_size": 8.0}, False),
        ({"severity": 5}, True),
        ({"class_names": ""}, True),  # an error: nobody's run
        ({"methods": ["zero-shot"]}, True),
    ):
        asked = readable(values(**change))
        assert ("Run again to apply yours" in changed_html(SHOWN, asked, "Run again")) is differs, change
        assert changed_html(None, asked, "Run") == ""
    files = GivenFile("/x/1.png", "a.png"), GivenFile("/x/2.png", "b.png")
    one, two = (Uploads(files[:count], 64, None, (), (), ()) for count in (1, 2))
    shown = read_form(values(dataset=UPLOAD), one)
    assert not changed_html(shown, read_form(values(dataset=UPLOAD), one), "Run")
    assert changed_html(shown, read_form(values(dataset=UPLOAD), two), "Run")  # more images are another run
    assert not changed_html(SHOWN, read_form(values(), two), "Run")


def test_the_button_that_restores_defaults_counts_what_is_changed() -> None:
    opened = reading.values_of(read_form({}))
    for changes, words in (
        ({}, ""),
        ({"steps": 9}, "1 changed: restore defaults"),
        ({"schedule": "mixed", "templates": "{}"}, "2 changed: restore defaults"),
        ({"eata.similarity": 0.7}, ""),  # of a method that takes no part
        ({"batches": None}, "Restore defaults"),  # no run yet
    ):
        assert restoring(readable(changes), opened) == words, changes


def test_a_lesson_is_left_as_it_was_entered() -> None:
    mine = WORKED | {"seed": 7, "severity": 2}
    opened = filling.open_lesson("patience", mine)
    assert opened["learning_rate"] == 5e-5
    assert '"key":"patience"' in opened["lesson"]
    other = filling.open_lesson("strangers", opened["before"])
    assert "ood_share=0.5" in other["lesson"]
    left = filling.leave_lesson(other["before"])  # its run stays, with its own settings beside it
    nothing = {"before": None, "lesson": "", "lesson_key": ""}
    assert left == mine | nothing | {"message": left["message"]}
    assert filling.restore_defaults().items() >= WORKED.items()


def test_what_failed_is_put_back_with_what_came_with_it_and_nothing_else() -> None:
    update = filling.put_form_back(FAILED, TRIED | {"seed": 7})
    came = {name: WORKED[name] for name in ("backbone", *fields.ADAPTATION_FIELDS)}
    assert update == came | {"choice": FAILED.settled, "message": update["message"]}
    assert "No connection." in update["message"]
    assert "The form is back at Tiny CLIP (built in); everything else is as it was." in update["message"]
    update = filling.put_form_back(Choice(read_form(WORKED), read_form(TYPED), "dataset"), TYPED)
    assert {name: update[name] for name in ("dataset", "class_names", "corruption")}.items() <= WORKED.items()
    assert "Loading zoo/animls was cancelled. The form is back at Built-in pictures;" in update["message"]
    for choice, form in (
        (FAILED, TRIED | {"backbone": "RN50/openai"}),  # something else was chosen meanwhile
        (replace(FAILED, worked=read_form(TRIED)), TRIED),  # the same as before
        (replace(FAILED, loading=""), TRIED),  # it had loaded: another reason
        (Choice(read_form(WORKED)), TRIED),
        (Choice(None, read_form(TRIED), "backbone"), TRIED),
    ):
        assert filling.put_form_back(choice, form) == {"choice": choice.settled}


def test_a_page_whose_first_load_fails_goes_on_showing_its_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the loader that there is
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    opened = Choice(read_form(WORKED), idle={"progress": "Example", "sweep": "Example"})
    assert Choice(SHOWN).shown(False) is None
    assert opened.shown(False) == opened.shown(True) == read_form(WORKED)
    updates = list(handlers.run(HOST, None, None, values(backbone=LAPTOPS), None, "visitor", opened))
    assert updates[-1]["progress"] == "Example"
    assert not {"accuracy", "gallery"} & {name for update in updates for name in update}
    put = filling.put_form_back(updates[-1]["choice"], values(backbone=LAPTOPS))
    assert put["backbone"] == TINY
    assert re.search("could not be reached.*The form is back at Tiny CLIP", put["message"])
    assert not {"accuracy", "gallery", "sweep"} & set(handlers.settled(None, opened))  # a run's parts alone


def test_a_backbone_says_its_cost_and_what_stays() -> None:
    def told(**changes: object) -> str:
        form = TRIED | changes
        return backbone_note.backbone_note_html(HOST.machine, form["backbone"], readable(form), TINY)

    for words in ("598 MB", "Apache 2.0", f"Batch of {TRIED['batch_size']}", "Images and settings stay"):
        assert words in told()
    assert "none" in told(backbone=TINY)
    assert "stay" not in told(backbone=TINY)
    assert "Batch of" not in told(batches=None)
    assert "The paper's is CLIP ViT-B/16" in told(backbone=TINY)
    assert "The paper's is" not in told()
    assert 'href="https://huggingface.co/somebody/clip"' in told(backbone="hf-hub:somebody/clip")
    assert told(backbone="<b>") == ""


def test_words_that_the_built_in_model_never_met_are_named_and_another_model_is_offered() -> None:
    def note(**changes: object) -> str:
        return backbone_note.words_note_html(readable(changes))

    def offer(**changes: object) -> str:
        return backbone_note.words_offer(HOST.machine, readable(changes))

    assert {"cat", "truck"} <= known_words()[0]
    assert split_by_knowledge(("cat", "Cats", "flag_of_nowhere", "zebra")) == (("zebra",), ("flag_of_nowhere",))
    own = {"dataset": UPLOAD, "class_names": "cat, <b>xylograph</b>, dog"}  # no image yet
    assert re.search("guess.*&lt;b&gt;xylograph", note(**own))
    assert "photographs" in note(dataset=UPLOAD, class_names="zebra, cat")
    assert note() == note(class_names="cat, dog") == backbone_note.words_note_html(None)  # nothing
    assert re.search("CLIP ViT-B/32.*605 MB.*a batch about", offer(**own))
    assert "<p" not in note(**own | {"backbone": LAPTOPS})
    assert offer(**own | {"backbone": LAPTOPS}) == offer(class_names="cat, dog") == ""
    assert "<p" not in note(**own | {"class_names": "cat"})  # one class: no run, and no note
    assert "and 3 more" in note(**own | {"class_names": ", ".join(f"word{number}x" for number in range(9))})


def test_where_there_is_a_gpu_the_page_and_the_command_line_offer_the_papers_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(host, "device", lambda: "cuda")
    demo = build.build_demo()
    (button,) = (block for block in demo.blocks.values() if block.elem_id == "gpu-advice")
    assert button.visible
    assert "choose CLIP ViT-B/16, the paper" in button.value
    (click,) = (fn for fn in demo.fns.values() if (button._id, "click") in fn.targets)
    assert {VIT, message_html(), 1e-4} <= set(click.fn().values())
    assert not backbone_note.gpu_advice(VIT, "cuda")
    assert not backbone_note.gpu_advice(TINY, "cpu")
    monkeypatch.setattr(run_command, "best_device", lambda: "cuda")
    for words, offered in (((), True), (("--backbone", "tiny"), False), (("--device", "cpu"), False)):
        cli.main(["run", *["--batches", "1", "--batch-size", "2", "--methods", "zero-shot", "--quiet"], *words])
        assert (f"There is a GPU here: --backbone {VIT}" in capsys.readouterr().err) is offered


def test_an_owner_sets_what_the_page_opens_with(owner: pytest.MonkeyPatch) -> None:
    assert read_opening({"CLIPTTA_BACKBONE": " ", "PATH": "x"}) == WORKED
    form = read_opening({"CLIPTTA_BACKBONE": VIT, "CLIPTTA_DATASET": "cifar10"})
    assert (form["backbone"], form["learning_rate"], form["dataset"]) == (VIT, 1e-4, "cifar10")
    assert form["class_names"].startswith("airplane, automobile")
    for name in ("upload", "hf:zoo/animals:test"):
        assert read_opening({"CLIPTTA_DATASET": name})["dataset"] == name
    for name, wrong in {
        "CLIPTTA_BACKBONE": ("ViT-B-16", "local-dir:/models/mine"),
        "CLIPTTA_DATASET": ("folder:/data", "imagenet", "hf:../x"),  # what no visitor could choose
    }.items():
        for value in wrong:
            with pytest.raises(UserError, match=rf"^{name}: .*must "):
                read_opening({name: value})
    owner.setenv("CLIPTTA_BACKBONE", "ViT-B-16")
    with pytest.raises(SystemExit, match=r"^error: CLIPTTA_BACKBONE: backbone is 'ViT-B-16'; it must be one of: tiny"):
        web.make_demo()


def test_links_mean_the_same_on_a_server_that_opens_with_something_else(owner: pytest.MonkeyPatch) -> None:
    owner.setenv("CLIPTTA_BACKBONE", VIT)
    assert links.open_link({"seed": "5"}) == read_form({"seed": 5, **links.UNSAID})
    assert links.to_query(read_form({})) == "batch_size=24&batches=8&backbone=tiny"  # else it opened the owner's
    assert links.to_query(read_form(reading.opening())) == "batch_size=24&batches=8&backbone=ViT-B-16%2Fopenai"


def test_where_others_come_visitors_choose_from_the_list(owner: pytest.MonkeyPatch) -> None:
    assert fields.takes_typed()
    owner.setattr(fields, "LIMITS", replace(LIMITS, any_dataset=0))
    assert not fields.takes_typed()
    with pytest.raises(UserError, match=r"data sets of its list only.*CLIPTTA_ANY_DATASET=1"):
        fields.read_dataset("hf:zoo/animals")
    assert read_opening({"CLIPTTA_DATASET": "hf:zoo/animals"})["dataset"] == "hf:zoo/animals"
    owner.setenv("CLIPTTA_DATASET", "hf:zoo/animals")
    assert fields.read_dataset("hf:zoo/animals") == "hf:zoo/animals"  # what the owner has set
    assert ("zoo/animals", "hf:zoo/animals") in fields.dataset_choices()
    for name, alone in {"0.0.0.0": 0, "": 0, "my.host": 0, "127.0.0.1": 1, "localhost": 1, "[::1]": 1}.items():
        assert Limits.from_environment({"GRADIO_SERVER_NAME": name}).any_dataset == alone
