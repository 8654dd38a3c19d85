#!/usr/bin/env python3
"""Any of the four programs is killed at any moment; started again, all works without the owner doing anything."""
import json
import random
import subprocess
import sys
import time

from case import PROGRAMS, Case, SmallModel, main


class Kills(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.init_owner()
        cls.repository = cls.place("repository", "small", 1, cls.register("small", lease=60))
        cls.worker = cls.site.start_worker("worker", cls.repository, cls.owner, cls.keycache.address)
        cls.seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {cls.seed}", file=sys.stderr)
        cls.random = random.Random(cls.seed)

    @staticmethod
    def port(program):
        return int(program.address.rsplit(":", 1)[1])

    def restart_keyserver(self):
        self.keyserver.kill()
        type(self).keyserver = self.site.start_keyserver(self.port(self.keyserver))

    def restart_keycache(self):
        self.keycache.kill()
        type(self).keycache = self.site.start_keycache(self.keyserver.address, self.port(self.keycache))

    def restart_worker(self):
        self.worker.kill()
        type(self).worker = self.site.start_worker("worker", self.repository, self.owner, self.keycache.address,
                                                   self.port(self.worker))

    def restart_simtee(self):
        port = int(self.site.pccs.rsplit(":", 1)[1])
        self.simtee.kill()
        type(self).simtee = self.site.start_simtee(port)

    def test_each_program_killed_and_started_again(self):
        self.await_answer(self.worker, "small")
        for restart in (self.restart_keyserver, self.restart_keycache, self.restart_simtee, self.restart_worker):
            with self.subTest(restart.__name__):
                restart()
                self.await_answer(self.worker, "small")

    def test_all_killed_at_once(self):
        pccs = int(self.site.pccs.rsplit(":", 1)[1])
        for program in (self.worker, self.keycache, self.keyserver, self.simtee):
            program.kill()
        type(self).simtee = self.site.start_simtee(pccs)
        self.restart_keyserver()
        self.restart_keycache()
        self.restart_worker()
        self.await_answer(self.worker, "small")

    def test_key_server_killed_while_it_takes_in_statements(self):
        policy = self.write_policy("busy", lease=60)
        container = self.protect("busy")
        command = [str(word) for word in (PROGRAMS / "torchkeep", "--owner-folder", self.folder / "owner", "keys",
                                          "register", "busy", "--container", container)]
        for round_number in range(8):
            words = command if round_number else command + ["--policy", str(policy)]
            typed = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            time.sleep(self.random.uniform(0, 0.25))
            self.restart_keyserver()
            output, _ = typed.communicate(timeout=60)
            if "not registered" in output or typed.returncode == 0:
                break
        status, told = self.cli("keys", "show", "busy", check=False)
        if status != 0:  # killed before the first statement was even stored by the owner
            self.cli("keys", "register", "busy", "--policy", policy, "--container", container)
        else:
            self.cli("keys", "register", "busy", "--container", container)
        worker = self.start_worker("busy-worker", self.place("busy", "busy", 1, container), self.owner)
        self.await_answer(worker, "busy")

    def test_key_cache_and_worker_killed_while_a_key_moves(self):
        port = self.port(self.worker)
        for _ in range(6):
            self.worker.kill()
            type(self).worker = self.site.start_worker("worker", self.repository, self.owner, self.keycache.address,
                                                       port, wait=False)
            time.sleep(self.random.uniform(0, 0.3))
            self.restart_keycache()
        self.worker.address = f"127.0.0.1:{self.worker.wait_ready()['port']}"
        self.await_answer(self.worker, "small")

    def test_protect_killed_leaves_no_half_container(self):
        source = SmallModel(width=200_000).write(self.folder / "large.onnx")
        target = self.folder / "large.tkm"
        for _ in range(6):
            typed = subprocess.Popen([str(word) for word in (
                PROGRAMS / "torchkeep", "--owner-folder", self.folder / "owner", "protect", source, "--name", "large",
                "-o", target, "--force")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0, 0.6) if target.exists() else 1.5)
            typed.kill()
            typed.wait()
            if target.exists():
                told = json.loads(self.cli("--json", "inspect", target))
                kept = [json.loads(path.read_text())["container_digest"]
                        for path in self.folder.glob("large.tkm.recovery*")]
                self.assertIn(told["container_digest"], kept)
        self.assertTrue(target.exists(), "every protect was killed too early")
        self.cli("keys", "register", "large", "--policy", self.write_policy("large", lease=60), "--container", target)


if __name__ == "__main__":
    main()
