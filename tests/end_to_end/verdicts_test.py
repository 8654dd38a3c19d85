#!/usr/bin/env python3
"""Evidence of real machines through the real program: each gets the verdict of its manifest, offline."""
import json
import os
import pathlib
import subprocess
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(os.environ.get("TORCHKEEP_PROGRAMS", HERE.parent.parent / "build/dev/bin")).resolve()
VECTORS = HERE.parent / "attest" / "vectors" / "dcap"

# What a manifest says of the report stands in the answer's measurement; the rest in the answer itself.
MEASUREMENT = {"mrenclave", "mrsigner", "isv_prod_id", "isv_svn", "attributes", "miscselect", "debug", "cpu_svn",
               "tee_tcb_svn", "tee_tcb_svn2", "mr_seam", "mrsigner_seam", "seam_attributes", "td_attributes", "xfam",
               "mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "mr_servicetd", "rtmr0", "rtmr1", "rtmr2", "rtmr3",
               "measurement", "host_data", "id_key_digest", "guest_svn", "policy", "vmpl", "platform_info",
               "signing_key", "signature_algo", "current_tcb", "reported_tcb", "committed_tcb", "chip_id",
               "debug_allowed"}
ANSWER = {"result", "reason", "tcb_status", "advisories", "platform_advisories", "report_data", "window_start",
          "window_end", "fmspc", "pce_id", "pck_ca", "qe_tcb_status", "qe_isvsvn", "tcb_evaluation_data_number",
          "platform_tcb_status", "platform_tcb_date", "matched_level_index", "tdx_module_id", "tdx_module_tcb_status",
          "tdx_module_advisories"}
# How a manifest's other words are told: under another name, or by the reason alone.
ELSEWHERE = {"expired_items", "version", "checks", "which", "cert_data_type"}


def vectors():
    for path in sorted(VECTORS.glob("*/manifest.json")):
        manifest = json.loads(path.read_text())
        if manifest["kind"] != "parser-set":
            yield path.parent, manifest


