#!/usr/bin/python3
"""Operator mode: secured layers answer as PyTorch does; what is wrong is refused; nothing is in clear."""
import copy
import json
import pathlib
import tempfile
import threading
import unittest

import torch
from case import Case, SiteCase, Small, main

import torchkeep
from torchkeep import operators, pieces
from torchkeep.secured import Secured, tensors_of

nn = torch.nn


class Mixed(nn.Module):
    """One of each family, called in the ways that models call them."""

    def __init__(self, seed=2):
        super().__init__()
        torch.manual_seed(seed)
        self.words = nn.Embedding(11, 8, padding_idx=0)
        self.conv1, self.bn1 = nn.Conv1d(8, 6, 3, padding=1), nn.BatchNorm1d(6)
        self.group, self.up = nn.GroupNorm(2, 6), nn.ConvTranspose1d(6, 8, 2, stride=2)
        self.lstm, self.gru = nn.LSTM(8, 5, 2, batch_first=True, bidirectional=True), nn.GRU(10, 8)
        self.norm, self.attend = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.image = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=2))
        self.head = nn.Linear(8, 3)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(), module.running_var.uniform_(0.5, 2)
        self.eval()

    def forward(self, ids):
        x = self.words(ids)
        y = self.up(self.group(self.bn1(self.conv1(x.transpose(1, 2)))))[:, :, :ids.shape[1]].transpose(1, 2)
        y, _ = self.lstm(x + y)
        y, last = self.gru(y.transpose(0, 1))
        y = self.norm(y.transpose(0, 1) + last[0][:, None])
        hidden = torch.zeros(ids.shape, dtype=torch.bool)
        hidden[:, -1] = True
        z, weights = self.attend(y, y, y, key_padding_mask=hidden)
        z = self.layer(z, src_mask=nn.Transformer.generate_square_subsequent_mask(ids.shape[1]))
        picture = self.image(z[:, None]).mean((1, 2, 3))
        return self.head(z), weights, picture


