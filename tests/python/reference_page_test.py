#!/usr/bin/python3
"""docs/python-reference.md is what the docstrings say, and everything that is offered has some."""
import subprocess
import sys
import unittest

from case import ROOT

import torchkeep


class Reference(unittest.TestCase):
    def test_the_page_is_current(self):
        done = subprocess.run([sys.executable, "-B", str(ROOT / "tools" / "python_reference.py"), "--check"], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_everything_offered_has_words(self):
        for name in torchkeep.__all__:
            self.assertGreaterEqual(len(getattr(torchkeep, name).__doc__ or ""), 20, name)


if __name__ == "__main__":
    unittest.main()
