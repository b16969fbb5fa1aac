"""The one error class whose message is meant for the person at the page or the command line."""


class UserError(ValueError):
    """Something a person can fix. The message says what happened and what to do, in plain sentences."""
