#!/usr/bin/python3
"""Nested tensors keep their nesting by their names alone."""
import random
import unittest

from torchkeep import nesting
from torchkeep.errors import InvalidArgument


def is_leaf(value):
    return isinstance(value, float)


def grow(chance, depth):
    """A random nesting of numbers; None may stand in tuples and lists, but not alone."""
    if depth == 0 or chance.random() < 0.3:
        return chance.random()
    children = [grow(chance, depth - 1) for _ in range(chance.randint(1, 4))]
    kind = chance.choice((tuple, list, dict))
    if kind is dict:
        return {f"key_{i}.{chance.choice('abc')}": child for i, child in enumerate(children)}
    gaps = [None] * chance.randint(0, 2)
    mixed = children + gaps
    chance.shuffle(mixed)
    return kind(mixed)


class Nesting(unittest.TestCase):
    def test_comes_back_as_it_was(self):
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        for _ in range(500):
            value = grow(chance, 4)
            with self.subTest(seed=seed, value=value):
                self.assertEqual(nesting.rebuild(nesting.flatten(value, "output", is_leaf)), value)

    def test_names_say_the_place(self):
        named = nesting.flatten({"a": (1.0, None, [2.0])}, "x", is_leaf)
        self.assertEqual(named, [("x{a}(0/3)", 1.0), ("x{a}(2/3)[0/1]", 2.0)])
        self.assertEqual(nesting.root_of("x{a}(0/3)"), "x")
        self.assertEqual(nesting.roots_of(["x(0/2)", "x(1/2)", "y"]), ["x", "y"])

    def test_foreign_names_become_a_dict(self):
        for names in (["boxes", "scores"], ["out", "out(0/2)"], ["out(0/2)", "out(x"], ["a(0/1)", "b(0/1)"], ["out(0"]):
            pairs = [(name, 1.0) for name in names]
            with self.subTest(names=names):
                self.assertEqual(nesting.rebuild(pairs), dict(pairs))
        self.assertEqual(nesting.rebuild([("logits", 2.0)]), 2.0)

    def test_refuses_what_has_no_name(self):
        for value in ("text", 3, object(), {1: 1.0}, {"a b": 1.0}, {"a}": 1.0}, {"a": None}, (), [], {}, (1.0, ()), (None,), {"": 1.0}):
            with self.subTest(value=value), self.assertRaises(InvalidArgument):
                nesting.flatten(value, "x", is_leaf)


if __name__ == "__main__":
    unittest.main(verbosity=2)
