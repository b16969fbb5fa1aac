"""In which language a request is answered: what its address says, the visitor's choice, the server's or the browser's.

The page's own calls say theirs in the header ``Accept-Language`` (assets/stream.js).
"""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.languages import Language, codes, language, read_language, speaking, wished
from cliptta_demo.languages.gather import script_words

COOKIE = "cliptta-language"  # assets/language.js writes it
FORMS = 200  # numbers whose plural form scripts are told; what is larger takes that of its last two digits


def language_of(request: Any, page: bool = False) -> Language:
    """The language of a request; ``page``: of one for the page itself, which bears no header of ours."""
    said = parse_qs(str(request.url.query)).get("lang", [""])[0]
    chosen = request.cookies.get(COOKIE, "") if page else ""
    wish = "" if page and os.environ.get("CLIPTTA_LANGUAGE") else request.headers.get("accept-language", "")
    for name in (said, chosen, wish):
        if name and (found := wished(name)) is not None:
            return found
    return language()


class SpokenTo:
    """ASGI middleware: inside of it texts are in the visitor's language."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers in the request's language."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        page = scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
        with speaking(language_of(Request(scope), page)):
            await self.app(scope, receive, send)


def for_scripts(spoken: Language, known: Callable[[str], bool] = lambda text: True) -> dict[str, Any]:
    """What scripts are told of a language: its marks and plural forms, and the words of each ``known`` text."""
    marks = {name: getattr(spoken, name) for name in ("code", "direction", "decimal", "group", "percent")}
    words = {text: said for text, said in spoken.words.items() if known(text)}
    return marks | {"forms": "".join(str(spoken.form(count)) for count in range(FORMS)), "words": words}


def scripts_words(spoken: Language) -> dict[str, Any]:
    """The same with the words alone that the page's scripts say, and names of methods."""
    with speaking(Language()):
        names = {method.label for method in METHODS.values()}
    return for_scripts(spoken, (script_words() | names).__contains__)


async def words_route(request: Request) -> Response:
    """All words of one language, for a page that changes its own."""
    name = request.path_params["code"]
    if name not in codes():
        return Response(status_code=404)
    spoken = Language() if name == codes()[0] else read_language(name)
    return JSONResponse(for_scripts(spoken), headers={"cache-control": "no-cache"})
