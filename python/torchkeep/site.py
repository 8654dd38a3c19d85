"""Everything on this machine, in one line: a simulated platform, key server, key cache and workers."""
import atexit
import filecmp
import html
import os
import pathlib
import shutil
import tempfile
import threading
import weakref
from typing import Any, Dict, Optional

from . import _core, owners
from .errors import InvalidArgument, Unavailable
from .places import DEFAULT_OWNER, PathLike, program
from .running import Program, Warden, ask

__all__ = ["Site", "local"]
_MODEL = "model.tkm"


class Site:
    """The programs of `torchkeep.local()`. *Thread-safe*. Use it in a `with`, or call close(); the end of Python closes it too.

    **Simulated**: it runs the code that runs in production, under a platform that protects nothing from this machine's root.
    It is for trying out, tests and notebooks.
    """

    def __init__(self, folder: Optional[PathLike] = None):
        if not _core.simulation:
            raise InvalidArgument("this build is for real hardware; local() needs the simulated platform (make build)")
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._keep = folder is not None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="torchkeep-local-")).absolute()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._programs: Dict[str, Program] = {}
        self._policy: Optional[Dict[str, Any]] = None
        self._open = True
        self._warden = Warden(None if self._keep else self.folder)
        try:
            self._start_services()
        except BaseException:
            self.close()
            raise
        atexit.register(_close, weakref.ref(self))

    def _start_services(self) -> None:
        socket = self.folder / "simtee.sock"
        simtee = self._start("torchkeep-simtee", "simtee", "serve", "--state", self.folder / "simtee", "--socket", socket,
                             "--pccs", "127.0.0.1:0")
        self.pccs = f"127.0.0.1:{simtee['pccs_port']}"
        self.root = ask("torchkeep-simtee", "root", "--state", self.folder / "simtee", "--json")["certificate"]
        self._trust = ["--pccs", self.pccs, "--root", self.root, "--simtee-socket", socket]
        told = self._start("torchkeep-keyserver", "keyserver", "--listen", "127.0.0.1:0", "--store",
                           self.folder / "keyserver.sqlite", *self._trust)
        self.keyserver, self.genesis = f"127.0.0.1:{told['port']}", told["genesis"]
        told = self._start("torchkeep-keycache", "keycache", "--listen", "127.0.0.1:0", "--state", self.folder / "keycache",
                           "--keyserver", self.keyserver, *self._trust)
        self.keycache = f"127.0.0.1:{told['port']}"

    def _start(self, name: str, label: str, *arguments: Any) -> Dict[str, Any]:
        (self.folder / f"{label}.ready.json").unlink(missing_ok=True)
        started = Program(name, list(arguments), self.folder, self._warden, label)
        self._programs[label] = started
        return started.wait_ready()

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise InvalidArgument("this site was opened before a fork; it belongs to the parent process")
        if not self._open:
            raise InvalidArgument("this site is closed; torchkeep.local() opens another")

    def owner(self, alias: Optional[str] = None) -> pathlib.Path:
        """The folder of an owner who is introduced to this site's key server; made when it is asked for first."""
        self._check()
        folder = self.folder / "owners" / (alias or DEFAULT_OWNER)
        with self._lock:
            if not (folder / "verifier.json").exists() or owners.owner(folder).get("key_server") != self.keyserver:
                owners.introduce(self.keyserver, pccs=self.pccs, root=self.root, genesis=self.genesis, owner=folder)
        return folder

    def policy(self, **changes: Any) -> Dict[str, Any]:
        """A policy that lists exactly this site's programs, with the fields that you change: `site.policy(lease_seconds=60)`."""
        self._check()
        with self._lock:
            if self._policy is None:
                self._policy = {word: [ask("torchkeep-simtee", "measure", program(f"torchkeep-{word[:-1]}"), "--json")["mr_enclave"]]
                                for word in ("keyservers", "keycaches", "workers")}
            measured = self._policy
        settings = {"keyservers": measured["keyservers"], "caches": measured["keycaches"], "workers": measured["workers"],
                    "any_platform": True, "any_client": True, **changes}
        return owners.policy(owner=self.owner(), **settings)

    def worker(self, alias: Optional[str] = None) -> str:
        """The address of the worker that serves an owner's models; started when it is asked for first."""
        self._check()
        label = f"worker-{alias or DEFAULT_OWNER}"
        with self._lock:
            running = self._programs.get(label)
            if running is None or running.process.poll() is not None:
                repository = self._repository(alias)
                repository.mkdir(parents=True, exist_ok=True)
                self._start("torchkeep-worker", label, "--listen", "127.0.0.1:0", "--repository", repository, "--owner",
                            owners.owner(self.owner(alias))["owner"], "--cache", self.keycache, *self._trust)
                running = self._programs[label]
            return f"127.0.0.1:{running.wait_ready()['port']}"

    def _repository(self, alias: Optional[str]) -> pathlib.Path:
        return self.folder / "repository" / (alias or DEFAULT_OWNER)

    def placed(self, alias: Optional[str], name: str, version: int) -> Optional[pathlib.Path]:
        """The container that stands where the owner's worker looks, if one does."""
        found = self._repository(alias) / name / str(version) / _MODEL
        return found if found.exists() else None

    def place(self, container: PathLike, alias: Optional[str], name: str, version: int) -> bool:
        """Copies a container to where the owner's worker looks; the worker then asks for its key by itself. Returns whether it
        took the place of another one."""
        self._check()
        before = self.placed(alias, name, version)
        if before is not None and filecmp.cmp(before, container, shallow=False):
            return False
        folder = self._repository(alias) / name / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{threading.get_ident()}.part"
        shutil.copyfile(container, unfinished)
        os.replace(unfinished, folder / _MODEL)
        return before is not None

    def log(self, label: str) -> str:
        """What a program has said: "keyserver", "keycache", "simtee", "worker-me"."""
        if label not in self._programs:
            raise InvalidArgument(f"no program {label!r} runs here; there are {', '.join(self._programs)}")
        return self._programs[label].log()

    def close(self) -> None:
        """Ends all programs and removes the folder, unless it was given. Nothing happens in a forked child."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._open:
                return
            self._open = False
            for running in reversed(list(self._programs.values())):
                running.stop()
            self._warden.close()
            if not self._keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Site":
        self._check()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_warden", None) is not None:
            self.close()

    def _rows(self) -> Dict[str, str]:
        rows = {"platform": "SIMULATED: protects nothing from this machine's root", "key server": self.keyserver,
                "genesis": self.genesis[:16] + "...", "key cache": self.keycache, "folder": str(self.folder)}
        rows.update({label: "runs" if p.process.poll() is None else f"ended with {p.process.returncode}"
                     for label, p in self._programs.items() if label.startswith("worker")})
        return rows

    def __repr__(self) -> str:
        if not self._open:
            return "<torchkeep local site, closed>"
        return "torchkeep local site\n" + "\n".join(f"  {name:<11} {value}" for name, value in self._rows().items())

    def _repr_html_(self) -> str:
        if not self._open:
            return "<p>torchkeep local site, closed</p>"
        cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
                        for name, value in self._rows().items())
        return f"<table><caption>torchkeep local site</caption>{cells}</table>"


def _close(reference: "weakref.ReferenceType[Site]") -> None:
    site = reference()
    if site is not None:
        site.close()


def local(folder: Optional[PathLike] = None) -> Site:
    """Starts a simulated platform, a key server and a key cache on this machine; workers come as models are loaded.

    With `folder` the site's state stays there, and a later local(folder) goes on with the same owners and keys; without, all
    is gone when it closes. Raises NotFound if the programs are not built, Unavailable with a program's last words.
    """
    return Site(folder)


def wait_words(error: Unavailable) -> bool:
    """Whether a worker's refusal is one that passes by itself."""
    return not any(words in str(error) for words in _FINAL)


_FINAL = ("revoked by its owner", "has not registered it", "could not be trusted", "not the one that its owner signed",
          "cannot be used", "config.json is not valid", "does not allow that single operators")
