#!/usr/bin/python3
"""Asking an attested worker from Python: tensors, threads, forks, event loops; and what is refused."""
import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy
import torch
from case import SiteCase, Small, main

import torchkeep


class Total(torch.nn.Module):
    """The sum of all that was given so far, and all of it: state that grows."""

    def forward(self, x, past):
        kept = torch.cat([past[0], x], 1)
        return kept.sum(1, keepdim=True), (kept,)


class Keeping(SiteCase):
    """Sequences: state that stays with the worker."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = cls.site.folder / "total.tkm"
        torchkeep.protect(Total(), (torch.randn(2, 1), (torch.randn(2, 3),)), path, id="total", keyserver=cls.site, quiet=True,
                          dynamic_axes={"x": {0: "batch"}, "past(0/1)": {0: "batch", 1: "length"}})
        cls.model = torchkeep.load(path, site=cls.site)

    def test_keeps_what_the_module_returns(self):
        with self.model.sequence({"past": 1}) as step, self.model.sequence({"past": (1,)}) as other:
            self.assertIn("not yet begun", repr(step))
            for x, total in ((1, 1), (2, 3), (3, 6)):
                answer, state = step(torch.tensor([[float(x)]]))
                self.assertEqual((float(answer), state), (total, (None,)))
            self.assertEqual(float(other(x=torch.tensor([[7.0]]), past=(torch.ones(1, 2),))[0]), 9)
            self.assertEqual(step(numpy.ones((1, 1), numpy.float32))[0].item(), 7)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "has ended"):
            step(torch.tensor([[1.0]]))
        step.end()

    def test_refuses_wrong_state(self):
        for state, words in (({}, "keeps state"), ({"future": 1}, "none of the model"), ({"past": 2}, "nothing at 2"),
                             ({"past": "key"}, "nothing at"), ({"past": 0}, "not nested"), ({"past": (1, 0, 0)}, "nothing at")):
            with self.subTest(state), self.assertRaisesRegex(torchkeep.InvalidArgument, words):
                self.model.sequence(state)
        with self.model.sequence({"past": 1}) as step:
            with self.assertRaisesRegex(torchkeep.InvalidArgument, "also takes x"):
                step()
            step(torch.ones(1, 1))
            with self.assertRaisesRegex(torchkeep.InvalidArgument, "leave it out"):
                step(torch.ones(1, 1), (torch.ones(1, 1),))
            with self.assertRaises(torchkeep.Error):
                step(torch.ones(2, 1))
            self.assertEqual(float(step(torch.ones(1, 1))[0]), 2)

    def test_an_exception_in_the_block_ends_it(self):
        with self.assertRaises(ZeroDivisionError):
            with self.model.sequence({"past": 1}) as step:
                step(torch.ones(1, 1))
                raise ZeroDivisionError
        self.assertIn("ended", repr(step))


class Asking(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.module, cls.path = Small().eval(), cls.site.folder / "small.tkm"
        torchkeep.protect(cls.module, torch.randn(2, 6), cls.path, id="small", keyserver=cls.site, quiet=True)
        cls.model = torchkeep.load(cls.path, site=cls.site)
        cls.url = cls.site.worker()
        cls.plain = dict(owner=torchkeep.owner(cls.site.owner())["owner"], policy=cls.site.policy(), root=cls.site.root,
                         pccs=cls.site.pccs)

    def test_tensors_of_all_kinds(self):
        wide = torch.randn(12, 6)
        kinds = {"non-contiguous": wide[::2], "transposed": torch.randn(6, 5).t(), "requires grad": torch.randn(2, 6, requires_grad=True),
                 "parameter": torch.nn.Parameter(torch.randn(1, 6)), "negated view": torch.randn(2, 6, dtype=torch.cfloat).conj().imag,
                 "expanded": torch.randn(1, 6).expand(4, 6)}
        for kind, tensor in kinds.items():
            with self.subTest(kind):
                answer = self.model(tensor)
                self.assertFalse(answer.requires_grad)
                self.assert_close(answer, self.module(tensor))
        array = numpy.random.randn(3, 6).astype(numpy.float32)
        answer = self.model(array)
        self.assertIsInstance(answer, numpy.ndarray)
        numpy.testing.assert_allclose(answer, self.module(torch.from_numpy(array)).detach().numpy(), atol=1e-5)
        self.assertGreater(self.model.last_ms, 0)

    def test_refuses_wrong_calls(self):
        x = torch.randn(2, 6)
        wrong = {"()": ((), {}, "also takes x"), "too many": ((x, x), {}, "2 arguments"), "unknown": ((x,), {"y": x}, "none of the model"),
                 "twice": ((x,), {"x": x}, "given twice"), "nested": (((x, x),), {}, "x"), "number": ((3,), {}, "type int"),
                 "dtype": ((x.double(),), {}, "FP32"), "shape": ((torch.randn(2, 7),), {}, "7"), "half": ((x.half(),), {}, "[.]float"),
                 "meta": ((torch.empty(2, 6, device="meta"),), {}, "device meta"), "sparse": ((torch.eye(6).to_sparse(),), {}, "to_dense"),
                 "text": ((numpy.array(["a"]),), {}, "dtype")}
        for name, (arguments, keywords, words) in wrong.items():
            with self.subTest(name), self.assertRaisesRegex(torchkeep.InvalidArgument, words):
                self.model(*arguments, **keywords)
        self.assert_close(self.model(x), self.module(x))  # and the session goes on

    def test_a_plain_client_with_everything_said(self):
        with torchkeep.Client(f"https://{self.url}", **self.plain) as client:
            x = torch.randn(2, 6)
            self.assert_close(client.infer("small", {"x": x})["output"], self.module(x))
            self.assertEqual(client.model("me/small").version, 1)
            self.assertIn("worker", repr(client.verdict))
            self.assertTrue(client.verdict)
            with self.assertRaises(torchkeep.NotFound):
                client.model("nothing")
            with self.assertRaises(torchkeep.InvalidArgument):
                client.model("../x")
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "closed"):
            client.infer("small", {"x": x})

    def test_refuses_who_is_not_expected(self):
        other = dict(self.plain, owner="00" * 32)
        with self.assertRaisesRegex((torchkeep.Untrusted, torchkeep.InvalidArgument), "owner|key"):
            torchkeep.Client(self.url, **other)
        strict = dict(self.plain, policy=self.site.policy(workers=["11" * 32]))
        with self.assertRaisesRegex(torchkeep.Denied, "workers"):
            torchkeep.Client(self.url, **strict)
        with self.assertRaises(torchkeep.Error):
            torchkeep.Client(self.site.keyserver, **self.plain)
        with self.assertRaises(torchkeep.Unavailable):
            torchkeep.Client("127.0.0.1:1", **self.plain)
        for url in ("", "http://127.0.0.1:1", "127.0.0.1", "https://a/b", "127.0.0.1:99999"):
            with self.subTest(url), self.assertRaises(torchkeep.InvalidArgument):
                torchkeep.Client(url, **self.plain)
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "owner="):
            torchkeep.Client(self.url, root=self.site.root, pccs=self.site.pccs)
        with self.assertRaises(torchkeep.NotFound):
            torchkeep.Client(self.url, folder=self.folder / "nobody")

    def test_attest(self):
        verdict = torchkeep.attest(self.url, folder=self.site.owner(), policy=self.site.policy())
        self.assertTrue(verdict)
        self.assertEqual((verdict.role, verdict.simulation, verdict.failed()), ("worker", True, []))
        self.assertIn(verdict.measurement, repr(verdict))
        self.assertIn("accepts", repr(verdict))
        refused = torchkeep.attest(self.url, folder=self.site.owner(), policy=self.site.policy(workers=["11" * 32]))
        self.assertFalse(refused)
        self.assertIn("REFUSES", repr(refused))
        self.assertIn("11" * 32, refused._repr_html_())
        refused.clauses[0]["holds"], refused.clauses[0]["found"] = False, "<script>"
        self.assertNotIn("<script>", refused._repr_html_())
        self.assertIsNone(torchkeep.attest(self.site.keyserver, role="keyserver", folder=self.site.owner()).accepted)
        with self.assertRaises(torchkeep.Untrusted):
            torchkeep.attest(self.url, role="keyserver", folder=self.site.owner())
        with self.assertRaisesRegex(torchkeep.Error, "role"):
            torchkeep.attest(self.url, role="king", folder=self.site.owner())

    def test_threads(self):
        faults = []

        def work(seed):
            x = torch.randn(3, 6, generator=torch.Generator().manual_seed(seed))
            for _ in range(10):
                if not torch.allclose(self.model(x), self.module(x), atol=1e-4):
                    faults.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

    def test_event_loop(self):
        async def story():
            model = await torchkeep.load_async(self.path, site=self.site)
            inputs = [torch.randn(2, 6) for _ in range(6)]
            answers = await asyncio.gather(*[model.call_async(x) for x in inputs])
            told = await model.client.infer_async("small", {"x": inputs[0]})
            return inputs, answers, told
        inputs, answers, told = asyncio.run(story())
        for x, answer in zip(inputs, answers):
            self.assert_close(answer, self.module(x))
        self.assert_close(told["output"], answers[0])

    def test_a_forked_child_is_refused_and_does_no_harm(self):
        pid = os.fork()
        if pid == 0:
            told = 1
            try:
                self.model(torch.randn(2, 6))
            except torchkeep.InvalidArgument as error:
                told = 0 if "fork" in str(error) else 2
            try:
                self.site.worker()
            except torchkeep.InvalidArgument:
                pass
            else:
                told = 3
            self.site.close()
            self.model.client.close()
            os._exit(told)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        x = torch.randn(2, 6)
        self.assert_close(self.model(x), self.module(x))

    def test_ctrl_c_while_waiting(self):
        silent = subprocess.Popen([sys.executable, "-c", "import socket,time; s=socket.create_server(('127.0.0.1',0)); "
                                   "print(s.getsockname()[1], flush=True); time.sleep(60)"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(silent.stdout.close)
        self.addCleanup(silent.wait)
        self.addCleanup(silent.kill)
        port = int(silent.stdout.readline())
        threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            torchkeep.Client(f"127.0.0.1:{port}", **self.plain)
        self.assertLess(time.monotonic() - started, 5)

    def test_a_revoked_model(self):
        made = self.protect(Small(7), torch.randn(2, 6), "gone", policy=self.site.policy(lease_seconds=2))
        model = torchkeep.load(made.path, site=self.site)
        model(torch.randn(1, 6))
        torchkeep.revoke("gone", owner=self.site.owner())
        deadline = time.monotonic() + 20
        with self.assertRaisesRegex(torchkeep.Unavailable, "revoked|lease"):
            while time.monotonic() < deadline:
                model(torch.randn(1, 6))
                time.sleep(0.2)
        with self.assertRaisesRegex(torchkeep.Unavailable, "revoked|lease"):
            torchkeep.load(made.path, site=self.site, wait_seconds=3)


class Sites(SiteCase):
    def test_says_what_it_is(self):
        self.assertIn("SIMULATED", repr(self.site))
        self.assertIn("<table>", self.site._repr_html_())
        self.assertIn("serving on", self.site.log("keyserver"))
        with self.assertRaises(torchkeep.InvalidArgument):
            self.site.log("nothing")

    def test_owners_do_not_meet(self):
        x = torch.randn(2, 6)
        for owner, seed in (("acme", 1), ("globex", 2)):
            torchkeep.protect(Small(seed), x, self.folder / f"{owner}.tkm", id=f"{owner}/m", keyserver=self.site, quiet=True)
            found = torchkeep.load(self.folder / f"{owner}.tkm", site=self.site, id=f"{owner}/m")(x)
            self.assert_close(found, Small(seed)(x))
        self.assertNotEqual(torchkeep.owner(self.site.owner("acme"))["owner"], torchkeep.owner(self.site.owner("globex"))["owner"])
        with self.assertRaises(torchkeep.Error):  # acme's container is not globex's
            torchkeep.load(self.folder / "acme.tkm", site=self.site, id="globex/m2", wait_seconds=3)

    def test_refuses_wrong_loads(self):
        for how in ({}, {"site": self.site, "url": "a:1"}):
            with self.assertRaisesRegex(torchkeep.InvalidArgument, "site="):
                torchkeep.load("m.tkm", **how)
        with self.assertRaises(torchkeep.NotFound):
            torchkeep.load("none.tkm", site=self.site)
        (self.folder / "noise.tkm").write_bytes(b"noise")
        with self.assertRaises(torchkeep.Error):
            torchkeep.load(self.folder / "noise.tkm", site=self.site, id="noise")

    def test_nothing_outlives_the_python_that_started_it(self):
        script = ("import torchkeep, os, json, time; s = torchkeep.local(); s.worker(); "
                  "print(json.dumps([str(s.folder), [p.process.pid for p in s._programs.values()]]), flush=True); time.sleep(60)")
        running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        folder, pids = json.loads(running.stdout.readline())
        running.stdout.close()
        running.kill()  # no chance to clean up
        running.wait()
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and (os.path.exists(folder) or any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)):
            time.sleep(0.05)
        self.assertFalse(os.path.exists(folder))
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")], [])

    def test_a_closed_site(self):
        site = torchkeep.local()
        folder = pathlib.Path(site.folder)
        with site:
            pass
        site.close()
        self.assertFalse(folder.exists())
        self.assertIn("closed", repr(site))
        with self.assertRaisesRegex(torchkeep.InvalidArgument, "closed"):
            site.worker()

    def test_a_kept_site_goes_on(self):
        folder = self.folder / "kept"
        with torchkeep.local(folder) as site:
            made = torchkeep.protect(Small(), torch.randn(2, 6), self.folder / "kept.tkm", id="kept", keyserver=site, quiet=True)
            before = torchkeep.owner(site.owner())
        with torchkeep.local(folder) as site:
            x = torch.randn(2, 6)
            self.assert_close(torchkeep.load(made.path, site=site)(x), Small()(x))
            self.assertEqual(torchkeep.owner(site.owner())["owner"], before["owner"])

    def test_the_command_line(self):
        def call(*words, **environment):
            return subprocess.run([sys.executable, "-m", "torchkeep", *words], capture_output=True, text=True, check=False,
                                  env={**os.environ, **environment})
        self.assertIn(torchkeep.__version__, call("--version").stdout)
        self.assertEqual(call("frobnicate").returncode, 2)
        lost = call("--version", TORCHKEEP_PROGRAMS="/nonexistent")
        self.assertEqual((lost.returncode, "make build" in lost.stderr), (3, True))


if __name__ == "__main__":
    main()
