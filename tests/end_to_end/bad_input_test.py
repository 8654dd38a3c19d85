#!/usr/bin/env python3
"""Wrong calls and broken surroundings: each a one-line error that says what to do, an exit code, nothing lost."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading

from case import PROGRAMS, Case, SmallModel, main
from small_model import write_unsupported


class BadInput(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.init_owner()
        cls.container = cls.register("small")

    def limited(self, max_bytes, *command):
        """Runs a command whose files cannot grow beyond `max_bytes`, as on a full disk."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                              preexec_fn=limit)
        return done.returncode, done.stdout + done.stderr

    # protect -------------------------------------------------------------------
    def test_protect_of_nothing(self):
        self.assert_refused(self.cli("protect", self.folder / "no.onnx", "--name", "x", check=False), 3, "no.onnx")

    def test_protect_of_what_is_no_onnx(self):
        path = self.folder / "garbage.onnx"
        path.write_bytes(b"this is no model" * 100)
        self.assert_refused(self.cli("protect", path, "--name", "x", "-o", self.folder / "x.tkm", check=False), 2)
        self.assertFalse((self.folder / "x.tkm").exists())

    def test_protect_of_an_empty_file_and_of_a_folder(self):
        empty = self.folder / "empty.onnx"
        empty.write_bytes(b"")
        self.assert_refused(self.cli("protect", empty, "--name", "x", check=False), 2)
        self.assert_refused(self.cli("protect", self.folder, "--name", "x", check=False), 2)

    def test_protect_of_an_operator_that_is_not_there(self):
        path = write_unsupported(self.folder / "unsupported.onnx")
        self.assert_refused(self.cli("protect", path, "--name", "x", check=False), 2, "QuantumFold",
                            "/head/QuantumFold")

    def test_protect_on_a_full_disk_leaves_nothing(self):
        source = SmallModel(width=40_000).write(self.folder / "wide.onnx")
        target = self.folder / "wide.tkm"
        told = self.limited(1 << 20, PROGRAMS / "torchkeep", "--owner-folder", self.folder / "owner", "protect", source,
                            "--name", "wide", "-o", target)
        self.assert_refused(told, 4, "wide.tkm")
        self.assertEqual([name for name in os.listdir(self.folder) if "wide.tkm" in name and "recovery" not in name], [])

    def test_protect_does_not_overwrite(self):
        told = self.cli("protect", SmallModel().write(self.folder / "again.onnx"), "--name", "small", "-o",
                        self.container, check=False)
        self.assert_refused(told, 2, "--force")

    def test_inspect_of_what_is_no_container(self):
        path = self.folder / "short.tkm"
        path.write_bytes(b"TKM1")
        self.assert_refused(self.cli("inspect", path, check=False), 2)
        self.assert_refused(self.cli("inspect", self.folder / "none.tkm", check=False), 3)

    # owner and keys ------------------------------------------------------------
    def test_owner_init_with_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.assert_refused(self.cli("--pccs", self.site.pccs, "owner", "init", "--keyserver", address, "--root",
                                     self.site.root, owner="lonely", check=False), 4, address)

    def test_owner_init_at_a_peer_that_speaks_something_else(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def speak():
                peer, _ = server.accept()
                with peer:
                    peer.recv(64)
                    peer.sendall(b"220 mail.example ESMTP\r\n")
            threading.Thread(target=speak, daemon=True).start()
            address = f"127.0.0.1:{server.getsockname()[1]}"
            told = self.cli("--pccs", self.site.pccs, "owner", "init", "--keyserver", address, "--root",
                            self.site.root, owner="lonely", check=False)
        self.assert_refused(told, 4, address)

    def test_owner_init_at_a_program_of_another_role(self):
        told = self.cli("--pccs", self.site.pccs, "owner", "init", "--keyserver", self.keycache.address, "--root",
                        self.site.root, owner="lonely", check=False)
        self.assertEqual(told[0], 1, told[1])

    def test_keys_without_an_owner(self):
        self.assert_refused(self.cli("keys", "list", owner="nobody", check=False), 3, "torchkeep owner init")

    def test_register_without_a_policy(self):
        told = self.cli("keys", "register", "new", "--container", self.container, check=False)
        self.assert_refused(told, 2, "--policy")

    def test_policy_with_an_unknown_field(self):
        path = self.write_policy("odd")
        path.write_text(path.read_text().replace("{", '{"retries": 3,', 1))
        self.assert_refused(self.cli("keys", "register", "odd", "--policy", path, check=False), 2, "retries")

    def test_infer_with_another_shape_and_another_file(self):
        path = self.folder / "text.npy"
        path.write_text("no array")
        told = self.cli("infer", "--worker", "127.0.0.1:9", "--model", "small", "--version", 1, "--input",
                        f"input={path}", check=False)
        self.assert_refused(told, 2, "npy")

    def test_unknown_command_and_unknown_option(self):
        for words in (["frobnicate"], ["inspect", "--nonsense"], []):
            status, _ = self.cli(*words, check=False)
            self.assertEqual(status, 2)

    # The programs --------------------------------------------------------------
    def test_key_server_on_a_port_in_use(self):
        told = self.start_and_wait("keyserver", "--listen", self.keyserver.address, "--store",
                                   self.folder / "second.sqlite", *self.site.trust())
        self.assert_last_line(told, 4, "in use")

    def assert_last_line(self, told, status, *words):
        self.assertEqual(told[0], status, told[1])
        last = told[1].strip().splitlines()[-1]
        for word in words:
            self.assertRegex(last, word)

    def test_key_server_with_a_locked_database(self):
        told = self.start_and_wait("keyserver", "--listen", "127.0.0.1:0", "--store", self.folder / "keyserver.sqlite",
                                   *self.site.trust())
        self.assert_last_line(told, 4, "keyserver.sqlite")

    def test_key_server_with_a_damaged_database(self):
        path = self.folder / "damaged.sqlite"
        path.write_bytes(os.urandom(8192))
        told = self.start_and_wait("keyserver", "--listen", "127.0.0.1:0", "--store", path, *self.site.trust())
        self.assert_last_line(told, 2, "damaged.sqlite")
        self.assertEqual(path.stat().st_size, 8192)

    def test_key_server_with_an_unknown_field_in_its_configuration(self):
        path = self.folder / "keyserver.conf"
        path.write_text('listen = "127.0.0.1:0"\nshare-keys = true\n')
        told = self.start_and_wait("keyserver", "--config", path, "--store", self.folder / "c.sqlite",
                                   *self.site.trust())
        self.assert_last_line(told, 2, "share-keys")

    def test_key_server_with_a_configuration_that_is_not_there(self):
        told = self.start_and_wait("keyserver", "--config", self.folder / "none.conf", "--listen", "127.0.0.1:0",
                                   "--store", self.folder / "d.sqlite", *self.site.trust())
        self.assertNotEqual(told[0], 0)

    def test_key_server_with_its_options_in_a_file(self):
        path = self.folder / "good.conf"
        path.write_text(f'listen = "127.0.0.1:0"\nstore = "{self.folder / "conf.sqlite"}"\n')
        server = self.site.start("conf-keyserver", "--config", path, *self.site.trust(),
                                 program=PROGRAMS / "torchkeep-keyserver")
        self.assertIn("genesis", server.wait_ready())
        server.stop()
        self.site.running.remove(server)

    def test_programs_without_a_platform(self):
        trust = ["--pccs", self.site.pccs, "--root", self.site.root, "--simtee-socket", self.folder / "none.sock"]
        told = self.start_and_wait("keycache", "--listen", "127.0.0.1:0", "--keyserver", self.keyserver.address,
                                   "--state", self.folder / "k", *trust)
        self.assert_last_line(told, 4, "none.sock")

    def test_worker_with_nobody_for_a_cache_goes_on_asking(self):
        repository = self.place("patient", "small", 1, self.container)
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        worker = self.start_worker("patient", repository, self.owner, cache=f"127.0.0.1:{port}")
        worker.wait_log(r"Unavailable")
        cache = self.site.start_keycache(self.keyserver.address, port, state="late-cache", name="late-cache")
        self.addCleanup(cache.kill)
        self.await_answer(worker, "small")

    def test_worker_with_a_repository_that_is_not_there(self):
        told = self.start_and_wait("worker", "--listen", "127.0.0.1:0", "--repository", self.folder / "nowhere",
                                   "--owner", self.owner, "--cache", self.keycache.address, *self.site.trust())
        self.assert_last_line(told, 3, "nowhere")

    def test_a_port_that_is_scanned_goes_on_serving(self):
        host, port = self.keyserver.address.split(":")
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
                      os.urandom(4096), b""):
            with socket.create_connection((host, int(port)), timeout=10) as peer:
                peer.sendall(words)
        self.assertEqual(self.cli("keys", "list", check=False)[0], 0)

    def test_doctor_finds_what_is_missing(self):
        self.assertEqual(self.cli("doctor", check=False)[0], 0)
        owner = self.folder / "moved"
        shutil.copytree(self.folder / "owner", owner)
        (owner / "verifier.json").write_text("{")
        status, told = self.cli("doctor", owner="moved", check=False)
        self.assertNotEqual(status, 0)
        self.assertIn("verifier.json", told)


if __name__ == "__main__":
    main()
