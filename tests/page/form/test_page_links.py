"""Links: what a form says survives the way through an address, and bad addresses are explained."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.data.catalog import OOD_SOURCES, picture_class_names
from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.scores import ID_SCORES
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings, method_names
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.links import from_query, open_link, to_query
from cliptta_demo.page.form.reading import read_form, usual_values, values_of
from cliptta_demo.page.session.state import Recipe

START = usual_values()


def there_and_back(values: dict) -> Recipe:
    return open_link(dict(parse_qsl(to_query(read_form(values)))))


def test_the_opening_experiments_link_holds_its_length_alone() -> None:
    assert to_query(read_form(START)) == f"batch_size={START['batch_size']}&batches={START['batches']}"
    assert there_and_back(START) == read_form(START)


def test_links_from_before_the_length_was_said_mean_what_they_meant() -> None:
    assert open_link({"seed": "5"}) == read_form({"seed": 5, "batch_size": 64, "batches": 10})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "dataset": st.sampled_from(["pictures", "unseen-style"]),
            "class_names": st.lists(st.sampled_from(picture_class_names()), min_size=2, unique=True).map(", ".join),
            "corruption": st.sampled_from(["none", "cycle", *CORRUPTIONS]),
            "severity": st.integers(1, 5),
            "ramp": st.booleans(),
            "ood_share": st.floats(0, 0.9).map(lambda value: round(value, 6)),
            "ood_source": st.sampled_from(list(OOD_SOURCES)),
            "methods": st.lists(st.sampled_from(method_names()), min_size=1, max_size=5, unique=True),
            "order": st.sampled_from(tuple(settings_of(StreamSettings)["order"].options)),
            "schedule": st.sampled_from(tuple(settings_of(StreamSettings)["schedule"].options)),
            "concentration": st.sampled_from([0, 0.1, 2.5, 1000]),
            "ood_bursts": st.booleans(),
            "reset": st.sampled_from(tuple(settings_of(AdaptationSettings)["reset"].options)),
            "batch_size": st.integers(1, 512),
            "batches": st.integers(1, LIMITS.max_run_steps // 50),
            "seed": st.integers(0, 2**31 - 1),
            "backbone": st.sampled_from(list(BACKBONES)),
            "learning_rate": st.sampled_from([0, 1e-5, 0.0003, 0.002, 1]),
            "steps": st.integers(1, 50),
            "memory_shots": st.integers(0, 64),
            "oce_gamma": st.sampled_from([1e-6, 0.005, 10]),
            "templates": st.lists(st.sampled_from(["art of {}.", "{}", "a {} & more"]), unique=True).map("\n".join),
            "score": st.sampled_from(list(ID_SCORES)),
            "symmetric": st.booleans(),
        },
    )
)
def test_any_experiment_survives_the_way_through_its_address(changes: dict) -> None:
    values = changes
    assert there_and_back(values) == read_form(values) == read_form(values_of(read_form(values)))


def test_class_names_of_any_script_and_signs_survive() -> None:
    values = {"class_names": "cat = chaton & co, dog = собака\nbird = 鳥#1?", "seed": 7}
    query = to_query(read_form(values))
    assert all(character not in query for character in " #?\n")
    assert there_and_back(values) == read_form(values)
    assert there_and_back(values).class_names == ("chaton & co", "собака", "鳥#1?")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"severity": "9"}, "severity is 9; it must be a whole number from 1 to 5"),
        ({"severity": "high"}, "severity is 'high'; it must be a whole number"),
        ({"ood_share": "nan"}, "ood_share is nan"),
        ({"corruption": "<script>"}, "corruption is '<script>'; it must be one of"),
        ({"dataset": "folder:/etc"}, "dataset is 'folder:/etc'; it must be one of"),
        ({"backbone": "local-dir:/etc"}, "backbone is 'local-dir:/etc'; it must be one of"),
        ({"methods": "magic"}, "methods is 'magic'"),
        ({"ramp": "yes"}, "ramp is 'yes'; it must be true or false"),
        ({"class_names": "unicorn, cat"}, "no class 'unicorn'"),
        ({"class_names": "cat, " + "a" * 9000}, "has 9,000 characters"),
        ({"batches": "1000"}, "batches is 1000; it must be a whole number from 1 to 200"),
    ],
)
def test_a_bad_address_is_explained(query: dict[str, str], says: str) -> None:
    with pytest.raises(UserError) as error:
        open_link(query)
    assert says in str(error.value)


def test_names_of_others_are_left_alone() -> None:
    assert from_query({"__theme": "dark", "view": "api", "seed": "3"}) == {"seed": 3}


def test_a_link_to_uploads_opens_without_images() -> None:
    recipe = open_link({"dataset": "upload", "class_names": "cat, dog"})
    assert (recipe.images, recipe.class_names) == ((), ("cat", "dog"))


def test_a_link_from_before_there_was_a_choice_of_resets_still_starts_anew() -> None:
    adaptation = open_link({"reset_every": "4"}).settings.adaptation
    assert (adaptation.reset, adaptation.reset_every) == ("every", 4)
