"""The one exception a user is meant to see."""


class UserError(Exception):
    """A failure the user caused and can mend.

    The message is one sentence that names the file or key, says what is wrong and what would be
    right. The command line prints it as it is and exits with code 1.
    """
