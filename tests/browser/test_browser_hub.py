"""The hub's data sets and backbones on the page, in a browser, where the internet is out of reach."""

import pytest

pytestmark = pytest.mark.browser


def choose(page, dropdown: str, label: str) -> None:
    page.click(f"{dropdown} input")
    page.get_by_role("option", name=label, exact=True).click()


def run_says(page, words: str) -> None:
    page.click("#run")
    says(page, words)
    page.wait_for_selector("#run:enabled")


def says(page, words: str) -> None:
    page.wait_for_function("words => document.querySelector('#message').innerText.includes(words)", arg=words)


def test_choices_tell_their_cost_and_failing_keeps_the_page(visit) -> None:
    page = visit()
    shown = page.inner_text("#cards [data-method=cliptta] .number")
    choose(page, "#dataset", "CIFAR-10")
    page.wait_for_function("() => document.querySelector('#dataset').innerText.includes('24 MB')")
    page.wait_for_function("() => document.querySelector('#class-names textarea').value.startsWith('airplane, auto')")
    assert not page.is_visible("#twelve-classes")
    run_says(page, "uoft-cs/cifar10 is not on this machine and the model hub could not be reached")
    says(page, "The form is back at Built-in pictures")
    assert page.inner_text("#cards [data-method=cliptta] .number") == shown
    assert page.is_visible(".example")  # what is drawn is still the example
    page.fill("#dataset input", "hf:../../etc/passwd")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#class-names textarea').value === ''")
    run_says(page, "must look like ORGANISATION/NAME")
    choose(page, "#dataset", "Built-in pictures")
    page.wait_for_selector("#twelve-classes")
    choose(page, "#backbone", "CLIP ViT-B/16")
    page.wait_for_function("() => document.querySelector('#backbone-note').innerText.includes('598 MB')")
    page.fill("#backbone input", "ViT-B-32//etc/passwd")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#message').innerText.includes('it must be one of')")
    run_says(page, "it must be one of: tiny")
