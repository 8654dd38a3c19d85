#!/usr/bin/env python3
"""Right and wrong calls of `attest verify`, `attest explain` and `policy check`: exit codes, shapes, and what to type next."""
import base64
import json
import os
import pathlib
import shutil
import tempfile
import time
import unittest

from verdicts_test import VECTORS, torchkeep, verify

SGX, TDX, SNP = VECTORS / "sgx3-cfgswhardening", VECTORS / "tdx4-uptodate", VECTORS / "snp-milan-vcek"
AT = "2025-07-04T10:00:00Z"


class Call(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="torchkeep-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_usage(self, told, *words):
        """Status 2, one line on standard error, and each of the words in it."""
        status, out, error = told
        self.assertEqual((status, out), (2, ""), error)
        self.assertEqual(len(error.strip().splitlines()), 1, error)
        for word in words:
            self.assertRegex(error, word)

    def verify(self, quote=SGX / "quote.bin", folder=SGX, *more, at=AT, stdin=None):
        return torchkeep("attest", "verify", quote, "--collateral", folder, "--at", at, *more, stdin=stdin)

    def copy(self, vector=SGX, *without):
        target = self.folder / "collateral"
        shutil.copytree(vector, target)
        for name in without:
            (target / name).unlink()
        return target

    def write_policy(self, **changes):
        _, told = verify(SGX, AT)
        enclave = {"mr_enclaves": [told["measurement"]["mr_enclave"]]}
        platform = {"simulated": False, "roots": [told["root_key_hash"]], "tcb_statuses": ["UpToDate", told["tcb_status"]],
                    "accepted_advisories": told["advisories"], "min_tcb_evaluation_data_number": 0,
                    "max_collateral_age_seconds": 0, "any_platform": True, "platforms": []}
        policy = {"format": 1, "rollback": "accepted", "platform": platform, "keyservers": [enclave],
                  "caches": [enclave], "workers": [enclave], "lease_seconds": 60, "lease_requests": 0}
        for name, value in changes.items():
            (platform if name in platform else policy)[name] = value
        path = self.folder / "policy.json"
        path.write_text(json.dumps(policy))
        return path


class Quotes(Call):
    def test_from_standard_input_and_as_text(self):
        quote = (SGX / "quote.bin").read_bytes()
        for given in (quote, quote.hex().encode(), base64.b64encode(quote), base64.encodebytes(quote)):
            self.assertEqual(self.verify("-", stdin=given)[0], 0)
        path = self.folder / "quote.hex"
        path.write_text(quote.hex() + "\n")
        self.assertEqual(self.verify(path)[0], 0)

    def test_that_are_none_are_rejected_as_malformed(self):
        for name, content in {"empty": b"", "text": b"this is no quote, it only looks so\n", "zeros": bytes(5000),
                              "short": (SGX / "quote.bin").read_bytes()[:100]}.items():
            with self.subTest(name):
                path = self.folder / name
                path.write_bytes(content)
                status, told = verify(SGX, AT, quote=path)
                self.assertEqual((status, told["result"], told["reason"]), (1, "rejected", "malformed"))

    def test_of_a_gigabyte_are_refused_at_once_with_their_size(self):
        path = self.folder / "huge.bin"
        with open(path, "wb") as file:
            file.truncate(1 << 30)
        began = time.monotonic()
        status, told = verify(SGX, AT, quote=path)
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual((status, told["reason"]), (1, "malformed"))
        self.assertIn(str(1 << 30), told["message"])
        self.assertEqual(self.verify("-", stdin=bytes(1 << 20))[0], 1)

    def test_that_are_not_there_or_no_file(self):
        self.assert_usage(self.verify(self.folder / "none.bin"), "none.bin", "standard input")
        self.assert_usage(self.verify(self.folder), "regular file", "write -")
        self.assert_usage(self.verify("/dev/zero"), "regular file")

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_that_cannot_be_read(self):
        path = self.folder / "secret.bin"
        path.write_bytes(b"x")
        path.chmod(0)
        self.assert_usage(self.verify(path), "secret.bin", "[Pp]ermission")


class Collateral(Call):
    def test_that_is_not_there(self):
        self.assert_usage(self.verify(SGX / "quote.bin", self.folder / "none"), "none", "torchkeep collateral fetch")
        self.assert_usage(self.verify(SGX / "quote.bin", SGX / "quote.bin"), "no folder", "tcb_info.json")
        self.assert_usage(self.verify(SGX / "quote.bin", self.folder), "tcb_info.json", "pck_crl.der",
                          "torchkeep collateral fetch")
        self.assert_usage(self.verify(SNP / "quote.bin", SGX), "leaf.der", "ask.pem")
        self.assert_usage(self.verify(SGX / "quote.bin", SNP), "tcb_info.json")

    def test_without_one_of_its_files(self):
        for name in ("tcb_info.json", "qe_identity.json", "pck_crl.der", "tcb_info_issuer_chain.pem"):
            with self.subTest(name):
                shutil.rmtree(self.folder / "collateral", ignore_errors=True)
                self.assert_usage(self.verify(SGX / "quote.bin", self.copy(SGX, name)), name)

    def test_without_its_root_certificate_is_judged_by_the_vendors_own(self):
        status, told = verify(self.copy(SGX, "root_ca.pem"), AT)
        self.assertEqual((status, told["root"], told["root_origin"]), (0, "intel", "built into this program"))

    def test_with_garbage_in_a_file_is_rejected_and_names_it(self):
        folder = self.copy()
        (folder / "tcb_info.json").write_text("<html>404</html>")
        status, told = verify(folder, AT)
        self.assertEqual((status, told["reason"]), (1, "malformed"))
        self.assertIn("TCB info", told["message"])

    def test_with_a_file_that_is_far_too_large(self):
        folder = self.copy()
        with open(folder / "pck_crl.der", "ab") as file:
            file.truncate(1 << 30)
        self.assert_usage(self.verify(SGX / "quote.bin", folder), "pck_crl.der", str(1 << 30))


class Options(Call):
    def test_that_are_wrong(self):
        for arguments, words in ((("--at", "yesterday"), ("yesterday", "RFC 3339")),
                                 (("--at", "2025-07-04"), ("2025-07-04", "RFC 3339")),
                                 (("--at", ""), ("RFC 3339",)),
                                 (("--root", "/nowhere/root.pem"), ("/nowhere/root.pem", "intel")),
                                 (("--role", "butler", "--policy", self.write_policy()), ("butler", "keycache"))):
            with self.subTest(arguments):
                told = torchkeep("attest", "verify", SGX / "quote.bin", "--collateral", SGX, *arguments)
                self.assert_usage(told, *words)

    def test_that_do_not_exist_or_are_missing(self):
        for arguments in (["--nonsense"], [], ["one.bin", "two.bin", "--collateral", SGX], [SGX / "quote.bin"]):
            with self.subTest(arguments):
                self.assertEqual(torchkeep("attest", "verify", *arguments)[0], 2)

    def test_times_with_an_offset(self):
        for at in ("2025-07-04T12:00:00+02:00", "2025-07-04T10:00:00.250Z", "2025-07-04T04:30:00-05:30"):
            self.assertEqual(verify(SGX, at)[1]["at"], AT)

    def test_help_has_an_example_of_each_command(self):
        for words in (["attest", "verify"], ["attest", "explain"], ["attest", "show"], ["policy", "check"]):
            status, out, _ = torchkeep(*words, "--help")
            self.assertEqual(status, 0)
            self.assertIn(f"Example: torchkeep {' '.join(words)}", out)

    def test_errors_are_json_where_json_is_asked_for(self):
        status, out, error = self.verify(self.folder / "none.bin", SGX, "--json")
        self.assertEqual((status, error), (2, ""))
        self.assertEqual(json.loads(out)["error"], "InvalidArgument")


class Policies(Call):
    def check(self, policy, *more, folder=SGX, at=AT):
        return torchkeep("policy", "check", policy, folder / "quote.bin", "--collateral", folder, "--at", at, *more)

    def test_that_hold_tell_every_clause(self):
        status, out, error = self.check(self.write_policy(), "--json")
        self.assertEqual((status, error), (0, ""), out)
        policy = json.loads(out)["policy"]
        self.assertTrue(policy["holds"])
        self.assertEqual(policy["role"], "worker")
        self.assertGreater(len(policy["clauses"]), 4)
        self.assertTrue(all(clause["holds"] for clause in policy["clauses"]))
        self.assertEqual(self.verify(SGX / "quote.bin", SGX, "--policy", self.write_policy())[0], 0)
        self.assertIn("every clause holds", self.check(self.write_policy())[1])

    def test_that_do_not_hold_say_what_was_found_and_wanted_and_what_to_do(self):
        for change, clause in (({"tcb_statuses": ["UpToDate"]}, "tcb_statuses"),
                               ({"accepted_advisories": []}, "accepted_advisories"),
                               ({"min_tcb_evaluation_data_number": 1000}, "min_tcb_evaluation_data_number"),
                               ({"max_collateral_age_seconds": 60}, "max_collateral_age_seconds"),
                               ({"roots": ["ab" * 32]}, "roots"),
                               ({"any_platform": False, "platforms": ["cd" * 16]}, "platforms"),
                               ({"workers": [{"mr_enclaves": ["ef" * 32]}]}, "mr_enclave"),
                               ({"not_after": "2025-01-01T00:00:00Z"}, "not_after")):
            with self.subTest(clause):
                policy = self.write_policy(**change)
                status, out, _ = self.check(policy, "--json")
                told = json.loads(out)
                self.assertEqual((status, told["result"], told["reason"]), (1, "rejected", "policy_refused"))
                failed = [one for one in told["policy"]["clauses"] if not one["holds"]]
                self.assertEqual(len(failed), 1, failed)
                self.assertIn(clause, failed[0]["clause"])
                self.assertIn(failed[0]["clause"], told["message"])
                self.assertTrue(failed[0]["found"] and failed[0]["wanted"] and failed[0]["way_out"], failed)
                self.assertEqual(self.verify(SGX / "quote.bin", SGX, "--policy", policy)[0], 1)
                self.assertIn("FAILS", self.check(policy)[1])

    def test_of_a_trust_domain_hold_by_the_entry_that_explain_prints(self):
        _, told = verify(TDX, AT)
        entry = told["policy_entry"]
        self.assertEqual(self.check(self.write_policy(workers=[entry]), folder=TDX)[0], 0)
        out = torchkeep("attest", "explain", TDX / "quote.bin", "--collateral", TDX, "--at", AT)[1]
        self.assertIn(json.dumps(entry, sort_keys=True, separators=(",", ":")), out)
        entry["rtmrs"][2] = "00" * 48
        status, out, _ = self.check(self.write_policy(workers=[entry]), "--json", folder=TDX)
        failed = [one["clause"] for one in json.loads(out)["policy"]["clauses"] if not one["holds"]]
        self.assertEqual((status, len(failed)), (1, 1), failed)
        self.assertIn("rtmr", failed[0])

    def test_never_hold_for_another_kind_of_evidence(self):
        for folder, at in ((TDX, AT), (SNP, "2026-03-25T12:00:00Z")):
            status, out, _ = self.check(self.write_policy(), "--json", folder=folder, at=at)
            self.assertEqual((status, json.loads(out)["reason"]), (1, "policy_refused"))
        self.assertIsNone(verify(SNP, "2026-03-25T12:00:00Z")[1]["policy_entry"])

    def test_are_for_one_role(self):
        policy = self.write_policy(caches=[{"mr_enclaves": ["ef" * 32]}])
        self.assertEqual(self.check(policy)[0], 0)
        self.assertEqual(self.check(policy, "--role", "keycache")[0], 1)
        self.assertEqual(self.check(policy, "--role", "keyserver")[0], 0)

    def test_want_a_root_crl_as_all_that_release_keys_do(self):
        status, out, _ = self.check(self.write_policy(), "--json", folder=self.copy(SGX, "root_ca_crl.der"))
        failed = [one["clause"] for one in json.loads(out)["policy"]["clauses"] if not one["holds"]]
        self.assertEqual((status, failed), (1, ["collateral.root_ca_crl"]))

    def test_are_not_looked_at_where_the_quote_is_rejected(self):
        folder = VECTORS / "neg-drv-mrenclave-bit"
        status, out, _ = self.check(self.write_policy(), "--json", folder=folder)
        told = json.loads(out)
        self.assertEqual((status, told["reason"]), (1, "bad_quote_signature"))
        self.assertNotIn("policy", told)

    def test_that_are_none(self):
        garbage = self.folder / "garbage.json"
        garbage.write_text("{")
        self.assert_usage(self.check(garbage), "garbage.json")
        self.assert_usage(self.check(self.folder / "none.json"), "none.json", "torchkeep policy new")
        self.assert_usage(self.check(self.write_policy(retries=3)), "retries")
        self.assert_usage(self.check(self.folder), "regular file")


class Explanations(Call):
    def test_of_a_quote_alone_say_what_it_takes_to_believe_it(self):
        for folder, words in ((SGX, ("SGX quote, version 3", "MRENCLAVE", "fmspc=00a067110000", "ca=processor")),
                              (TDX, ("TDX quote, version 4", "MRTD", "RTMR3", "/tdx/certification/v4/tcb?fmspc=b0c06f000000")),
                              (SNP, ("SEV-SNP report, version 2", "measurement", "kdsintf.amd.com", "leaf.der"))):
            with self.subTest(folder.name):
                status, out, error = torchkeep("attest", "explain", folder / "quote.bin")
                self.assertEqual((status, error), (0, ""))
                for word in (*words, "Nothing of this is proven yet", "--collateral"):
                    self.assertIn(word, out)
                told = json.loads(torchkeep("attest", "explain", folder / "quote.bin", "--json")[1])
                self.assertFalse(told["proven"])

    def test_of_what_is_no_quote(self):
        path = self.folder / "text"
        path.write_text("no quote")
        self.assertEqual(torchkeep("attest", "explain", path)[0], 1)
        status, out, _ = torchkeep("attest", "explain", VECTORS / "neg-drv-truncated" / "quote.bin")
        self.assertEqual(status, 1)
        self.assertIn("MALFORMED", out)
        self.assertIn("MRENCLAVE", out)
        self.assert_usage(torchkeep("attest", "explain", self.folder / "none"), "none")
        self.assert_usage(torchkeep("attest", "explain", SGX / "quote.bin", "--policy", self.write_policy()), "--collateral")

    def test_with_collateral_say_which_part_is_short(self):
        folder = VECTORS / "sgx3-outofdate-2025"
        status, out, _ = torchkeep("attest", "explain", folder / "quote.bin", "--collateral", folder, "--at",
                                   "2025-06-11T19:00:00Z")
        self.assertEqual(status, 0)
        for word in ("OutOfDate", "newest level needs", "what to do", "https://www.intel.com", "quoting enclave",
                     "tcb_info"):
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
