#!/usr/bin/python3
"""Models made small from Python: what comes out runs, and is near; what is refused leaves nothing."""
import pathlib

import numpy
import torch
from case import Case, main

import torchkeep
from torchkeep import _core


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.Linear(16 * 36, 24)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))


class TwoInputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = torch.nn.Linear(64, 48), torch.nn.Linear(64, 48)

    def forward(self, x, y):
        return torch.relu(self.left(x)) + self.right(y)


class Quantising(Case):
    def setUp(self):
        super().setUp()
        torch.manual_seed(1)
        self.model, self.small = self.folder / "m.onnx", self.folder / "small.onnx"

    def export(self, module, inputs, names):
        torch.onnx.export(module.eval(), inputs, str(self.model), opset_version=17, input_names=names,
                          dynamic_axes={name: {0: "batch"} for name in names})

    def test_each_way_answers_nearly_as_before(self):
        module, x = Net(), torch.randn(2, 3, 6, 6)
        self.export(module, (x,), ["x"])
        wanted = module(x).detach().numpy()
        for way, most in (("int8", 0.02), ("int4", 0.2), ("dynamic", 0.03), ("static", 0.05)):
            made = torchkeep.quantize(self.model, self.small, way, calibrate=[x], replace=True, quiet=True)
            found = _core.Engine(str(made.path)).run([x.numpy()])[0]
            difference = abs(found - wanted).max() / abs(wanted).max()
            self.assertLess(difference, most, way)
            self.assertLess(made.bytes_after, made.bytes_before / 2)
            self.assertAlmostEqual(list(made.differences.values())[0][1], difference, places=3)
            self.assertEqual("Conv" in made.quantised, way == "static")

    def test_samples_come_in_the_forms_that_inputs_have(self):
        x, y = torch.randn(2, 64), torch.randn(2, 64)
        self.export(TwoInputs(), (x, y), ["x", "y"])
        for sample in ((x, y), [x.numpy(), y.numpy()], {"y": y, "x": x}):
            made = torchkeep.quantize(self.model, self.small, "static", calibrate=[sample, sample], replace=True, quiet=True)
            self.assertEqual(sum(made.quantised.values()), 2)

    def test_without_samples_numbers_are_made_up(self):
        self.export(Net(), (torch.randn(1, 3, 6, 6),), ["x"])
        made = torchkeep.quantize(str(self.model), str(self.small), quiet=True)
        self.assertTrue(made.path.exists())
        self.assertIn(("Conv", "convolutions stay floats this way; --static quantises them"), [each[1:] for each in made.left])

    def test_portable_quantises_between_convolutions_and_sums_too(self):
        class Sum(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second, self.third = (torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(3))

            def forward(self, x):
                y = torch.relu(self.first(x))
                return self.third(torch.relu(self.second(y) + y))

        torch.manual_seed(1)
        x = torch.randn(1, 16, 6, 6)
        self.export(Sum(), (x,), ["x"])
        counts = []
        for portable in (False, True):
            torchkeep.quantize(self.model, self.small, "static", calibrate=[x], portable=portable, replace=True, quiet=True)
            counts.append(self.small.read_bytes().count(b"QuantizeLinear"))
        self.assertGreater(counts[1], counts[0])

    def test_refusals_leave_nothing(self):
        self.export(Net(), (torch.randn(1, 3, 6, 6),), ["x"])
        good = numpy.zeros((1, 3, 6, 6), numpy.float32)
        for words, arguments in (("wanted is one of", {"way": "int2"}), ("needs samples", {"way": "static"}),
                                 ("the model has 1 inputs", {"calibrate": [(good, good)]}), ("the model's inputs are ['x']", {"calibrate": [{"z": good}]}),
                                 ("has shape", {"calibrate": [good[0]]}), ("wanted is FP32", {"calibrate": [good.astype(numpy.float64)]}),
                                 ("blocks of 5", {"way": "int4", "block": 5}), ("percentile", {"percentile": 3.0})):
            with self.assertRaises(torchkeep.InvalidArgument) as raised:
                torchkeep.quantize(self.model, self.small, quiet=True, **arguments)
            self.assertIn(words, str(raised.exception))
            self.assertFalse(self.small.exists())
        with self.assertRaises(torchkeep.NotFound):
            torchkeep.quantize(self.folder / "absent.onnx", self.small, quiet=True)

    def test_an_output_that_is_there_stays(self):
        self.export(Net(), (torch.randn(1, 3, 6, 6),), ["x"])
        pathlib.Path(self.small).write_text("precious")
        with self.assertRaises(torchkeep.InvalidArgument):
            torchkeep.quantize(self.model, self.small, quiet=True)
        self.assertEqual(self.small.read_text(), "precious")

    def test_a_quantised_model_is_not_quantised_again(self):
        self.export(Net(), (torch.randn(1, 3, 6, 6),), ["x"])
        torchkeep.quantize(self.model, self.small, quiet=True)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "quantised already"):
            torchkeep.quantize(self.small, self.folder / "again.onnx", quiet=True)


if __name__ == "__main__":
    main()
