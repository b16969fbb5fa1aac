"""What a visitor sees before Gradio's scripts have come and drawn the page, which takes a slow phone some seconds.

The page's own HTML brings its title, and the words, curves and answers of its opening example, drawn where they will
stay; assets/first.js takes them away when the page itself stands, until when that is hidden. Besides, the HTML is sent
packed, and the page's scripts and style sheets, which never change under their address, are kept by the browser.
"""

import html
import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cliptta_demo.languages import Text, language, localised, say
from cliptta_demo.one_file import in_script
from cliptta_demo.page.form.reading import opening
from cliptta_demo.page.framework.gradio_parts import Page
from cliptta_demo.page.layout.backbone_note import model_line_html
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.page.panels.figures import SCORES
from cliptta_demo.page.panels.panel import JOINED, joined, joined_address, panel_html, spoken_language, stylesheet
from cliptta_demo.page.panels.stage import WATCH
from cliptta_demo.page.words.texts import header, languages_html, sentence_html
from cliptta_demo.places import ASSETS

LOOKS = {"hide", "type", "view"}  # words of an address that change what there is to see (assets/embed.js)
DRAW = 'document.getElementById("first-paint").draw()'
FOR_GOOD = "public, max-age=31536000, immutable"
LINKS = (Text("Camera"), Text("Your images"), Text("All settings"), Text("Share"))
NO_SCRIPTS = Text(
    "This page runs on JavaScript, which your browser has switched off: allow it, and load the page again."
)


class FirstPaint:
    """ASGI middleware around Gradio's routes."""

    def __init__(self, app: ASGIApp, demo: Page) -> None:
        self.app = app
        self.packed = GZipMiddleware(self._painted, compresslevel=6)
        self.demo = demo
        self.known: dict[str, tuple[bytes, bytes, bytes]] = {}

    def _tags(self) -> tuple[bytes, bytes, bytes]:
        """For the head, for an address that says something, for one that says nothing, in the context's language."""
        code = language().code
        if code not in self.known:
            shown = self.demo.worded()
            tags = (_early(shown.title), _first({}), _first(shown.opening))
            self.known[code] = tuple(tag.encode() for tag in tags)
        return self.known[code]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the page, or passes on."""
        asked = scope["type"] == "http" and scope["method"] == "GET"
        page = asked and scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
        await (self.packed if page else self.app)(scope, receive, send)

    async def _painted(self, scope: Scope, receive: Receive, send: Send) -> None:
        early, title_alone, whole = self._tags()
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = {name for name in query if name != "lang" and not name.startswith("__")}  # as Gradio's own do
        first = b"" if asked & LOOKS else title_alone if asked else whole
        start: Message = {}
        body = b""

        async def paint(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            # What is not found is left out: the page then comes as Gradio has it.
            for place, tags in ((b"<script", early), (b"<gradio-app", first)):
                body = body.replace(place, tags + place, 1)
            MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, paint)


async def _joined(request: Request) -> Response:
    name = request.url.path.rsplit("/", 1)[-1]
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return Response(joined(name), media_type=kind, headers={"cache-control": FOR_GOOD})


JOINED_ROUTES = [Route(f"/{name}", _joined) for name in JOINED]


def _early(title: str) -> str:
    script = (ASSETS / "stream.js").read_text(encoding="utf-8")
    # Gradio asks the address's call as soon as its own scripts, which wait too and come behind, have built the page.
    own = f'<script defer src="{joined_address("page.js")}"></script>'
    return f"<title>{html.escape(title)}</title>{spoken_language()}<script>{script}</script>{own}"


def _first(parts: Mapping[str, str]) -> str:
    """The page's beginning; its title alone where nothing else is known."""
    script, style = ((ASSETS / f"first.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    drawing = f'<script async src="{joined_address("page.js")}"></script>' if parts else ""
    head = f"{drawing}<script>{script}</script>{stylesheet()}<style>{style}</style>"
    top = _place("masthead", header(len(LESSONS)))
    if parts:
        links = [f"<button>{say(words)}</button>" for words in LINKS]
        links.insert(2, _place("model-line", model_line_html(opening()["backbone"])))
        top += "".join(links) + _place("language", languages_html())
    page = f'{_place("top", top)}<noscript><div class="note warning"><p>{NO_SCRIPTS}</p></div></noscript>'
    if parts:
        drawn = [panel for panel in WATCH if panel is not SCORES]
        words, *figures, answers = (_place(panel.name, panel_html(panel)) for panel in drawn)
        page += f'<div id="knobs"></div><div id="lead">{_place("sentence", sentence_html())}'
        page += f'<div id="small-line">{parts["progress"]}</div></div>'
        page += f'<div id="watch">{words}<div id="middle">{"".join(figures)}</div>{answers}</div>'
        data = {name: json.loads(parts[name]) for name in ("gallery", "accuracy", "strip", "entropy")}
        ends = [
            f"{own['label']} {localised(format(own['last'], '.1%'))}" for own in data["accuracy"].get("methods", ())
        ]
        page += f"<noscript><p>{', '.join(ends)}</p></noscript>"
        page += f'<script type="application/json">{in_script(data)}</script><script>{DRAW}</script>'
    spoken = language()
    return f'<div id="first-paint" lang="{spoken.code}" dir="{spoken.direction}">{head}<div>{page}</div></div>'


def _place(name: str, content: str) -> str:
    return f'<div id="{name}">{content}</div>'
