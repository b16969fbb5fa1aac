"""What the hub, or the way to it, answers when something goes wrong, in sentences."""

from __future__ import annotations

WORDS = {"model": "model", "dataset": "data set"}


def no_connection(error: BaseException) -> bool:
    """Whether an error means that the hub could not be reached at all (of whichever HTTP library)."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return getattr(error.response, "status_code", 0) >= 500
    if isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError | ConnectionError | TimeoutError):
        return True
    return any(base.__name__ in ("TransportError", "RequestException") for base in type(error).__mro__)


def explain(kind: str, name: str, error: BaseException) -> str:
    """What went wrong and what to do, for a person, in one or two sentences."""
    from huggingface_hub import errors

    what = f"the {WORDS[kind]} {name}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        address = f"huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
        return (
            f"The owner of {what} lets only people in who have accepted the conditions. Accept them on {address}, "
            f"put a token of yours into HF_TOKEN, and start again; or choose another {WORDS[kind]}."
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return f"The hub has no {WORDS[kind]} {name}, or it is private. Check the spelling: ORGANISATION/NAME."
    if isinstance(error, errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError):
        return f"The hub has {what}, but not the file or version that is needed. Choose another {WORDS[kind]}."
    if status == 403:
        return f"The hub refuses access to {what}. Choose another {WORDS[kind]}."
    if status == 429:
        return f"The hub wants fewer requests from here for a while. Wait some minutes, then ask for {name} again."
    if isinstance(error, errors.HfHubHTTPError) and (status or 0) >= 500:
        return f"The hub has a fault at the moment (answer {status}). Try again later; what is built in works."
    if isinstance(error, OSError) and error.errno == 28:  # no space left
        return f"There is no space left on the disk for {what}. Make some room and try again."
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return f"The download of {what} did not arrive whole. Try again."
    if no_connection(error):
        return (
            f"The {WORDS[kind]} {name} is not on this machine and the model hub could not be reached. "
            "Check the internet connection and try again, or choose what is built in."
        )
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return f"{what[0].upper()}{what[1:]} could not be fetched: {first_line.rstrip('.')}. Try again or choose another."
