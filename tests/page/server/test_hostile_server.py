"""A real server, called with anything: each call is answered, in a sentence, and nothing breaks."""

import json
import random
import re
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest
from asking import API, Answer, Asker, read_update
from hostile_files import MARK, Case, cases, encode, picture
from hostile_values import BODIES, GETS, ORDINARY, POSTS, WRONG, arguments, refusal_is_a_sentence, several_cases
from paths import ROOT
from serving import serve_process

pytestmark = pytest.mark.slow
AT_ONCE = 4
SEED = 20_251_114
INSIDES = re.compile(r"Traceback|File \"|\.py\b|site-packages|root:x:0")  # of a server, never for a visitor


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One server for all; afterwards it has to be as it was, and its log clean."""
    folder = tmp_path_factory.mktemp("uploads").resolve()
    told: dict[str, Any] = {"folder": folder}
    limits = {"CLIPTTA_MAX_BATCHES": "2", "CLIPTTA_MAX_BATCH_SIZE": "8", "CLIPTTA_MAX_RUN_STEPS": "10"}
    with serve_process(**limits, CLIPTTA_SESSIONS="10000", GRADIO_TEMP_DIR=str(folder)) as (address, process, log):
        asker = Asker(address)
        told["asker"] = asker
        told["before"] = numbers(asker)
        yield told
        assert asker.health()["status"] == "ok"
        assert numbers(asker) == told["before"]
        assert process.poll() is None
        log.seek(0)
        text = log.read().decode(errors="replace")
    check_log(text)


def numbers(asker: Asker) -> Any:
    """An ordinary run's results, without times."""
    answer = asker.call(asker.api, list(ORDINARY.values()))
    assert answer.success, answer.error
    return re.sub(r'"[a-z_]*seconds[a-z_]*": ?[^,}]*|"(average_)?duration": ?[^,}]*', "", json.dumps(answer.data))


def check_log(text: str) -> None:
    assert not re.search(f"Traceback|{MARK}|hacked", text)
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    rest = [line for line in text.splitlines() if line.strip() and not line.startswith("{")]
    assert [line for line in rest if not line.startswith("* ")] == []  # Gradio's greeting


def one_sentence(answer: Answer) -> None:
    """A refusal says what is wrong, in short, and nothing of the server's insides."""
    assert answer.status < 500
    assert not INSIDES.search(answer.text), answer.text[:300]
    if not answer.success:
        refusal_is_a_sentence(answer.error)


def all_at_once(ask: Any, cases: list[Any]) -> list[str]:
    """Everything that went wrong, a few calls side by side."""

    def safely(case: Any) -> str:
        try:
            ask(case)
        except Exception as error:
            return f"{repr(case)[:150]} → {type(error).__name__}: {str(error)[:300]}"
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [line for line in pool.map(safely, cases) if line]


def test_calls_that_are_wrong_in_many_places(story: dict[str, Any]) -> None:
    asker, cases = story["asker"], several_cases(30, SEED)
    assert not all_at_once(lambda values: one_sentence(asker.call(asker.api, values)), cases)


def test_what_only_the_page_calls_can_be_called_with_anything(story: dict[str, Any]) -> None:
    """The page's own functions are private by name only."""
    asker = story["asker"]
    cases = [(event["id"], None) for event in asker.functions]
    asked = [event for event in asker.functions if event["inputs"]]
    for turn, event in enumerate(asked):  # each meets others; the first is what no answer can carry back
        cases += [(event["id"], value) for value in (10**400, *WRONG[turn % 30 :: 30])]

    def ask(case: tuple[int, Any]) -> None:
        answer = asker.call(case[0], [case[1]] * 40)
        one_sentence(answer)
        if case[0] != asker.api:  # these are drawn on the page
            assert "<script>" not in answer.text
            assert "<img src=x" not in answer.text

    wrong = all_at_once(ask, cases)
    assert not wrong, "\n".join(wrong[:20])
    assert len(cases) >= 100


