#!/usr/bin/python3
"""Whatever is given: the answer is PyTorch's, or an exception of ours, and nothing is left behind."""
import unittest

import torch
from case import Small, SiteCase, main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as any_of

import torchkeep
from torchkeep import nesting

SETTINGS = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool]


@any_of.composite
def tensors(draw, dtypes=any_of.sampled_from(DTYPES), shapes=any_of.lists(any_of.integers(0, 7), max_size=3)):
    """Of any type, shape, strides and history."""
    tensor = (torch.rand(draw(shapes)) * 4 - 2).to(draw(dtypes))
    if tensor.dim() >= 2 and draw(any_of.booleans()):
        tensor = tensor.transpose(0, 1).contiguous().transpose(0, 1)  # strides of another order
    if tensor.dim() and draw(any_of.booleans()):
        tensor = tensor.repeat_interleave(2, 0)[::2]  # with gaps
    if tensor.is_floating_point() and draw(any_of.booleans()):
        tensor = tensor.requires_grad_()
    return tensor


matching = tensors(any_of.just(torch.float32), any_of.integers(0, 9).map(lambda rows: [rows, 6]))
junk = any_of.one_of(any_of.none(), any_of.text(max_size=5), any_of.integers(), any_of.floats(), any_of.binary(max_size=4), tensors())
nested = any_of.recursive(junk, lambda inner: any_of.one_of(
    any_of.lists(inner, max_size=3), any_of.lists(inner, max_size=3).map(tuple),
    any_of.dictionaries(any_of.text(max_size=3), inner, max_size=3)), max_leaves=6)
places = any_of.recursive(any_of.floats(allow_nan=False), lambda inner: any_of.one_of(
    any_of.lists(inner, min_size=1, max_size=3), any_of.lists(inner, min_size=1, max_size=3).map(tuple),
    any_of.dictionaries(any_of.from_regex(r"[A-Za-z0-9_.\-]{1,4}", fullmatch=True), inner, min_size=1, max_size=3)), max_leaves=12)


class Nesting(unittest.TestCase):
    @settings(max_examples=500, **SETTINGS)
    @given(places)
    def test_every_nesting_comes_back_as_it_was(self, value):
        self.assertEqual(nesting.rebuild(nesting.flatten(value, "x", lambda leaf: isinstance(leaf, float))), value)

    @settings(max_examples=500, **SETTINGS)
    @given(any_of.lists(any_of.text(alphabet="x(){}[]/01a.", max_size=12), min_size=1, max_size=4, unique=True))
    def test_every_list_of_names_can_be_read(self, names):
        nesting.rebuild([(name, 1.0) for name in names])


class Anything(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.module = Small()

    def served(self):
        """Made once for all examples of the class."""
        cls = type(self)
        if not hasattr(cls, "_served"):
            cls._served = self.serve(self.module, torch.randn(2, 6), "small")
        return cls._served

    @settings(max_examples=60, **SETTINGS)
    @given(matching)
    def test_every_batch_is_answered(self, x):
        found = self.served()(x)
        self.assertFalse(found.requires_grad)
        self.assert_close(found, self.module(x))

    @settings(max_examples=150, **SETTINGS)
    @given(any_of.lists(nested, max_size=2), any_of.dictionaries(any_of.sampled_from(["x", "y"]), nested, max_size=1))
    def test_every_call_is_answered_or_refused_with_words(self, positional, named):
        try:
            found = self.served()(*positional, **named)
        except torchkeep.Error as refusal:
            self.assertTrue(str(refusal))
        else:
            self.assert_close(found, self.module(*positional, **named))
        self.assert_close(self.served()(torch.ones(1, 6)), self.module(torch.ones(1, 6)))  # and the next call is

    @settings(max_examples=60, **SETTINGS)
    @given(nested)
    def test_every_example_is_taken_or_refused_with_words(self, examples):
        target = self.folder / "any.tkm"
        try:
            torchkeep.protect(self.module, examples, target, id="any", owner=self.site.owner(), quiet=True, replace=True)
        except torchkeep.Error as refusal:
            self.assertTrue(str(refusal))
            self.assertEqual(list(self.folder.iterdir()), [])
        else:
            for path in (target, target.with_suffix(".tkm.recovery")):
                path.unlink()


if __name__ == "__main__":
    main()
