#!/usr/bin/python3
"""tools/make_wheel.py: what pip installs is what was built, programs among it, and a build that is not whole makes no wheel."""
import os
import subprocess
import sys

from case import ROOT, Case, main

PROGRAMS = ("torchkeep", "torchkeep-simtee", "torchkeep-keyserver", "torchkeep-keycache", "torchkeep-worker")


class Wheel(Case):
    def setUp(self):
        super().setUp()
        self.build = self.folder / "build"
        (self.build / "bin").mkdir(parents=True)
        (self.build / "python" / "torchkeep").mkdir(parents=True)
        for file in (ROOT / "python" / "torchkeep").iterdir():
            if file.is_file():
                (self.build / "python" / "torchkeep" / file.name).symlink_to(file)
        for program in PROGRAMS:
            file = self.build / "bin" / program
            file.write_text(f"#!/bin/sh\necho this is {program}, \"$@\"\n")
            file.chmod(0o755)

    def make(self, out="."):
        return subprocess.run([sys.executable, "-B", str(ROOT / "tools" / "make_wheel.py"), str(self.build), "--out", out], cwd=self.folder,
                              text=True, capture_output=True, check=False)

    def test_pip_installs_it(self):
        made = self.make()
        self.assertEqual(made.returncode, 0, made.stderr)
        site = self.folder / "site"
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site),
                               str(self.folder / made.stdout.strip())], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for program in PROGRAMS:
            self.assertTrue(os.access(site / "torchkeep" / "bin" / program, os.X_OK), program)
        self.assertEqual((site / "torchkeep" / "pieces.py").read_bytes(), (ROOT / "python" / "torchkeep" / "pieces.py").read_bytes())
        self.assertIn("torchkeep = torchkeep.__main__:run", next(site.glob("*.dist-info/entry_points.txt")).read_text())

    def test_the_same_build_makes_the_same_bytes(self):
        (self.folder / "again").mkdir()
        first = (self.folder / self.make().stdout.strip()).read_bytes()
        self.assertEqual((self.folder / self.make("again").stdout.strip()).read_bytes(), first)

    def test_a_build_that_is_not_whole_makes_none(self):
        (self.build / "bin" / "torchkeep-worker").unlink()
        made = self.make()
        self.assertEqual(made.returncode, 1)
        self.assertIn("torchkeep-worker is not built", made.stderr)
        self.assertEqual(list(self.folder.glob("*.whl")), [])


if __name__ == "__main__":
    main()
