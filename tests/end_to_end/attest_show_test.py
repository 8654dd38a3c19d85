#!/usr/bin/env python3
"""`torchkeep attest show`: who is at the other end, and how it fares under a policy."""
import json
import socket

from case import PROGRAMS, Case, main

class Show(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.init_owner()
        cls.policy = cls.write_policy("shown")

    def show(self, *arguments, owner="owner", server=None):
        return self.cli("attest", "show", (server or self.keyserver).address, *arguments, owner=owner, check=False)

    def test_a_key_server_and_a_cache_are_what_the_policy_names(self):
        for role, server in (("keyserver", self.keyserver), ("keycache", self.keycache)):
            status, out = self.show("--role", role, "--policy", self.policy, "--json", server=server)
            self.assertEqual(status, 0, out)
            told = json.loads(out)
            self.assertTrue(told["policy"]["holds"])
            self.assertEqual(told["policy"]["role"], role)
            self.assertEqual(told["claims"]["mr_enclave"], self.site.measure(PROGRAMS / f"torchkeep-{role}"))
            self.assertIn("every clause holds", self.show("--role", role, "--policy", self.policy, server=server)[1])

    def test_a_policy_that_names_another_program_fails_by_one_clause(self):
        document = json.loads(self.policy.read_text())
        document["keyservers"] = document["workers"]
        path = self.folder / "other.json"
        path.write_text(json.dumps(document))
        status, out = self.show("--role", "keyserver", "--policy", path, "--json")
        self.assertEqual(status, 1, out)
        failed = [one for one in json.loads(out)["policy"]["clauses"] if not one["holds"]]
        self.assertEqual([one["clause"] for one in failed], ["keyservers[0].mr_enclave"])
        self.assertIn("FAILS", self.show("--role", "keyserver", "--policy", path)[1])

    def test_another_role_is_refused(self):
        self.assertEqual(self.show("--role", "worker")[0], 1)

    def test_without_an_owner_the_way_out_is_told(self):
        self.assert_refused(self.show("--role", "keyserver", owner="nobody"), 3, "owner init", "--root")
        status, _ = self.show("--role", "keyserver", "--root", self.site.root, "--pccs", self.site.pccs, owner="nobody")
        self.assertEqual(status, 0)
        self.assert_refused(self.show("--role", "keyserver", "--root", self.site.root, owner="nobody"), 2, "--pccs")

    def test_evidence_in_a_certificate(self):
        status, out = self.show("--certificate", "--json")
        self.assertEqual(status, 0)
        told = json.loads(out)
        self.assertNotIn("role", told)
        self.assertEqual(told["claims"]["mr_enclave"], self.site.measure(PROGRAMS / "torchkeep-keyserver"))
        self.assertEqual(self.show("--certificate", "--legacy-ra-tls")[0], 0)

    def test_wrong_calls(self):
        status, told = self.show("--legacy-ra-tls")
        self.assertEqual(status, 2, told)
        self.assertIn("--certificate", told)
        self.assert_refused(self.show("--role", "butler"), 2, '--role: role: found "butler", wanted one of owner, keyserver, keycache, worker, client')
        self.assert_refused(self.show("--policy", self.folder / "none.json"), 2, "none.json", "torchkeep policy new")
        self.assert_refused(self.cli("attest", "show", "nonsense", check=False), 2, "nonsense")

    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.assert_refused(self.cli("attest", "show", address, check=False), 4, address)

if __name__ == "__main__":
    main()
