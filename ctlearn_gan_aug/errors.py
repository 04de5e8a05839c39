"""The one exception a user is meant to see."""

import re


class UserError(Exception):
    """A failure the user caused and can mend.

    The message is one sentence that names the file or key, says what is wrong and what would be
    right. The command line prints it as it is and exits with code 1.
    """


def find_user_error(error: BaseException) -> UserError | None:
    """The user's error that an exception is or tells of; None if there is none.

    What is raised inside tf.data arrives as TensorFlow's error, of which it is a line.
    """
    if isinstance(error, UserError):
        return error
    told = re.search(rf"\b{UserError.__name__}: (.+)", str(error))
    return UserError(told[1]) if told else None
