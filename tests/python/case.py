"""What the Python tests share: one local site, small models, and what a refusal must look like."""
import os
import pathlib
import shutil
import tempfile
import unittest

import torch

import torchkeep

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Small(torch.nn.Module):
    """float32 [batch, 6] to [batch, 3], by weights from a seed."""

    def __init__(self, seed=1):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


class Case(unittest.TestCase):
    """A folder for each test, and one owner without a key server."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="torchkeep-python-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_close(self, found, wanted):
        self.assertEqual(found.dtype, wanted.dtype)
        torch.testing.assert_close(found, wanted.detach(), rtol=1e-3, atol=1e-4)


class SiteCase(Case):
    """One local site a class."""

    @classmethod
    def setUpClass(cls):
        cls.site = torchkeep.local()
        cls.addClassCleanup(cls.site.close)

    def protect(self, module, examples, name, **how):
        how.setdefault("keyserver", self.site)
        return torchkeep.protect(module, examples, self.folder / f"{name}.tkm", id=name, quiet=True, **how)

    def serve(self, module, examples, name, **how):
        """Protected and loaded again: the callable."""
        return torchkeep.load(self.protect(module, examples, name, **how).path, site=self.site)


def main():
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    unittest.main(verbosity=2)
