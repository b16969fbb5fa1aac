"""Calls of the server's functions over plain HTTP, as a program of an attacker's makes them."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from serving import PATIENCE, Stillness

from cliptta_demo.page.layout.wires import OUTPUTS
from cliptta_demo.page.words.defaults import UPLOAD

API = "/gradio_api"


@dataclass(frozen=True)
class Answer:
    """What a call gave: HTTP status, whether it succeeded, the sentence if not, and everything as text."""

    status: int
    success: bool
    error: str
    data: list[Any]
    text: str


class Asker:
    """One HTTP connection, many sessions."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=PATIENCE)
        config = self.client.get("/config").json()
        self.parts = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self.functions = [event for event in config["dependencies"] if event["backend_fn"]]
        (self.api,) = [event["id"] for event in self.functions if event["api_name"] == "run"]

    def function(self, part: str, kind: str, most_inputs: bool = False) -> dict[str, Any]:
        """The function that an event of a part of the page calls."""
        found = [
            event
            for event in self.functions
            if any(kind == what and self.parts.get(target) == part for target, what in event["targets"])
        ]
        return max(found, key=lambda event: len(event["inputs"])) if most_inputs else found[0]

    def health(self) -> dict[str, Any]:
        """How the server says it is."""
        return self.client.get("/health").json()

    def post(self, path: str, body: str | bytes, kind: str = "application/json") -> httpx.Response:
        """Any body to any path."""
        return self.client.post(path, content=body, headers={"Content-Type": kind})

    def call(self, function: int, data: Any, session: str = "") -> Answer:
        """Through the queue, to the end. Values may be what JSON calls illegal: NaN, halves of surrogate pairs."""
        session = session or uuid.uuid4().hex
        body = json.dumps({"data": data, "fn_index": function, "session_hash": session})
        joined = self.post(f"{API}/queue/join", body)
        if joined.status_code != 200:
            return Answer(joined.status_code, False, joined.text, [], joined.text)
        everything, last, still = [], None, Stillness()
        with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                everything.append(line)
                still.look(line or still.sign)
                message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
                if message["msg"] in ("process_completed", "unexpected_error"):
                    last = message
                    break
        assert last is not None, "no end of the call"
        output = last.get("output") or {}
        error = "" if last.get("success") else str(output.get("error") or last.get("message"))
        return Answer(200, bool(last.get("success")), error, output.get("data") or [], "\n".join(everything))

    def upload(self, data: bytes, visitor: str = "") -> httpx.Response:
        """One file, as assets/upload.js sends it."""
        return self.client.post("/images", content=data, headers={"X-Visitor": visitor})

    def take(self, session: str, **news: Any) -> Answer:
        """Tells the place for files what came, as assets/upload.js does."""
        event = self.function("files", "upload")
        return self.call(event["id"], [json.dumps(news), None, None, None, "tiny", UPLOAD, "", 64], session)

    def clear(self, session: str) -> Answer:
        """Presses Remove all."""
        first = self.function("files", "clear")
        (event,) = [event for event in self.functions if event["trigger_after"] == first["id"]]
        return self.call(event["id"], [None] * len(event["inputs"]), session)


def read_update(answer: Answer) -> tuple[int, str]:
    """(images that the page has now, its note) after files came."""
    note, files, *_ = answer.data[len(OUTPUTS) :]
    return json.loads(files).get("images", 0), note
