#!/usr/bin/env python3
"""What the design that this one follows did wrong, and must never come back: docs/reference-faults.md has the whole list."""
import pathlib
import re
import subprocess

import numpy

from case import HERE, Case, SmallModel, main

ROOT = HERE.parent.parent


class ReferenceFaults(Case):
    def test_no_private_key_is_shipped(self):
        files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True).stdout.decode()
        names = [name for name in files.split("\0") if name] or [
            str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and "build" not in path.parts]
        self.assertGreater(len(names), 100)
        marker = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]{16}")
        found = [name for name in names if (ROOT / name).is_file() and marker.search((ROOT / name).read_bytes())]
        self.assertEqual(found, [])

    def test_no_parameter_and_no_name_is_in_clear(self):
        owner = self.init_owner()
        model = SmallModel()
        container = self.register("clear")
        repository = self.place("clear", "clear", 1, container)
        worker = self.start_worker("clear-worker", repository, owner)
        self.await_answer(worker, "clear")
        # Whatever lies in a file of owner, key server, cache or worker, but for the .onnx that was protected.
        written = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix not in (".onnx", ".npy")]
        self.assertGreater(len(written), 8)
        secrets = [model.bias.tobytes()[start:start + 16] for start in range(0, model.bias.nbytes - 16, 16)]
        secrets += [model.first.tobytes()[:64], model.second.tobytes()[-64:], b"first.weight", b"/act/Relu"]
        for path in written:
            data = path.read_bytes()
            for secret in secrets:
                self.assertNotIn(secret, data, path)

    def test_parameters_are_decrypted_once_and_not_for_each_request(self):
        owner = self.init_owner("once")
        model = SmallModel(width=60_000)
        container = self.register("once", model=model, owner="once", lease=3600)
        worker = self.start_worker("once-worker", self.place("once", "once", 1, container), owner)
        self.await_answer(worker, "once", owner="once", model=model)

        def read_so_far():
            told = pathlib.Path(f"/proc/{worker.process.pid}/io").read_text()
            return int(re.search(r"rchar: (\d+)", told).group(1))
        before = read_so_far()
        for _ in range(3):
            self.infer(worker, "once", owner="once", inputs=numpy.ones((1, 64), numpy.float32))
        self.assertLess(read_so_far() - before, container.stat().st_size / 8)


if __name__ == "__main__":
    main()