def test_requests_that_make_no_sense_never_end_in_an_error_of_the_server(story: dict[str, Any]) -> None:
    asker = story["asker"]
    kinds = ("application/json", "multipart/form-data; boundary=x", "text/plain")
    cases = [(path, body, kind) for path in POSTS for body in BODIES for kind in kinds[: 1 + (path == "upload") * 2]]

    def ask(case: tuple[str, str | bytes, str] | str) -> None:
        if isinstance(case, str):
            with asker.client.stream("GET", case) as answer:
                status, text = answer.status_code, next(answer.iter_text(2_000), "").replace("page.py", "")
        else:
            path, body, kind = case
            answer = asker.post(f"{API}/{path}", body, kind)
            status, text = answer.status_code, answer.text
        assert status < 500
        assert not INSIDES.search(text), text[:200]

    wrong = all_at_once(ask, [*cases, *GETS])
    assert not wrong, "\n".join(wrong[:20])
    assert len(cases) + len(GETS) >= 200


def test_what_the_page_does_not_use_is_closed(story: dict[str, Any]) -> None:
    asker = story["asker"]
    assert asker.post(f"{API}/run/run", '{"data": []}').status_code == 404  # past the queue
    assert asker.client.get("/monitoring/summary").status_code == 404
    large = asker.post(f"{API}/queue/join", b" " * (17 * 2**20))
    assert large.status_code == 413
    assert "too large" in large.json()["detail"]


def test_hostile_files_through_the_endpoint_of_uploads(story: dict[str, Any]) -> None:
    asker, folder = story["asker"], story["folder"]
    given = cases(20, SEED + 1)  # two of each kind

    def send(case: Case) -> None:
        session, added = uuid.uuid4().hex, []
        for name, data in case.files:
            added.append({"path": asker.upload(data).json()["path"], "name": name})
        answer = asker.take(session, added=added)
        one_sentence(answer)
        count, note = read_update(answer)
        if case.images is not None:
            assert count == case.images
        assert not re.search(r"<(img|script|svg|b)\b", note)
        assert str(folder) not in answer.text.replace(json.dumps(added)[1:-1], "")
        asker.clear(session)
        assert not [item["path"] for item in added if list(folder.rglob(item["path"]))]

    wrong = all_at_once(send, given)
    assert not wrong, "\n".join(wrong[:20])


def test_a_request_opens_no_file_that_is_not_an_upload_of_its_own(story: dict[str, Any]) -> None:
    """Forged paths in the place for files, and forged files in every argument; an address is never asked for."""
    asker, folder = story["asker"], story["folder"]
    owner = uuid.uuid4().hex
    place = asker.upload(encode(picture(random.Random(1)), "PNG")).json()["path"]
    (stored,) = folder.rglob(place)
    assert read_update(asker.take(owner, added=[{"path": place, "name": "own.png"}]))[0] == 1
    canary = socket.create_server(("127.0.0.1", 0))  # of this machine, that nobody may ask
    canary.setblocking(False)
    address = f"http://127.0.0.1:{canary.getsockname()[1]}/x.png"
    art = ROOT / "assets"
    picture_here = next(path for path in art.rglob("*") if path.suffix in (".png", ".webp", ".jpg", ".gif"))
    (folder / "link.png").symlink_to(picture_here)
    paths = (
        "/etc/passwd", "/proc/self/environ", "/dev/zero", "/", "~", "\x00", "app.py", str(picture_here), str(folder),
        f"{folder}/link.png", f"{folder}/../../../../../../etc/passwd", f"file://{place}", f"{address}#{place}", place,
        str(stored), f"../{stored.parent.name}/{place}", f"/gradio_api/file={stored}", "a" * 10_000, "\ud800", "C:\\x",
    )  # fmt: skip
    for path, name in zip(paths, cycle(("a.png", "a.zip"))):
        answer = asker.take(uuid.uuid4().hex, added=[{"path": path, "name": name}])
        one_sentence(answer)
        assert read_update(answer)[0] == 0, path
        assert "did not arrive" in answer.text, path
    files = cycle(
        {"path": path, "url": address, "meta": {"_type": "gradio.FileData"}}
        for path in ("/etc/passwd", address, str(stored))
    )
    page = asker.function("step", "click", most_inputs=True)
    for name, file in zip([*ORDINARY][::3], files, strict=False):
        answer = asker.call(asker.api, arguments(name, file))
        assert f"{name} holds a file" in answer.error
    for index, file in zip(range(2, len(page["inputs"]), 9), files, strict=False):
        values = [None] * index + [file] + [None] * (len(page["inputs"]) - index - 1)
        assert "holds a file" in asker.call(page["id"], values).error
    with canary, pytest.raises(BlockingIOError):
        canary.accept()
    assert stored.exists()  # nobody else's Remove all deleted it
    asker.clear(owner)
    assert not stored.exists()
