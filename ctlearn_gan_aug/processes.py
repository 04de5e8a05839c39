"""Python in processes of its own, none of which outlives the one that started it."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def python(arguments: Sequence[str], **options) -> Iterator[subprocess.Popen]:
    """Run Python with some arguments; the block ends when it has ended.

    SIGTERM interrupts the block as Ctrl-C does. If it is left by an exception, the other process
    is asked to end as well and waited for, so that a training saves its state.

    Parameters
    ----------
    arguments : sequence of str
        What follows the interpreter's name.
    options
        Of `subprocess.Popen`. Pipes must be read to their end in the block.
    """
    with (
        _on_sigterm(_interrupt),
        subprocess.Popen([sys.executable, *arguments], **options) as process,
    ):
        try:
            yield process
            process.wait()
        except BaseException:
            # Ctrl-C reaches all processes of a terminal: who starts us may ask a second time.
            with _on_sigterm(signal.SIG_IGN):
                process.terminate()
                process.wait()
            raise


def _interrupt(number, frame):
    raise KeyboardInterrupt


@contextlib.contextmanager
def _on_sigterm(handler) -> Iterator[None]:
    try:
        before = signal.signal(signal.SIGTERM, handler)
    except ValueError:  # not in the main thread: signals are not ours to catch
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
