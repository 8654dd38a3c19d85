"""What the end-to-end tests share: a site with real programs, an owner, and a small model that is served."""
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "demo")]
from programs import Failure, Site  # noqa: E402
from small_model import SmallModel  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("TORCHKEEP_PROGRAMS", HERE.parent.parent / "build/dev/bin")).resolve()
LEASE_SECONDS = 4


class Case(unittest.TestCase):
    """One site a class: the simulated platform, a key server and a key cache; owners and workers as tests ask."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="torchkeep-test-"))
        cls.site = Site(PROGRAMS, cls.folder)
        # A setUpClass that fails is not followed by tearDownClass.
        cls.addClassCleanup(cls.end)
        cls.simtee = cls.site.start_simtee()
        cls.keyserver = cls.site.start_keyserver()
        cls.keycache = cls.site.start_keycache(cls.keyserver.address)

    @classmethod
    def end(cls):
        cls.site.kill_all()
        shutil.rmtree(cls.folder, ignore_errors=True)

    # Owners and their models ---------------------------------------------------
    @classmethod
    def init_owner(cls, name="owner", keyserver=None, check=True):
        server = keyserver or cls.keyserver
        told = cls.cli("--json", "--pccs", cls.site.pccs, "owner", "init", "--keyserver", server.address,
                       "--root", cls.site.root, "--genesis", server.info["genesis"], owner=name, check=check)
        return json.loads(told)["owner"] if check else told

    @classmethod
    def cli(cls, *arguments, owner="owner", check=True):
        """The command line as one owner types it; with check=False it returns (status, output)."""
        command = [PROGRAMS / "torchkeep", "--owner-folder", cls.folder / owner, *arguments]
        return Site.run(*command) if check else Site.try_run(*command)

    @classmethod
    def write_policy(cls, name, *arguments, owner="owner", workers=None, lease=LEASE_SECONDS):
        path = cls.folder / f"{name}-policy.json"
        measure = cls.site.measure
        worker_options = [word for mr_enclave in workers or [measure(PROGRAMS / "torchkeep-worker")]
                          for word in ("--worker", mr_enclave)]
        cls.cli("policy", "new", "--keyserver", measure(PROGRAMS / "torchkeep-keyserver"),
                "--cache", measure(PROGRAMS / "torchkeep-keycache"), *worker_options, "--any-platform",
                "--any-client", "--lease", lease, *arguments, "-o", path, owner=owner)
        return path

    @classmethod
    def protect(cls, name, version=1, model=None, owner="owner"):
        source = (model or SmallModel()).write(cls.folder / f"{owner}-{name}-{version}.onnx")
        target = cls.folder / f"{owner}-{name}-{version}.tkm"
        cls.cli("protect", source, "--name", name, "--model-version", version, "-o", target, owner=owner)
        return target

    @classmethod
    def register(cls, name, version=1, model=None, owner="owner", **policy):
        container = cls.protect(name, version, model, owner)
        cls.cli("keys", "register", name, "--policy", cls.write_policy(f"{owner}-{name}", owner=owner, **policy),
                "--container", container, owner=owner)
        return container

    @classmethod
    def place(cls, repository, name, version, container):
        folder = cls.folder / repository / name / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(container, folder / "model.tkm")
        return cls.folder / repository

    # Workers -------------------------------------------------------------------
    def start_worker(self, name, repository, owner_key, cache=None, **options):
        worker = self.site.start_worker(name, repository, owner_key, cache or self.keycache.address, **options)
        self.addCleanup(worker.kill)
        return worker

    def infer(self, worker, name, version=1, owner="owner", inputs=None, check=True):
        """Asks over an attested session; the outputs, or (status, output) with check=False."""
        inputs = numpy.ones((2, 64), numpy.float32) if inputs is None else inputs
        source, answer = self.folder / f"{owner}-input.npy", self.folder / f"{owner}-answer"
        numpy.save(source, inputs)
        told = self.cli("--json", "infer", "--worker", worker.address, "--model", name, "--version", version,
                        "--input", f"input={source}", "-o", answer, owner=owner, check=check)
        return numpy.load(answer / "output.npy") if check else told

    def await_answer(self, worker, name, version=1, owner="owner", model=None, seconds=30):
        """Asks until the model is served, and sees that it answers right."""
        inputs = numpy.random.default_rng(3).standard_normal((5, 64)).astype(numpy.float32)
        deadline = time.monotonic() + seconds
        while True:
            status, told = self.infer(worker, name, version, owner, inputs, check=False)
            if status == 0:
                break
            if time.monotonic() > deadline:
                self.fail(f"{name} is not served after {seconds} s: {told}\n{worker.log()}")
            time.sleep(0.1)
        found = numpy.load(self.folder / f"{owner}-answer" / "output.npy")
        numpy.testing.assert_allclose(found, (model or SmallModel()).answer(inputs), atol=1e-4)

    # What a refusal must look like ----------------------------------------------
    def assert_refused(self, told, status, *words):
        """`told` is (status, output): the wanted status, one line, and each of the words in it."""
        self.assertEqual(told[0], status, told[1])
        lines = [line for line in told[1].splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, told[1])
        for word in words:
            self.assertRegex(told[1], word)

    def start_and_wait(self, program, *arguments, seconds=20):
        """A program that should not start: (status, output)."""
        started = self.site.start(f"{program}-refused", *arguments, program=PROGRAMS / f"torchkeep-{program}")
        try:
            started.process.wait(seconds)
        except Exception:
            started.kill()
            self.fail(f"{program} started: {started.log()}")
        finally:
            self.site.running.remove(started)
            started.close()
        return started.process.returncode, started.log()


def main():
    unittest.main(verbosity=2)
