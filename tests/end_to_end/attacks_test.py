#!/usr/bin/env python3
"""Genuine programs in the wrong hands: other owners, other key servers, changed programs, old platforms."""
import shutil
import sqlite3

from case import LEASE_SECONDS, PROGRAMS, Case, Site, SmallModel, main


class Attacks(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.init_owner()
        cls.container = cls.register("small")
        cls.repository = cls.place("repository", "small", 1, cls.container)
        cls.other = cls.init_owner("other")
        cls.other_model = SmallModel(seed=8)
        cls.other_container = cls.register("small", model=cls.other_model, owner="other")

    def copy_worker(self, name):
        target = self.folder / name / "torchkeep-worker"
        target.parent.mkdir()
        for suffix in ("", ".sigstruct"):
            shutil.copy(f"{PROGRAMS / 'torchkeep-worker'}{suffix}", f"{target}{suffix}")
        return target

    def sign(self, program, key, *options):
        Site.run(PROGRAMS / "torchkeep-simtee", "sign", program, "--key", key, "--isv-prod-id", "0x5403",
                 "--isv-svn", "1", *options)

    def expect_no_key(self, worker, said_by, pattern):
        said_by.wait_log(pattern)
        worker.wait_log(r"Denied|Untrusted")
        status, _ = self.infer(worker, "small", check=False)
        self.assertNotEqual(status, 0)

    def test_two_owners_of_the_same_name_are_served_their_own(self):
        mine = self.start_worker("mine", self.repository, self.owner)
        theirs = self.start_worker("theirs", self.place("theirs", "small", 1, self.other_container), self.other)
        self.await_answer(mine, "small")
        self.await_answer(theirs, "small", owner="other", model=self.other_model)

    def test_another_owners_container_under_the_same_name_is_not_served(self):
        worker = self.start_worker("swapped", self.place("swapped", "small", 1, self.other_container), self.owner)
        worker.wait_log(r"small.*(model|owner)")
        self.assertNotEqual(self.infer(worker, "small", check=False)[0], 0)

    def test_a_client_refuses_the_worker_of_another_owner(self):
        theirs = self.start_worker("not-mine", self.place("not-mine", "small", 1, self.other_container), self.other)
        self.await_answer(theirs, "small", owner="other", model=self.other_model)
        status, told = self.infer(theirs, "small", check=False)
        self.assertEqual(status, 1)
        self.assertRegex(told, "owner")

    def test_a_genuine_but_empty_key_server_is_not_the_pinned_one(self):
        port = int(self.keyserver.address.rsplit(":", 1)[1])
        self.keyserver.kill()
        empty = self.site.start_keyserver(port, store="empty.sqlite", name="empty-keyserver")
        try:
            self.assert_refused(self.cli("keys", "list", check=False), 1, "genesis", empty.info["genesis"][:16])
            worker = self.start_worker("led-astray", self.repository, self.owner,
                                       cache=self.site.start_keycache(empty.address, state="astray",
                                                                      name="astray-cache").address)
            worker.wait_log(r"Denied|NotFound|Untrusted")
            self.assertNotEqual(self.infer(worker, "small", check=False)[0], 0)
        finally:
            empty.kill()
            type(self).keyserver = self.site.start_keyserver(port)

    def test_a_cache_at_a_key_server_where_an_attacker_registered_that_name(self):
        rogue = self.site.start_keyserver(store="rogue.sqlite", name="rogue-keyserver")
        self.init_owner("attacker", keyserver=rogue)
        container = self.register("small", owner="attacker")
        cache = self.site.start_keycache(rogue.address, state="rogue-cache", name="rogue-cache")
        worker = self.start_worker("rogue-served", self.place("rogue", "small", 1, container), self.owner,
                                   cache=cache.address)
        worker.wait_log(r"NotFound|Denied|Untrusted|small.*(model|owner)")
        self.assertNotEqual(self.infer(worker, "small", check=False)[0], 0)

    def test_a_worker_changed_by_one_byte_is_not_vouched_for(self):
        changed = self.copy_worker("changed")
        data = bytearray(changed.read_bytes())
        data[data.rindex(b"GCC: (Debian")] ^= 1
        changed.write_bytes(data)
        worker = self.start_worker("changed-worker", self.repository, self.owner, program=changed, wait=False)
        worker.process.wait(20)
        self.assertEqual(worker.process.returncode, 1)
        self.assertRegex(worker.log(), "measure|MRENCLAVE|mr_enclave")

    def test_a_changed_worker_signed_anew_gets_no_key(self):
        changed = self.copy_worker("resigned")
        data = bytearray(changed.read_bytes())
        data[data.rindex(b"GCC: (Debian")] ^= 1
        changed.write_bytes(data)
        self.sign(changed, self.folder / "attacker.pem")
        worker = self.start_worker("resigned-worker", self.repository, self.owner, program=changed)
        self.expect_no_key(worker, self.keycache, "mr_enclave")

    def test_a_debug_worker_gets_no_key(self):
        debug = self.copy_worker("debug")
        self.sign(debug, PROGRAMS.parent / "enclave-signing-key.pem", "--debug")
        worker = self.start_worker("debug-worker", self.repository, self.owner, program=debug)
        self.expect_no_key(worker, self.keycache, "debug")

    def test_a_key_cache_in_the_workers_place_gets_no_key(self):
        policy = self.folder / "wrong-role.json"
        self.cli("policy", "new", "--keyserver", self.site.measure(PROGRAMS / "torchkeep-keyserver"),
                 "--cache", self.site.measure(PROGRAMS / "torchkeep-worker"),
                 "--worker", self.site.measure(PROGRAMS / "torchkeep-keycache"), "--any-platform", "--any-client",
                 "-o", policy)
        container = self.protect("roles")
        self.cli("keys", "register", "roles", "--policy", policy, "--container", container)
        worker = self.start_worker("roles-worker", self.place("roles", "roles", 1, container), self.owner)
        worker.wait_log(r"Denied|Untrusted")
        self.assertNotEqual(self.infer(worker, "roles", check=False)[0], 0)

    def test_a_revoked_or_outdated_platform_gets_no_key(self):
        def condition(name):
            Site.run(PROGRAMS / "torchkeep-simtee", "condition", "--state", self.folder / "simtee", name)
        for name, pattern in (("tcb-out-of-date", "OutOfDate"), ("pck-revoked", "revokes"),
                              ("collateral-expired", "expiry at")):
            with self.subTest(name):
                condition(name)
                # A fresh cache has no collateral of better days in memory.
                try:
                    cache = self.site.start_keycache(self.keyserver.address, state=f"cache-{name}", name=f"cache-{name}")
                    worker = self.start_worker(f"worker-{name}", self.repository, self.owner, cache=cache.address,
                                               wait=True)
                    worker.wait_log(r"Denied|Untrusted")
                    self.assertNotEqual(self.infer(worker, "small", check=False)[0], 0)
                    logs = worker.log() + cache.log() + self.keyserver.log()
                    self.assertRegex(logs, pattern)
                finally:
                    condition("good")

    def test_rows_put_back_to_an_older_state_stop_the_key_server(self):
        server = self.site.start_keyserver(store="rolled.sqlite", name="rolled")
        self.init_owner("rolled", keyserver=server)
        self.register("small", owner="rolled")
        server.stop()
        self.site.running.remove(server)
        store = sqlite3.connect(self.folder / "rolled.sqlite")
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        log = next(name for name in tables if "log" in name)
        store.execute(f"DELETE FROM {log} WHERE rowid=(SELECT MAX(rowid) FROM {log})")
        store.commit()
        store.close()
        status, told = self.start_and_wait("keyserver", "--listen", "127.0.0.1:0", "--store",
                                           self.folder / "rolled.sqlite", *self.site.trust())
        self.assertEqual(status, 1, told)
        self.assertRegex(told, "log|entry|head")

    def test_a_revoked_model_stops_when_its_lease_ends(self):
        container = self.register("short", lease=LEASE_SECONDS)
        worker = self.start_worker("short-worker", self.place("short", "short", 1, container), self.owner)
        self.await_answer(worker, "short")
        self.cli("keys", "revoke", "short")
        worker.wait_log(r"short.*stopped", seconds=3 * LEASE_SECONDS)
        status, told = self.infer(worker, "short", check=False)
        self.assertNotEqual(status, 0, told)
        self.assertRegex(told, "lease|revoked")


if __name__ == "__main__":
    main()
