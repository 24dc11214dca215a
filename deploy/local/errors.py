"""The launcher's errors: each is one clear sentence for the person who typed the command."""


class StackError(Exception):
    """Something about this machine or this command stops the stack; `str(error)` says what and what to do."""