class Kinds(SiteCase):
    """Every kind against PyTorch, each called by itself as users call it."""

    LAYERS = {
        "linear": (nn.Linear(5, 3), [((4, 5),), ((5,),), ((2, 0, 5),), ((2, 3, 4, 5),)]),
        "conv2d": (nn.Conv2d(3, 4, 3, padding=1, dilation=2), [((2, 3, 9, 7),), ((3, 8, 8),)]),
        "same": (nn.Conv2d(2, 4, 2, padding="same"), [((1, 2, 5, 5),)]),
        "conv3d": (nn.Conv3d(1, 2, 2), [((1, 1, 4, 3, 3),)]),
        "up2d": (nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1), [((1, 2, 4, 4),)]),
        "bn2d": (nn.BatchNorm2d(3), [((2, 3, 4, 5),)]),
        "bn3d": (nn.BatchNorm3d(2), [((2, 2, 3, 4, 5),)]),
        "bn1d": (nn.BatchNorm1d(3), [((2, 3),), ((2, 3, 7),)]),
        "layer": (nn.LayerNorm((3, 4)), [((2, 3, 4),), ((3, 4),)]),
        "group": (nn.GroupNorm(2, 4), [((2, 4, 3, 3),), ((2, 4),)]),
        "lstm": (nn.LSTM(4, 3, num_layers=2), [((5, 2, 4),), ((5, 4),)]),
        "gru": (nn.GRU(4, 3, batch_first=True, bidirectional=True), [((2, 5, 4),)]),
        "attend": (nn.MultiheadAttention(6, 3, kdim=4, vdim=5, bias=False), [((3, 2, 6), (5, 2, 4), (5, 2, 5)), ((3, 6), (5, 4), (5, 5))]),
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        torch.manual_seed(3)
        cls.model = nn.ModuleDict({name: layer for name, (layer, _) in cls.LAYERS.items()}).eval()
        for norm in ("bn1d", "bn2d", "bn3d"):
            cls.model[norm].running_mean.normal_(), cls.model[norm].running_var.uniform_(0.5, 2)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.secured = torchkeep.secure(cls.model, pathlib.Path(folder.name) / "kinds.tkm", id="kinds", keyserver=cls.site,
                                       policy=cls.site.policy(operator_mode=True), quiet=True)

    def compare(self, found, wanted):
        if isinstance(wanted, (tuple, list)):
            self.assertEqual(len(found), len(wanted))
            for one, other in zip(found, wanted):
                self.compare(one, other)
        elif wanted is None:
            self.assertIsNone(found)
        else:
            self.assert_close(found, wanted)
            self.assertFalse(found.requires_grad)

    def test_each_answers_as_the_module_does(self):
        for name, (layer, calls) in self.LAYERS.items():
            for shapes in calls:
                with self.subTest(layer=name, shapes=shapes), torch.no_grad():
                    given = [torch.randn(shape) for shape in shapes]
                    self.compare(self.secured[name](*given), layer(*given))

    def test_states_and_masks_that_callers_give(self):
        x, state = torch.randn(5, 2, 4), (torch.randn(2, 2, 3), torch.randn(2, 2, 3))
        self.compare(self.secured["lstm"](x, state), self.model["lstm"](x, state))
        q, k, v = torch.randn(3, 2, 6), torch.randn(5, 2, 4), torch.randn(5, 2, 5)
        for how in ({"need_weights": False}, {"average_attn_weights": False}, {"attn_mask": torch.randn(3, 5)},
                    {"attn_mask": torch.rand(6, 3, 5) > 0.8}, {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 2)}):
            with self.subTest(how=list(how)):
                self.compare(self.secured["attend"](q, k, v, **how), self.model["attend"](q, k, v, **how))

    def test_odd_tensors_are_taken(self):
        layer = self.model["linear"]
        turned = torch.randn(5, 4).t()
        self.compare(self.secured["linear"](turned), layer(turned))
        self.assertFalse(self.secured["linear"](torch.randn(4, 5, requires_grad=True)).requires_grad)
        self.assertEqual(self.secured["linear"](torch.zeros(0, 5)).shape, (0, 3))

    def test_threads_may_call_beside_each_other(self):
        inputs = [torch.randn(3, 5) for _ in range(8)]
        answers = [None] * len(inputs)

        def ask(i):
            answers[i] = self.secured["linear"](inputs[i])
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(inputs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for given, answer in zip(inputs, answers):
            self.compare(answer, self.model["linear"](given))

    def test_wrong_calls_are_refused(self):
        linear, lstm, up, attend = (self.secured[name] for name in ("linear", "lstm", "up2d", "attend"))
        packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 2, 4), [3, 2])
        for call, kind, words in (
                (lambda: linear(torch.randn(2, 6)), torchkeep.InvalidArgument, "takes"),
                (lambda: linear(torch.randn(2, 5, dtype=torch.float64)), torchkeep.InvalidArgument, "float64"),
                (lambda: linear(torch.randn(2, 5).to_sparse()), torchkeep.InvalidArgument, "to_dense"),
                (lambda: linear(torch.randn(2, 5).half()), torchkeep.InvalidArgument, "float16"),
                (lambda: linear("two rows"), torchkeep.InvalidArgument, "takes a tensor, not a str"),
                (lambda: linear(None), torchkeep.InvalidArgument, "takes a tensor"),
                (lambda: lstm(packed), torchkeep.Unsupported, "PackedSequence"),
                (lambda: attend(*[torch.randn(3, 2, width) for width in (6, 4, 5)], is_causal=True), torchkeep.InvalidArgument, "attn_mask"),
                (lambda: up(torch.randn(1, 2, 4, 4), output_size=[10, 10]), torchkeep.Unsupported, "output_size"),
                (lambda: nn.functional.linear(torch.randn(2, 5), linear.weight), torchkeep.Unsupported, "protect"),
                (lambda: setattr(linear, "weight", torch.zeros(3, 5)), torchkeep.Unsupported, "cannot be set"),
                (lambda: copy.deepcopy(linear), torchkeep.InvalidArgument, "state_dict"),
                (lambda: torchkeep.secure(self.secured), torchkeep.InvalidArgument, "already")):
            with self.subTest(words=words), self.assertRaises(kind) as refused:
                call()
            self.assertIn(words, str(refused.exception))
        self.assertFalse(hasattr(linear, "weight"))
        self.secured.train()
        self.addCleanup(self.secured.eval)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "training mode"):
            linear(torch.randn(2, 5))


