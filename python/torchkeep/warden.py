"""Sees that no program of a local site outlives the Python that started it, however that ends.

Run as a process of its own: standard input brings lines "+PID" and "-PID", and ends when the Python at the other end does, be
it by SIGKILL. Then what was announced is ended, and the site's folder (the argument) is removed.
"""
import os
import select
import shutil
import signal
import sys
from typing import Dict

PATIENCE_SECONDS = 3.0


def main(folder: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C in a terminal reaches us too; only the other end decides
    held: Dict[int, int] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "-":
            os.close(held.pop(pid))
            continue
        try:
            held[pid] = os.pidfd_open(pid)  # names this very process, even when its number is used again
        except ProcessLookupError:
            held[pid] = os.open(os.devnull, os.O_RDONLY)  # it ended before we looked
    for number in (signal.SIGTERM, signal.SIGKILL):
        for handle in held.values():
            try:
                signal.pidfd_send_signal(handle, number)
            except (OSError, ValueError):
                pass  # it has ended
        waiting = list(held.values()) if number == signal.SIGTERM else []
        while waiting:
            ended = select.select(waiting, [], [], PATIENCE_SECONDS)[0]
            if not ended:
                break
            waiting = [handle for handle in waiting if handle not in ended]
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
