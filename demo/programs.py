"""Starts the real programs for the demo and for end-to-end tests, and sees that none stays behind."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time


class Failure(Exception):
    """Something that the story promised did not hold."""


class Program:
    """One running program; its log lines are kept in a file and can be waited for."""

    def __init__(self, name, command, folder, ready_file=None):
        self.name, self.command, self.ready_file = name, [str(word) for word in command], ready_file
        self.log_path = folder / f"{name}.log"
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        self._log = open(self.log_path, "ab")
        self.log_start = self.log_path.stat().st_size
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self._log,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def log(self):
        return self.log_path.read_bytes()[self.log_start:].decode(errors="replace")

    def wait_ready(self, seconds=30):
        """What the ready file says, once the program serves."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ready_file.exists():
                return json.loads(self.ready_file.read_text())
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
            time.sleep(0.02)
        raise Failure(f"{self.name} is not ready after {seconds} s:\n{self.log()}")

    def wait_log(self, pattern, seconds=30):
        """The first log line that matches."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.log().splitlines():
                if re.search(pattern, line):
                    return line
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} did not say /{pattern}/ within {seconds} s:\n{self.log()}")
            time.sleep(0.05)

    def stop(self, seconds=10):
        """Asks it to end and sees that it does so cleanly."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failure(f"{self.name} did not end within {seconds} s of SIGTERM")
        self.close()
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    def close(self):
        self._log.close()


class Site:
    """A simulated platform and the programs on it, with all state in one folder."""

    def __init__(self, programs, folder):
        self.bin, self.folder = pathlib.Path(programs), pathlib.Path(folder)
        self.running = []

    def start(self, name, *arguments, program=None):
        ready = self.folder / f"{name}.ready.json"
        command = [program or self.bin / f"torchkeep-{name}", *arguments, "--ready-file", ready]
        started = Program(name, command, self.folder, ready)
        self.running.append(started)
        return started

    def start_simtee(self, pccs_port=0):
        simtee = self.start("simtee", "serve", "--state", self.folder / "simtee", "--socket", self.socket,
                            "--pccs", f"127.0.0.1:{pccs_port}")
        self.pccs = f"127.0.0.1:{simtee.wait_ready()['pccs_port']}"
        self.root = self.folder / "root.pem"
        told = self.run(self.bin / "torchkeep-simtee", "root", "--state", self.folder / "simtee", "--json")
        self.root = pathlib.Path(json.loads(told)["certificate"])
        return simtee

    @property
    def socket(self):
        return self.folder / "simtee.sock"

    def trust(self):
        return ["--pccs", self.pccs, "--root", self.root, "--simtee-socket", self.socket]

    def start_keyserver(self, port=0, store="keyserver.sqlite", name="keyserver"):
        server = self.start(name, "--listen", f"127.0.0.1:{port}", "--store", self.folder / store,
                            *self.trust(), program=self.bin / "torchkeep-keyserver")
        server.info = server.wait_ready()
        server.address = f"127.0.0.1:{server.info['port']}"
        return server

    def start_keycache(self, keyserver, port=0, state="keycache", name="keycache"):
        cache = self.start(name, "--listen", f"127.0.0.1:{port}", "--state", self.folder / state,
                           "--keyserver", keyserver, *self.trust(), program=self.bin / "torchkeep-keycache")
        cache.address = f"127.0.0.1:{cache.wait_ready()['port']}"
        return cache

    def start_worker(self, name, repository, owner, cache, port=0, program=None, wait=True):
        worker = self.start(name, "--listen", f"127.0.0.1:{port}", "--repository", repository, "--owner", owner,
                            "--cache", cache, *self.trust(), program=program or self.bin / "torchkeep-worker")
        if wait:
            worker.address = f"127.0.0.1:{worker.wait_ready()['port']}"
        return worker

    def measure(self, program):
        told = self.run(self.bin / "torchkeep-simtee", "measure", program, "--json")
        return json.loads(told)["mr_enclave"]

    def cli(self, *arguments, check=True, show_progress=False):
        """The owner's command, as the owner types it; with check=False (status, output)."""
        command = [self.bin / "torchkeep", "--owner-folder", self.folder / "owner", *arguments]
        return self.run(*command, show_progress=show_progress) if check else self.try_run(*command)

    @staticmethod
    def try_run(*command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    @classmethod
    def run(cls, *command, show_progress=False):
        """Standard output of a command that must succeed; its progress bar goes to our own terminal."""
        to_terminal = show_progress and sys.stderr.isatty()
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, timeout=300,
                              stderr=None if to_terminal else subprocess.PIPE)
        if done.returncode != 0:
            words = " ".join(str(word) for word in command)
            raise Failure(f"{words}\nended with {done.returncode}:\n{done.stdout}{done.stderr or ''}")
        return done.stdout

    def stop_all(self):
        """Ends everything, last started first; whoever does not end cleanly is a failure, told at the end."""
        faults = []
        for program in reversed(self.running):
            try:
                program.stop()
            except Failure as fault:
                faults.append(str(fault))
        self.running.clear()
        if faults:
            raise Failure("\n".join(faults))

    def kill_all(self):
        for program in reversed(self.running):
            program.kill()
        self.running.clear()
