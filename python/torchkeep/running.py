"""Programs that a local site runs, each with its log."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional

from .errors import Error, Unavailable
from .places import program

READY_SECONDS = 60
STOP_SECONDS = 10


class Warden:
    """The process that ends what we leave behind. *Thread-safe*."""

    def __init__(self, folder: Optional[pathlib.Path]):
        script = pathlib.Path(__file__).with_name("warden.py")
        self._lock = threading.Lock()
        self._process = subprocess.Popen([sys.executable, "-I", str(script), str(folder or "")], stdin=subprocess.PIPE,
                                         start_new_session=True, text=True)

    def tell(self, line: str) -> None:
        with self._lock:
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass  # it was killed; close() still ends what we started

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.wait()


class Program:
    """One running program of the site."""

    def __init__(self, name: str, arguments: List[Any], folder: pathlib.Path, warden: Warden, label: str):
        self.name, self.label, self._warden = name, label, warden
        self.log_path = folder / f"{label}.log"
        self._ready = folder / f"{label}.ready.json"
        command = [str(program(name)), *map(str, arguments), "--ready-file", str(self._ready)]
        with open(self.log_path, "ab") as log:
            # A group of its own: Ctrl-C in the notebook's terminal is for the notebook.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True)
        warden.tell(f"+{self.process.pid}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_ready(self) -> Dict[str, Any]:
        """What the program says once it serves. Raises Unavailable with the end of its log."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._ready.exists():
                return json.loads(self._ready.read_text())
            if self.process.poll() is not None:
                raise Unavailable(f"{self.name} ended with {self.process.returncode}: {self._last_words()}")
            time.sleep(0.01)
        raise Unavailable(f"{self.name} is not ready after {READY_SECONDS} s: {self._last_words()}")

    def _last_words(self) -> str:
        return " / ".join(self.log().strip().splitlines()[-3:])

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._warden.tell(f"-{self.process.pid}")


def ask(name: str, *arguments: Any) -> Any:
    """The JSON answer of a program that runs and ends. Raises Error with what it says."""
    done = subprocess.run([str(program(name)), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=READY_SECONDS, check=False)
    if done.returncode != 0:
        raise Error(f"{name} {arguments[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return json.loads(done.stdout)
