"""The adapted weights of a run, for the browser to save, and those that a visitor loads again."""

import base64

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.models.uploaded_weights import keep_uploaded
from cliptta_demo.backend.run.adapted_weights import as_archive, saved_files
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.state import Session


def weights_download(host: Host, session: Session | None) -> str:
    """A zip with a file for each method that adapts the tower; empty before the first batch."""
    if session is None or session.snapshot is None:
        return ""
    text = base64.b64encode(host.ask(session.recipe.backbone, _archive, session)).decode()
    return to_json({"name": "cliptta-weights.zip", "type": "application/zip", "text": text, "packed": True})


def _archive(session: Session) -> bytes:
    backbone = load_backbone(session.recipe.backbone, visitor=True)
    return as_archive(saved_files(backbone, session.recipe.settings, session.state.to(backbone.device)))


def take_weights(host: Host, text: str) -> str:
    """The backbone that a visitor's file of adapted weights makes, which comes in base64.

    Raises:
        UserError: no such file, or weights of a backbone that no visitor may have loaded.
    """
    if host.remote is not None:
        raise UserError("Several machines work for this page, and loaded weights are on none: choose a backbone.")
    try:
        data = base64.b64decode(text)
    except (ValueError, TypeError):
        data = b""
    return check_visitor_backbone(keep_uploaded(data))