class Story(SiteCase):
    """Saved by its owner, loaded by a node; whatever is not that is refused."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.allowed = cls.site.policy(operator_mode=True)

    def secure(self, model, name, **how):
        how.setdefault("policy", self.allowed)
        return torchkeep.secure(model, self.folder / f"{name}-{how.get('version', 1)}.tkm", id=name, keyserver=self.site, quiet=True, **how)

    def saved(self, model, name, **how):
        """The state dict, through a file."""
        path = self.folder / f"{name}.pt"
        torch.save(self.secure(model, name, **how).state_dict(), path)
        return torch.load(path)

    def node(self, model, **how):
        return torchkeep.secure(model, site=self.site, **how)

    def test_a_model_is_saved_and_loaded(self):
        model, ids = Mixed(), torch.randint(1, 11, (3, 6))
        held = self.saved(model, "mixed")
        fresh = Mixed(seed=9)
        node = self.node(fresh, expect="mixed")
        node.load_state_dict(held)
        for found, wanted in zip(node(ids), model(ids)):
            self.assert_close(found, wanted)
        self.assertIsInstance(fresh.head, nn.Linear)  # a copy was secured
        self.assertEqual(node.torchkeep_service.client.verdict.role, "worker")
        # The same container again, as another process of the node would load it.
        again = self.node(Mixed(seed=4))
        again.load_state_dict(held)
        self.assert_close(again(ids)[0], model(ids)[0])

    def test_nothing_is_in_clear(self):
        model = Mixed()
        held = self.saved(model, "clear")
        file = (self.folder / "clear.pt").read_bytes() + (self.folder / "clear-1.tkm").read_bytes()
        self.assertEqual(sorted(held), sorted(f"{name}.ciphertext" for name in operators.find(model)))
        looked_for = 0
        for name, tensor in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
            raw = tensor.detach().numpy().tobytes()
            for at in range(0, len(raw) - 7, 8):  # any two of its numbers
                if raw[at:at + 8].count(raw[at]) < 8:  # ones and zeros stand anywhere
                    looked_for += 1
                    self.assertNotIn(raw[at:at + 8], file, name)
        self.assertGreater(looked_for, 500)

    def test_off_unless_the_policy_allows_it(self):
        for policy in (None, self.site.policy()):
            with self.assertRaisesRegex(torchkeep.Denied, "operator_mode"):
                self.secure(Small(), "denied", policy=policy)
        # A policy that its owner makes stricter again: registering the container under it is refused,
        torchkeep.secure(Small(), self.folder / "late.tkm", id="late", owner=self.site.owner(), quiet=True)
        with self.assertRaisesRegex(torchkeep.Denied, "operator_mode"):
            torchkeep.register(self.folder / "late.tkm", policy=self.site.policy(), owner=self.site.owner())
        # and the worker refuses what was registered before.
        held = self.saved(Small(), "stricter")
        torchkeep.protect(Small(), torch.randn(2, 6), self.folder / "stricter-2.tkm", id="stricter", version=2, keyserver=self.site,
                          policy=self.site.policy(), quiet=True)
        with self.assertRaisesRegex(torchkeep.Denied, "single operators"):
            self.node(Small()).load_state_dict(held)

    def test_pieces_that_are_not_as_they_were_saved(self):
        held = self.saved(Small(), "pieces")
        other = self.saved(Small(seed=5), "other")
        first, second = "first.ciphertext", "second.ciphertext"

        def edited(name, at):
            piece = held[name].clone()
            piece[at] ^= 1
            return {**held, name: piece}
        for words, state in (("swapped", {first: held[second], second: held[first]}),
                             ("another state dict", {**held, second: other[second]}),
                             ("cut", {**held, second: held[second][:-1]}),
                             ("is no piece", {**held, second: torch.zeros(9, dtype=torch.uint8)}),
                             ("not the one that its owner signed", edited(second, -40)),
                             ("in clear", Small().state_dict()),
                             ("Missing key", {first: held[first]}),
                             ("no ciphertext", {**held, first: torch.zeros(9)})):
            with self.subTest(words=words), self.assertRaises((torchkeep.Untrusted, torchkeep.Malformed, RuntimeError)) as refused:
                self.node(Small()).load_state_dict(state)
            self.assertIn(words, str(refused.exception))
        # What was refused does not keep the good one out; and once that is served, an edited one is none of it.
        node = self.node(Small())
        node.load_state_dict(held)
        self.assert_close(node(torch.ones(2, 6)), Small()(torch.ones(2, 6)))
        with self.assertRaisesRegex(torchkeep.Untrusted, "another container"):
            self.node(Small()).load_state_dict(edited(first, -1))

    def test_other_models_versions_and_shapes(self):
        held = self.saved(Small(), "named")

        def said(**changes):
            """The same pieces with other words in front."""
            out = {}
            for key, piece in held.items():
                raw = bytes(piece.numpy())
                size = int.from_bytes(raw[4:8], "little")
                head = json.dumps({**json.loads(raw[8:8 + size]), **changes}).encode()
                out[key] = torch.frombuffer(bytearray(raw[:4] + len(head).to_bytes(4, "little") + head + raw[8 + size:]), dtype=torch.uint8)
            return out
        self.saved(Small(seed=7), "another")
        with self.assertRaisesRegex(torchkeep.Untrusted, "not of named"):
            self.node(Small(), expect="named").load_state_dict(said(id="another"))
        with self.assertRaisesRegex(torchkeep.Untrusted, "not the one that its owner signed"):
            self.node(Small()).load_state_dict(said(id="another"))
        with self.assertRaisesRegex(torchkeep.Untrusted, "version"):
            self.node(Small()).load_state_dict(said(version=2))
        wider = Small()
        wider.second = nn.Linear(8, 4)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, r"second.*\[4.*\[3"):
            self.node(wider).load_state_dict(held)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "say who serves it"):
            torchkeep.secure(Small()).load_state_dict(held)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "load_state_dict"):
            self.node(Small())(torch.ones(1, 6))

    def test_a_whole_model_has_no_operators(self):
        model = self.serve(Small(), torch.randn(2, 6), "whole", policy=self.allowed)
        with self.assertRaisesRegex(torchkeep.NotFound, "served whole"):
            model.client.infer("whole", {"input": torch.eye(6)}, operator="first")
        secured = self.secure(Small(), "parts")
        secured(torch.ones(1, 6))
        with self.assertRaisesRegex(torchkeep.Error, "one by one"):
            secured.torchkeep_service.client.infer("parts", {"first:input": torch.eye(6), "second:input": torch.eye(8)})
        with self.assertRaisesRegex(torchkeep.NotFound, "no operator"):
            secured.torchkeep_service.client.infer("parts", {"input": torch.eye(6)}, operator="third")


class Refusals(Case):
    """What cannot be secured is named, before anything is written."""

    def test_what_would_stay_in_clear(self):
        class Own(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(2, 2)
                self.scale = nn.Parameter(torch.ones(2))
        hooked = nn.Linear(2, 2)
        hooked.register_forward_hook(lambda *_: None)
        for model, words in ((Own(), "scale of Own"), (nn.Sequential(nn.PReLU()), "0.weight of PReLU"),
                             (nn.Sequential(nn.Linear(2, 2), nn.RNN(2, 2)), "RNN"), (nn.utils.weight_norm(nn.Linear(2, 2)), "hooks"),
                             (hooked, "hooks"), (nn.BatchNorm1d(2, track_running_stats=False), "running statistics"),
                             (nn.LSTM(2, 4, proj_size=2), "proj_size"), (nn.MultiheadAttention(2, 1, add_zero_attn=True), "add_zero_attn"),
                             (nn.Embedding(3, 2, max_norm=1.0), "max_norm"), (nn.ReLU(), "nothing"),
                             (torch.jit.script(nn.Linear(2, 2)), "ScriptModule")):
            with self.subTest(words=words), self.assertRaises(torchkeep.Unsupported) as refused:
                torchkeep.secure(model)
            self.assertIn(words, str(refused.exception))

    def test_a_layer_that_answers_otherwise(self):
        class Twice(nn.Linear):
            def forward(self, x):
                return 2 * super().forward(x)
        with self.assertRaisesRegex(torchkeep.Unsupported, "Twice"):
            torchkeep.secure(nn.Sequential(Twice(2, 2)))

    def test_pieces_are_the_container_again(self):
        for size in (1, 2, 1000):
            container = bytes(torch.randint(0, 256, (size,), dtype=torch.uint8).numpy())
            made = pieces.cut(container, [("a", 10), ("b", 0), ("c.d", 500)], pieces.Origin("m", 3))
            self.assertEqual(pieces.join(dict(reversed(made.items()))), (pieces.Origin("m", 3), container))

    def test_shared_layers_stay_shared(self):
        shared = nn.Linear(3, 3)
        secured = torchkeep.secure(nn.Sequential(shared, nn.ReLU(), shared))
        self.assertIs(secured[0], secured[2])
        self.assertIsInstance(secured[0], Secured)
        self.assertEqual(list(secured.parameters()), [])
        self.assertEqual(set(tensors_of(secured)), {"0.ciphertext"})


if __name__ == "__main__":
    main()
