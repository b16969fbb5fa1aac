"""The strip in a real browser: the plan before the run, the marker during it, accuracies by shift after it."""

import pytest
from test_browser_run import set_number, step, wait_done

pytestmark = pytest.mark.browser
QUERY = (
    "?schedule=continual&shift_batches=1&batches=3&batch_size=8&order=rotta&ood_share=0.25&ood_bursts=1"
    "&methods=zero-shot,tent&steps=1"
)


def test_a_schedule_is_drawn_before_during_and_after_its_run(visit) -> None:
    page = visit(390, 844, QUERY, phone=True)
    lanes = page.locator("#strip .lanes")
    # The page opens with one shift. While the link fills the form, plans of a part of it may come before its own.
    page.wait_for_function(
        """([shifts, names, label]) => document.querySelectorAll('#strip .shifts > div').length === shifts
            && [...document.querySelectorAll('#strip .lanes b')].map(b => b.innerText).join() === names
            && document.querySelector('#strip .lanes').ariaLabel.startsWith(label)""",
        arg=[3, "shift,classes,strangers", "Gaussian noise in batch 1; Shot noise in batch 2; Impulse"],
    )
    assert page.locator("#strip .is-marked, #strip table").count() == 0
    step(page)
    page.wait_for_selector("#strip .is-marked")
    assert lanes.get_attribute("aria-label").endswith("At batch 2.")
    page.click("#run")
    wait_done(page, 3)
    page.wait_for_selector("#strip table")
    assert page.locator("#strip tbody th").all_inner_texts() == ["Gaussian noise", "Shot noise", "Impulse noise"]
    assert page.locator("#strip tbody td").count() == 6
    notes = page.evaluate("document.querySelector('#accuracy .plot').layout.annotations.map((note) => note.text)")
    assert notes[:3] == ["Gaussian noise", "Shot noise", "Impulse noise"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#settings")
    set_number(page, "batches", 4)  # another plan: the form's, which no run is at
    page.wait_for_function("document.querySelectorAll('#strip .shifts > div').length === 4")
    assert page.locator("#strip .is-marked, #strip table").count() == 0
