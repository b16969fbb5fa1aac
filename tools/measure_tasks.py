"""Times what people come to do, as they would do it: python -m tools.measure_tasks [--phone]

Each of five visitors opens the page and presses only what is in sight, or what scrolling brings there. Printed are the
presses, the pixels scrolled, and the seconds until the answer can be read, of which the server's runs are part.
"""

import argparse
import io
import time
from collections.abc import Callable

from PIL import Image
from playwright.sync_api import Browser, Locator, Page
from serving import be_patient, profile, serve_process

FINISHED = "#progress:has-text('finished')"
PHOTOS = {"cat.png": "gold", "dog.png": "navy", "ship.png": "tomato", "frog.png": "olive"}


class Person:
    """Somebody at a page, who counts what they do."""

    def __init__(self, page: Page, touch: bool) -> None:
        self.page, self.touch = page, touch
        self.presses, self.scrolled = 0, 0.0

    def look_at(self, place: Locator) -> Locator:
        """Waits until it is there, and scrolls to it."""
        place.wait_for(state="attached")
        before = self.page.evaluate("scrollY")
        place.scroll_into_view_if_needed()
        self.scrolled += abs(self.page.evaluate("scrollY") - before)
        return place

    def press(self, place: str | Locator) -> None:
        """Presses it once it is in sight."""
        found = self.look_at(self.page.locator(place).first if isinstance(place, str) else place)
        found.tap() if self.touch else found.click()
        self.presses += 1

    def open_knobs(self) -> None:
        """On a phone they are behind a button."""
        if not self.page.locator("#severity").is_visible():
            self.press("#knobs-more button")


def start_a_lesson(person: Person) -> str:
    """The first question of a lesson."""
    person.press("#lessons-open")
    person.press("#lesson-collapse")
    return person.look_at(person.page.locator(".lesson .say")).inner_text()


def compare_two_runs(person: Person) -> str:
    """The end of the run before beside the new one's."""
    page = person.page
    person.press("#run")
    page.wait_for_selector(FINISHED)
    person.open_knobs()
    person.press("#severity label:has-text('5')")
    person.press("#run")
    page.wait_for_selector("#pause:enabled")
    page.wait_for_selector(FINISHED)
    return person.look_at(page.locator("#accuracy .beside:has-text('┄')").first).inner_text()


def read_own_images(person: Person) -> str:
    """What zero-shot and the methods say of four files."""
    page = person.page
    person.press("#your-images")
    given = []
    for name, colour in PHOTOS.items():
        file = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(file, "PNG")
        given.append({"name": name, "mimeType": "image/png", "buffer": file.getvalue()})
    page.set_input_files("#files input[multiple]:not([webkitdirectory])", given)
    page.wait_for_selector("#upload-note .note:has-text('4 images ready')")
    person.press("#run")
    page.wait_for_selector(FINISHED)
    return person.look_at(page.locator("#words .tile").first).inner_text()


def find_a_word(person: Person) -> str:
    """What FPR95 means."""
    person.press("#settings")
    person.press("#glossary summary")
    return person.look_at(person.page.locator("#glossary [data-words*=FPR95]")).inner_text()


def share(person: Person) -> str:
    """The link to what the page shows."""
    person.press("#share")
    return person.look_at(person.page.locator(".link-note input")).input_value()


TASKS: dict[str, Callable[[Person], str]] = {
    "start a lesson": start_a_lesson,
    "compare two runs": compare_two_runs,
    "upload and read a result": read_own_images,
    "find what FPR95 means": find_a_word,
    "share": share,
}


def do(browser: Browser, address: str, name: str, phone: bool) -> None:
    """Lets a new visitor do it, and prints what it took."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    page = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone).new_page()
    be_patient(page)
    page.goto(address)
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("#accuracy .plot .main-svg", state="attached")
    person, began = Person(page, phone), time.monotonic()
    answer = " ".join(TASKS[name](person).split())
    seconds = time.monotonic() - began
    print(f"{name}: {person.presses} presses, {person.scrolled:.0f} px, {seconds:.1f} s → {answer[:100]}")
    page.context.close()


def main() -> None:
    """Does all five."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phone", action="store_true", help="on a small screen, by touch")
    phone = parser.parse_args().phone
    with profile() as context, serve_process() as (address, _, _):
        browser = context.browser
        for name in TASKS:
            do(browser, address, name, phone)


if __name__ == "__main__":
    main()