def torchkeep(*arguments, stdin=None):
    """(status, standard output, standard error)"""
    done = subprocess.run([PROGRAMS / "torchkeep", *map(str, arguments)], capture_output=True, input=stdin, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def verify(folder, at, *more, quote=None):
    """(status, answer)"""
    status, out, error = torchkeep("attest", "verify", quote or folder / "quote.bin", "--collateral", folder, "--at", at,
                                   "--json", *more)
    assert error == "", error
    return status, json.loads(out)


def plain(value):
    return sorted(value) if isinstance(value, list) else value


class Verdicts(unittest.TestCase):
    def test_every_vector_has_the_verdict_of_its_manifest(self):
        seen = 0
        for folder, manifest in vectors():
            with self.subTest(folder.name):
                expected = manifest["expected"]
                status, told = verify(folder, manifest["verify_at"])
                self.assertEqual(status, 0 if expected["result"] == "verified" else 1)
                self.assertEqual(told["tee"], manifest["tee"])
                self.assertEqual(told["quote_version"], manifest["quote_version"])
                for field, value in expected.items():
                    if field in MEASUREMENT:
                        self.assertEqual(told["measurement"].get(field), value, field)
                    elif field in ANSWER:
                        self.assertEqual(plain(told.get(field)), plain(value), field)
                    else:
                        self.assertIn(field, ELSEWHERE)
                if "expired_items" in expected:
                    self.assertEqual(told["expired_items"], sorted(expected["expired_items"]))
                if expected["result"] == "rejected":
                    self.assertTrue(told["reason"] and told["message"] and told["meaning"] and told["way_out"], told)
                else:
                    self.assertIsNone(told["reason"])
                seen += 1
        self.assertGreaterEqual(seen, 40)

    def test_every_vector_just_outside_its_window(self):
        for folder, manifest in vectors():
            for case in manifest.get("time_cases", []):
                with self.subTest(folder.name, at=case["at"]):
                    status, told = verify(folder, case["at"])
                    self.assertEqual((status, told["result"], told["reason"]), (1, case["result"], case["reason"]))
                    items = told["expired_items" if case["reason"] == "expired" else "not_yet_valid_items"]
                    self.assertEqual(items, case["items"])
                    # Only the time is wrong: the rest is told as if it were right.
                    for field in ("tcb_status", "advisories", "platform_advisories", "qe_tcb_status",
                                  "platform_tcb_status", "tcb_evaluation_data_number"):
                        self.assertEqual(plain(told[field]), plain(manifest["expected"][field]), field)

    def test_the_first_and_the_last_second_still_count(self):
        for folder, manifest in vectors():
            if manifest["expected"]["result"] == "verified":
                for end in ("window_start", "window_end"):
                    with self.subTest(folder.name, end=end):
                        self.assertEqual(verify(folder, manifest["expected"][end])[0], 0)

    def test_whose_root_it_is_stands_in_every_answer(self):
        for folder, manifest in vectors():
            with self.subTest(folder.name):
                _, told = verify(folder, manifest["verify_at"])
                wanted = {"own-root": "other"}.get(manifest["kind"], "amd" if manifest["tee"] == "snp" else "intel")
                self.assertEqual(told["root"], wanted)
                self.assertRegex(told["root_key_hash"], "^[0-9a-f]{64}$")
                self.assertEqual(any("root of trust" in warning for warning in told["warnings"]), wanted == "other")

    def test_a_sample_under_its_own_root_is_refused_under_intels(self):
        folder = VECTORS / "sgx3-own-root"
        manifest = json.loads((folder / "manifest.json").read_text())
        status, told = verify(folder, manifest["verify_at"], "--root", "intel")
        self.assertEqual((status, told["reason"]), (1, manifest["expected_with_intel_root"]["reason"]))
        _, for_people, _ = torchkeep("attest", "verify", folder / "quote.bin", "--collateral", folder, "--at",
                                     manifest["verify_at"])
        self.assertIn("WARNING", for_people)
        self.assertIn("root_ca.pem", for_people)

    def test_another_vendors_root_is_no_root(self):
        intel, amd = VECTORS / "tdx4-uptodate", VECTORS / "snp-milan-vcek"
        self.assertEqual(verify(intel, "2025-07-04T10:00:00Z", "--root",
                                VECTORS / "sgx3-own-root" / "root_ca.pem")[1]["reason"], "untrusted_chain")
        self.assertEqual(verify(amd, "2026-03-25T12:00:00Z", "--root", intel / "root_ca.pem")[1]["reason"],
                         "untrusted_chain")

    def test_a_missing_root_crl_is_told_and_can_be_refused(self):
        for folder, manifest in vectors():
            if manifest["tee"] == "snp" or (folder / "root_ca_crl.der").exists():
                continue
            with self.subTest(folder.name):
                _, told = verify(folder, manifest["verify_at"])
                self.assertEqual(told["missing"], ["root_ca_crl"])
                status, told = verify(folder, manifest["verify_at"], "--require-root-crl")
                self.assertEqual((status, told["result"]), (1, "rejected"))
        status, told = verify(VECTORS / "snp-milan-vcek", "2026-03-25T12:00:00Z", "--require-root-crl")
        self.assertEqual((status, told["reason"], told["missing"]), (1, "malformed", ["crl"]))

    def test_people_read_the_same_verdict(self):
        for folder, manifest in vectors():
            with self.subTest(folder.name):
                status, out, error = torchkeep("attest", "explain", folder / "quote.bin", "--collateral", folder, "--at",
                                               manifest["verify_at"])
                expected = manifest["expected"]
                self.assertEqual((status, error), (0 if expected["result"] == "verified" else 1, ""))
                self.assertTrue(out.startswith(expected["result"].upper()), out)
                self.assertIn(expected.get("reason", ""), out)
                for advisory in expected.get("advisories", []):
                    self.assertIn(f"{advisory}", out)
                self.assertNotIn("\033", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
