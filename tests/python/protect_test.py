#!/usr/bin/python3
"""What can be protected, what is refused and with which words; nothing is left behind by a refusal."""
import os
import threading
import _thread
from unittest import mock

import numpy
import torch
from case import Case, Small, SiteCase, main

import torchkeep
from torchkeep import _core


class Nested(torch.nn.Module):
    """Takes and returns nested tensors."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, past, scale=None):
        y = self.linear(x)
        y = y if scale is None else y * scale
        return {"hidden": y, "past": (past[0] + y, [past[1], y]), "twice": y}


class Twisted(torch.nn.Module):
    """An operator that no exporter knows, inside a block inside a list."""

    class Block(torch.nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList([torch.nn.ReLU(), Twisted.Block()])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Branching(torch.nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x - 1


class HalfBatch(torch.nn.Module):
    """Only ever takes the batch it was traced with."""

    def forward(self, x):
        return x.reshape(2, int(x.shape[0]) // 2, 3).sum(1)


class Protecting(SiteCase):
    def test_whole_path(self):
        x = torch.randn(5, 6)
        module = Small()
        made = self.protect(module, torch.randn(2, 6), "small")
        self.assertTrue(made.registered)
        self.assertLess(made.largest_difference, 1e-5)
        self.assertEqual(made.dynamic_axes, {"x": {0: "batch"}})
        served = torchkeep.load(made.path, site=self.site)
        self.assert_close(served(x), module(x))
        for tensor in module.state_dict().values():
            self.assertNotIn(tensor.numpy().tobytes(), made.path.read_bytes())

    def test_a_refused_registration_keeps_what_was_made_and_says_how_to_go_on(self):
        target, strangers = self.folder / "kept.tkm", self.site.policy()
        strangers["keyservers"] = [{"mr_enclaves": ["11" * 32]}]
        with self.assertRaises(torchkeep.Denied) as refused:
            torchkeep.protect(Small(), torch.randn(2, 6), target, id="kept", keyserver=self.site, policy=strangers, quiet=True)
        for words in ("keyservers[0].mr_enclave", "are kept", f"torchkeep.register({str(target)!r}, id='kept', owner="):
            self.assertIn(words, str(refused.exception))
        torchkeep.register(target, id="kept", owner=self.site.owner(), policy=self.site.policy())
        with self.assertRaises(torchkeep.Denied):  # nor does a policy for strangers stand in the way of the next one
            torchkeep.register(target, id="kept", owner=self.site.owner(), policy=strangers)
        torchkeep.register(target, id="kept", owner=self.site.owner(), policy=self.site.policy(lease_seconds=1800))
        x = torch.randn(3, 6)
        self.assert_close(torchkeep.load(target, site=self.site)(x), Small()(x))

    def test_a_module_whose_sizes_its_first_call_decides(self):
        lazy, x = torch.nn.Sequential(torch.nn.LazyLinear(3), torch.nn.ReLU()), torch.randn(2, 6)
        self.assert_close(self.serve(lazy, x, "lazy")(x), lazy(x))

    def test_a_state_dict_into_its_module(self):
        x, trained, blank = torch.randn(3, 6), Small(seed=5), Small(seed=6)
        before = blank.first.weight.clone()
        torch.save(trained.state_dict(), self.folder / "state.pt")
        for name, state in (("dict", trained.state_dict()), ("file", self.folder / "state.pt")):
            served = self.serve(state, torch.randn(2, 6), f"state-{name}", into=blank)
            self.assert_close(served(x), trained(x))
        self.assertTrue(torch.equal(blank.first.weight, before), "the module given stays as it is")

    def test_nesting_in_and_out(self):
        module = Nested()
        example = {"x": torch.randn(2, 4), "past": (torch.randn(2, 4), torch.randn(2, 4)), "scale": torch.ones(2, 4)}
        served = self.serve(module, example, "nested")
        wanted, found = module(**example), served(**example)
        self.assertEqual(list(found), list(wanted))
        self.assertIsInstance(found["past"], tuple)
        self.assertIsInstance(found["past"][1], list)
        self.assert_close(found["past"][1][0], wanted["past"][1][0])
        self.assert_close(found["twice"], wanted["hidden"])
        self.assert_close(served(example["x"], example["past"], example["scale"])["hidden"], wanted["hidden"])

    def test_takes_script_modules_and_files(self):
        module, x = Small(2).eval(), torch.randn(3, 6)
        scripted, traced = torch.jit.script(module), torch.jit.trace(module, x)
        torch.jit.save(traced, str(self.folder / "traced.pt"))
        torch.save(module, self.folder / "whole.pt")
        torch.onnx.export(module, x, str(self.folder / "small.onnx"), input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
        sources = {"scripted": scripted, "traced": self.folder / "traced.pt", "whole": str(self.folder / "whole.pt"),
                   "onnx": self.folder / "small.onnx"}
        for name, source in sources.items():
            with self.subTest(name):
                served = self.serve(source, None if name == "onnx" else x, name)
                self.assert_close(served(torch.cat([x, x])), module(torch.cat([x, x])))

    def test_a_scripted_branch_is_kept(self):
        module, x = torch.jit.script(Branching()), torch.ones(2, 3)
        served = self.serve(module, x, "branch")
        self.assert_close(served(x), module(x))
        self.assert_close(served(-x), module(-x))

    def test_new_version_and_new_policy(self):
        first = self.protect(Small(3), torch.randn(2, 6), "versions")
        policy = self.site.policy(lease_seconds=77)
        second = torchkeep.protect(Small(4), torch.randn(2, 6), self.folder / "second.tkm", id="versions", version=2,
                                   keyserver=self.site, policy=policy, quiet=True)
        self.assertEqual(_core.stated_policy(str(self.site.owner()), "versions")["lease_seconds"], 77)
        x = torch.randn(1, 6)
        self.assert_close(torchkeep.load(second.path, site=self.site)(x), Small(4)(x))
        self.assert_close(torchkeep.load(first.path, site=self.site)(x), Small(3)(x))

    def test_named_axes(self):
        module = torch.nn.Sequential(torch.nn.Embedding(11, 4), torch.nn.Linear(4, 2)).eval()
        served = self.serve(module, torch.tensor([[1, 2, 3]]), "axes",
                            dynamic_axes={"input": {0: "batch", 1: "sequence"}})
        ids = torch.randint(0, 11, (3, 7))
        self.assert_close(served(ids), module(ids))


class Refusing(Case):
    """Nothing here reaches a key server: an owner alone is enough."""

    @classmethod
    def setUpClass(cls):
        cls.site = torchkeep.local()
        cls.addClassCleanup(cls.site.close)
        cls.owner = cls.site.owner()

    def refused(self, error, *words, module=None, examples=None, **how):
        target = self.folder / "model.tkm"
        with self.assertRaises(error) as caught:
            torchkeep.protect(module, examples, target, **{"id": "model", "owner": self.owner, "quiet": True, **how})
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual([path.name for path in self.folder.iterdir()], [])
        return caught.exception

    def test_an_operator_that_is_not_exported(self):
        for _ in range(2):  # a refusal leaves no trace in PyTorch
            told = self.refused(torchkeep.Unsupported, "aten::fft_fft", "blocks.1", module=Twisted(), examples=torch.randn(2, 4))
        self.assertEqual((told.operator, told.module), ("aten::fft_fft", "blocks.1"))

    def test_an_exporter_that_lacks_its_package(self):
        with mock.patch.object(torch.onnx, "export", side_effect=RuntimeError("Module onnx is not installed!")):
            self.refused(torchkeep.Unsupported, "package onnx", "apt install python3-onnx", module=Small(), examples=torch.randn(2, 6))

    def test_an_operator_that_the_engine_cannot_run(self):
        class Seed(torch.nn.Module):
            def forward(self, x):
                return x + torch.randn_like(x)
        holder = torch.nn.Sequential(torch.nn.ReLU(), Seed())
        told = self.refused(torchkeep.Unsupported, module=holder, examples=torch.randn(2, 3))
        self.assertTrue(told.operator is not None or "differs" in str(told), told)

    def test_a_branch_on_numbers(self):
        self.refused(torchkeep.Unsupported, "protect_test.py", "torch.where", module=Branching(), examples=torch.ones(2, 3))

    def test_a_named_axis_that_is_fixed(self):
        self.refused(torchkeep.Unsupported, "batch", module=HalfBatch(), examples=torch.ones(4, 3),
                     dynamic_axes={"x": {0: "batch"}})

    def test_wrong_examples(self):
        small = Small()
        self.refused(torchkeep.InvalidArgument, "example_inputs", module=small)
        self.refused(torchkeep.InvalidArgument, "fails on its example_inputs", module=small, examples=torch.randn(2, 7))
        self.refused(torchkeep.InvalidArgument, "forward() takes 1", module=small, examples=(torch.randn(2, 6),) * 2)
        self.refused(torchkeep.InvalidArgument, "no parameter 'y'", module=small, examples={"y": torch.randn(2, 6)})
        self.refused(torchkeep.InvalidArgument, "no elements", module=small, examples=torch.randn(0, 6))
        self.refused(torchkeep.InvalidArgument, "type int", module=small, examples=(3,))
        self.refused(torchkeep.InvalidArgument, ".float()", module=small, examples=torch.randn(2, 6).half())
        self.refused(torchkeep.InvalidArgument, "to_dense", module=small, examples=torch.eye(6).to_sparse())
        self.refused(torchkeep.InvalidArgument, "device meta", module=small, examples=torch.empty(2, 6, device="meta"))
        self.refused(torchkeep.InvalidArgument, "empty", module=small, examples=())

    def test_wrong_sources(self):
        x = torch.randn(2, 6)
        torch.save(Small().state_dict(), self.folder.parent / "state.pt")
        self.addCleanup(os.remove, self.folder.parent / "state.pt")
        self.refused(torchkeep.InvalidArgument, "state dict", module=Small().state_dict(), examples=x)
        self.refused(torchkeep.InvalidArgument, "into=", module=self.folder.parent / "state.pt", examples=x)
        self.refused(torchkeep.InvalidArgument, "not of a Nested", module=Small().state_dict(), into=Nested(), examples=x)
        self.refused(torchkeep.InvalidArgument, "not of a Small", module={"first.weight": 3}, into=Small(), examples=x)
        self.refused(torchkeep.InvalidArgument, "leave it out", module=Small(), into=Small(), examples=x)
        self.refused(torchkeep.InvalidArgument, "no file", module="none.pt", examples=x)
        self.refused(torchkeep.NotFound, "none.onnx", module="none.onnx")
        self.refused(torchkeep.InvalidArgument, ".pt or .onnx", module="model.bin", examples=x)
        self.refused(torchkeep.InvalidArgument, "int cannot be protected", module=3, examples=x)

    def test_wrong_orders(self):
        small, x = Small(), torch.randn(2, 6)
        for bad in ("", "A", "a b", "../x", "a/b/c", ".x", None, 5):
            self.refused(torchkeep.InvalidArgument, "names no model", module=small, examples=x, id=bad)
        self.refused(torchkeep.InvalidArgument, "version", module=small, examples=x, version=0)
        self.refused(torchkeep.InvalidArgument, "keyserver=", module=small, examples=x, policy={})
        self.refused(torchkeep.InvalidArgument, "introduce", module=small, examples=x, keyserver="127.0.0.1:1")
        self.refused(torchkeep.InvalidArgument, "dynamic_axes names 'z'", module=small, examples=x, dynamic_axes={"z": {0: "n"}})
        self.refused(torchkeep.InvalidArgument, "dynamic_axes['x']", module=small, examples=x, dynamic_axes={"x": {5: "n"}})
        self.refused(torchkeep.NotFound, "owner", module=small, examples=x, owner=self.folder / "nobody")
        self.refused(torchkeep.Malformed, "policy", module=small, examples=x, policy={"format": 1}, keyserver=self.site,
                     owner=None)

    def test_is_there_already(self):
        how = dict(id="again", owner=self.owner, quiet=True)
        made = torchkeep.protect(Small(), torch.randn(2, 6), self.folder / "again.tkm", **how)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "there already"):
            torchkeep.protect(Small(), torch.randn(2, 6), self.folder / "again.tkm", **how)
        again = torchkeep.protect(Small(), torch.randn(2, 6), self.folder / "again.tkm", replace=True, **how)
        self.assertNotEqual(made.container_digest, again.container_digest)
        self.assertFalse(again.registered)

    def test_a_fixed_batch_is_told_and_kept(self):
        made = torchkeep.protect(HalfBatch(), torch.ones(4, 3), self.folder / "half.tkm", id="half", owner=self.owner, quiet=True)
        self.assertEqual(made.dynamic_axes, {})

    def test_the_module_stays_as_it_was(self):
        module = torch.nn.Sequential(Small(), torch.nn.Dropout(0.5)).train()
        module[0].eval()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        torchkeep.protect(module, torch.randn(2, 6), self.folder / "train.tkm", id="train", owner=self.owner, quiet=True)
        self.assertTrue(module.training and module[1].training and not module[0].training)
        for name, tensor in module.state_dict().items():
            self.assertTrue(torch.equal(tensor, before[name]))
            self.assertTrue(module.state_dict(keep_vars=True)[name].requires_grad)

    def test_ctrl_c_leaves_nothing(self):
        big = torch.nn.Linear(4000, 6000)  # 96 MB: some hundred milliseconds of encryption
        interrupted = threading.Event()
        real = _core.protect

        def interrupt(*arguments):
            def show(_share):
                if not interrupted.is_set():
                    interrupted.set()
                    _thread.interrupt_main()
            return real(*arguments[:-1], show)

        _core.protect = interrupt
        try:
            self.refused(KeyboardInterrupt, module=big, examples=torch.randn(1, 4000))
        finally:
            _core.protect = real


class Engine(Case):
    def test_refuses_wrong_arrays(self):
        torch.onnx.export(Small().eval(), torch.randn(2, 6), str(self.folder / "m.onnx"), input_names=["x"])
        engine = _core.Engine(str(self.folder / "m.onnx"))
        good = numpy.ones((2, 6), numpy.float32)
        self.assertEqual(engine.run([good])[0].shape, (2, 3))
        strided = numpy.ones((6, 2), numpy.float32).T
        numpy.testing.assert_array_equal(engine.run([strided])[0], engine.run([good])[0])
        for bad in ([], [good, good], [good.astype(numpy.float64)], [good[:, :5]], [good[0]], [good.astype(">f4")],
                    [numpy.array(["text"])], [numpy.ones((2, 6), complex)], [numpy.array([object()])]):
            with self.assertRaises(torchkeep.InvalidArgument):
                engine.run(bad)
        (self.folder / "bad.onnx").write_bytes(b"no model")
        with self.assertRaises(torchkeep.Malformed):
            _core.Engine(str(self.folder / "bad.onnx"))


if __name__ == "__main__":
    main()
