"""Stopping at once, by Ctrl-C or SIGTERM, in the middle of anything.

Python runs its handlers of signals between two steps of its own, and a query or a fit
may be one step of minutes. But a stage may be killed anywhere and run again; so there
is nothing to wait for: a thread that waits for signals says so and ends the process.
The kernel frees the lock.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Of a process that ends at once, multiprocessing's helper would say, too, that it has
# left semaphores behind; it goes by the interpreter's flags of the time it begins.
_NOT_WARNED_OF = "ignore:resource_tracker"
_WORDS = (
    "tessera: stopped by {}; the last good snapshot stands, and the next run goes on "
    "from what is whole\n"
)


@contextmanager
def stopping_at_once() -> Generator[None]:
    """End the process when it is told to stop, with 128 and the signal's number.

    Signals can be handled in the main thread alone; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()  # the one that C code writes to must not block
    theirs.setblocking(False)
    earlier_descriptor = signal.set_wakeup_fd(theirs.fileno())
    earlier = {number: signal.signal(number, _nothing) for number in SIGNALS}
    sys.warnoptions.append(_NOT_WARNED_OF)
    waiting = threading.Thread(target=_wait, args=(ours,), daemon=True)
    waiting.start()
    try:
        yield
    finally:
        sys.warnoptions.remove(_NOT_WARNED_OF)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(earlier_descriptor)
        theirs.close()  # which ends the thread
        waiting.join()
        ours.close()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Leave a signal to the thread that waits for it."""


def _wait(signals: socket.socket) -> None:
    """Wait for the number of a signal; end the process."""
    while told := signals.recv(1):
        if told[0] in SIGNALS:
            words = _WORDS.format(signal.Signals(told[0]).name)
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, words.encode())
            os._exit(128 + told[0])
