#!/usr/bin/env python3
"""The whole path on one machine: two real models, real programs, a simulated SGX platform.

    demo/run.py --programs build/release/bin

Ends with 0 only if every step held.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from programs import Failure, Site  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LEASE_SECONDS = 8
COLOURS = sys.stdout.isatty()


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n\033[1m{text}\033[0m" if COLOURS else f"\n{text}")


def indented(text, lines=40):
    for line in text.strip().splitlines()[:lines]:
        say(f"    | {line}")


def hold(condition, claim):
    """A claim of the story: told if it holds, the end of the story if not."""
    if not condition:
        raise Failure(f"does not hold: {claim}")
    say(f"  ok  {claim}")


def entropy(data):
    counts = numpy.bincount(numpy.frombuffer(data, numpy.uint8), minlength=256)
    shares = counts[counts > 0] / len(data)
    return float(-(shares * numpy.log2(shares)).sum())


class Demo:
    def __init__(self, programs, folder):
        self.site, self.folder = Site(programs, folder), folder
        self.repository, self.models = folder / "repository", folder / "models"

    # 1 ------------------------------------------------------------------
    def start_services(self):
        title("1. The programs")
        say("  The platform is SIMULATED: quotes, collateral and sealing are real code over simulated hardware.")
        self.export = subprocess.Popen(
            ["/usr/bin/python3", HERE / "export.py", self.models, "--models", "fashion,resnet50"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        site = self.site
        site.start_simtee()
        say(f"  torchkeep-simtee     socket in {self.folder}, collateral at {site.pccs}")
        self.keyserver = site.start_keyserver()
        say(f"  torchkeep-keyserver  {self.keyserver.address}, genesis {self.keyserver.info['genesis'][:16]}...")
        self.keycache = site.start_keycache(self.keyserver.address)
        say(f"  torchkeep-keycache   {self.keycache.address}")

    # 2 ------------------------------------------------------------------
    def protect_models(self):
        title("2. The owner: keys, two PyTorch models, encrypted")
        site = self.site
        told = json.loads(site.cli("--json", "--pccs", site.pccs, "owner", "init", "--keyserver",
                                   self.keyserver.address, "--root", site.root, "--genesis",
                                   self.keyserver.info["genesis"]))
        self.owner = told["owner"]
        hold(told["claims"]["mr_enclave"] == site.measure(site.bin / "torchkeep-keyserver"),
             "owner init: the key server attested itself, its measurement is the one we built")
        say("  exporting a Fashion-MNIST CNN and ResNet-50 to ONNX with PyTorch ...")
        output, errors = self.export.communicate(timeout=300)
        if self.export.returncode != 0:
            raise Failure(f"export.py ended with {self.export.returncode}:\n{errors}")
        self.pytorch = json.loads(output.strip().splitlines()[-1])
        for name in ("fashion", "resnet50"):
            self.protect(name, 1)

    def protect(self, name, version):
        target = self.folder / "protected" / f"{name}-{version}.tkm"
        target.parent.mkdir(exist_ok=True)
        source = self.models / f"{name}.onnx"
        start = time.monotonic()
        self.site.cli("protect", source, "--name", name, "--model-version", version, "-o", target, show_progress=True)
        say(f"  protect {source.name} -> {target.name}: {target.stat().st_size / 1e6:.1f} MB "
            f"in {time.monotonic() - start:.1f} s")
        place = self.repository / name / str(version)
        place.mkdir(parents=True)
        shutil.copy(target, place / "model.tkm")
        return target

    def show_host_view(self):
        target = self.folder / "protected" / "resnet50-1.tkm"
        indented(self.site.cli("inspect", target))
        protected, clear = target.read_bytes(), (self.models / "resnet50.onnx").read_bytes()
        hold(entropy(protected) > 7.99,
             f"its entropy is {entropy(protected):.4f} bits a byte (the clear file: {entropy(clear):.4f})")
        names = [b"/layer1/layer1.0/conv1/Conv", b"fc.weight", b"GlobalAveragePool"]
        hold(all(name in clear for name in names) and not any(name in protected for name in names),
             "no tensor or operator name of the model is in it")

    # 3 ------------------------------------------------------------------
    def register(self):
        title("3. Key and policy go to the key server; the worker fetches its keys by itself")
        site = self.site
        for name, lease in (("fashion", LEASE_SECONDS), ("resnet50", 3600)):
            policy = self.folder / f"{name}-policy.json"
            site.cli("policy", "new", "--keyserver", site.measure(site.bin / "torchkeep-keyserver"),
                     "--cache", site.measure(site.bin / "torchkeep-keycache"),
                     "--worker", site.measure(site.bin / "torchkeep-worker"),
                     "--any-platform", "--any-client", "--lease", lease, "-o", policy)
            told = site.cli("keys", "register", name, "--policy", policy,
                            "--container", self.folder / "protected" / f"{name}-1.tkm")
            indented(told)
        start = time.monotonic()
        self.worker = site.start_worker("worker", self.repository, self.owner, self.keycache.address)
        for name in ("fashion", "resnet50"):
            self.wait_serving(self.worker, name, 1)
        say(f"  torchkeep-worker     {self.worker.address}, both models served {time.monotonic() - start:.1f} s after its start")

    def ready(self, worker, name, version):
        """The worker's own answer over plain HTTPS; who it is was settled by attestation elsewhere."""
        import ssl
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = f"https://{worker.address}/v2/models/{name}/versions/{version}/ready"
        try:
            with urllib.request.urlopen(url, context=context, timeout=10) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    def wait_serving(self, worker, name, version, seconds=60):
        deadline = time.monotonic() + seconds
        while not self.ready(worker, name, version):
            if time.monotonic() > deadline or worker.process.poll() is not None:
                raise Failure(f"{name} is not served:\n{worker.log()}")
            time.sleep(0.1)

    # 4 ------------------------------------------------------------------
    def infer(self, name, source, batch=0, repeat=1, check=True, worker=None, version=1):
        arguments = ["--json", "infer", "--worker", (worker or self.worker).address, "--model", name,
                     "--version", version, "--input", f"input={source}", "-o", self.folder / "answer" / name,
                     "--batch", batch, "--repeat", repeat]
        return self.site.cli(*arguments, check=check, show_progress=True)

    def classify(self):
        title("4. Inference over an attested session, beside PyTorch")
        labels = numpy.load(self.models / "fashion_labels.npy")
        wanted = numpy.load(self.models / "fashion_logits.npy")
        start = time.monotonic()
        self.infer("fashion", self.models / "fashion_images.npy", batch=100)
        elapsed = time.monotonic() - start
        found = numpy.load(self.folder / "answer" / "fashion" / "output.npy")
        difference = float(numpy.abs(found - wanted).max())
        accuracy = float((found.argmax(1) == labels).mean())
        hold(len(found) == 10000 and accuracy > 0.88,
             f"fashion: {len(found)} real test images, accuracy {100 * accuracy:.2f} %")
        hold((found.argmax(1) == wanted.argmax(1)).all(), "fashion: the same class as PyTorch for every image")
        hold(difference < 1e-4, f"fashion: largest difference of an output {difference:.1e}")
        say(f"      all images in {elapsed:.2f} s with transport; PyTorch alone {self.pytorch['fashion_seconds']:.2f} s")

        self.infer("resnet50", self.models / "resnet_input.npy")
        found = numpy.load(self.folder / "answer" / "resnet50" / "output.npy")
        wanted = numpy.load(self.models / "resnet_logits.npy")
        hold((numpy.argsort(-found, 1)[:, :5] == numpy.argsort(-wanted, 1)[:, :5]).all(),
             "resnet50: the same top-5 as PyTorch")
        hold(numpy.abs(found - wanted).max() < 1e-4,
             f"resnet50: largest difference of an output {numpy.abs(found - wanted).max():.1e}")
        one = self.folder / "one.npy"
        numpy.save(one, numpy.load(self.models / "resnet_input.npy")[:1])
        told = json.loads(self.infer("resnet50", one, repeat=20))
        say(f"      one image: {told['median_ms']:.1f} ms protected, over the attested session; "
            f"PyTorch {self.pytorch['resnet50_ms']:.1f} ms in its own process")

    # 5 ------------------------------------------------------------------
    def intruder(self, name, repository=None, program=None):
        return self.site.start_worker(name, repository or self.repository, self.owner, self.keycache.address,
                                      program=program, wait=False)

    def copy_worker(self, name):
        target = self.folder / name / "torchkeep-worker"
        target.parent.mkdir()
        for suffix in ("", ".sigstruct"):
            shutil.copy(f"{self.site.bin / 'torchkeep-worker'}{suffix}", f"{target}{suffix}")
        return target

    def refuse_changed_worker(self):
        say("\n  A worker whose binary was changed by one byte:")
        changed = self.copy_worker("changed")
        data = bytearray(changed.read_bytes())
        place = data.rindex(b"GCC: (Debian")  # a comment of the compiler: the program still runs
        data[place] ^= 1
        changed.write_bytes(data)
        line = self.intruder("changed-worker", program=changed).wait_log(r"error|Untrusted|Denied|refus")
        indented(line)
        hold(True, "the platform runs nothing under a signed description that is not its own")
        say("  The same, signed anew with a key of the attacker's:")
        self.site.run(self.site.bin / "torchkeep-simtee", "sign", changed, "--key", self.folder / "attacker.pem",
                      "--isv-prod-id", "0x5403", "--isv-svn", "1")
        worker = self.intruder("resigned-worker", program=changed)
        self.expect_refusal(worker, r"mr_enclave", "the policy's measurement clause refuses it its key")

    def expect_refusal(self, worker, clause, claim):
        """The cache's operator reads the clause; the worker only learns that it was refused."""
        line = self.keycache.wait_log(clause)
        indented(line)
        worker.wait_log(r"Denied|Untrusted")
        hold(not self.serves(worker), claim)

    def serves(self, worker):
        worker.address = f"127.0.0.1:{worker.wait_ready()['port']}"
        return self.ready(worker, "fashion", 1)

    def refuse_flipped_bit(self):
        say("\n  A container with one flipped bit:")
        repository = self.folder / "flipped"
        shutil.copytree(self.repository / "fashion", repository / "fashion")
        target = repository / "fashion" / "1" / "model.tkm"
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
        worker = self.intruder("flipped-worker", repository=repository)
        indented(worker.wait_log(r"fashion.*(segment|tag|digest)"))
        hold(not self.serves(worker), "nothing of it is served")

    def refuse_old_version(self):
        say("\n  A container of an older version, after the owner raised the minimum:")
        self.protect("fashion", 2)
        self.site.cli("keys", "register", "fashion", "--container", self.folder / "protected" / "fashion-2.tkm")
        indented(self.site.cli("keys", "minimum", "fashion", 2))
        repository = self.folder / "old"
        shutil.copytree(self.repository / "fashion" / "1", repository / "fashion" / "1")
        worker = self.intruder("old-worker", repository=repository)
        indented(self.keyserver.wait_log(r"minimum"))
        worker.wait_log(r"Denied")
        hold(not self.serves(worker), "version 1 is not released any more")
        say("  The same old container in the folder of version 2:")
        repository = self.folder / "disguised"
        shutil.copytree(self.repository / "fashion" / "1", repository / "fashion" / "2")
        worker = self.intruder("disguised-worker", repository=repository)
        indented(worker.wait_log(r"fashion.*version"))
        worker.address = f"127.0.0.1:{worker.wait_ready()['port']}"
        hold(not self.ready(worker, "fashion", 2), "the authenticated version counts, not the folder's name")

    def refuse_debug_worker(self):
        say("\n  The genuine worker, run as a debug enclave:")
        debug = self.copy_worker("debug")
        self.site.run(self.site.bin / "torchkeep-simtee", "sign", debug, "--key",
                      self.site.bin.parent / "enclave-signing-key.pem", "--isv-prod-id", "0x5403", "--isv-svn", "1",
                      "--debug")
        worker = self.intruder("debug-worker", program=debug)
        self.expect_refusal(worker, r"debug", "a debug enclave gets no key, whatever the policy lists")

    def revoke(self):
        say("\n  The owner revokes a model that is being served:")
        worker = self.site.start_worker("second-worker", self.only("fashion", 2), self.owner, self.keycache.address)
        self.wait_serving(worker, "fashion", 2)
        one = self.folder / "image.npy"
        numpy.save(one, numpy.load(self.models / "fashion_images.npy")[:1])
        self.infer("fashion", one, worker=worker, version=2)
        hold(True, "fashion version 2 is served")
        indented(self.site.cli("keys", "revoke", "fashion"))
        start = time.monotonic()
        while self.ready(worker, "fashion", 2):
            if time.monotonic() - start > 3 * LEASE_SECONDS:
                raise Failure(f"still served {3 * LEASE_SECONDS} s after revocation:\n{worker.log()}")
            time.sleep(0.2)
        indented(worker.wait_log(r"fashion.*stopped"))
        hold(True, f"it stopped {time.monotonic() - start:.1f} s later, when its lease of {LEASE_SECONDS} s ended")
        status, told = self.infer("fashion", one, worker=worker, version=2, check=False)
        indented(json.loads(told)["message"])
        hold(status != 0, "and a client is told so")

    def only(self, name, version):
        repository = self.folder / f"only-{name}-{version}"
        shutil.copytree(self.repository / name / str(version), repository / name / str(version))
        return repository

    def refusals(self):
        title("5. Refusals, as an operator reads them")
        self.refuse_changed_worker()
        self.refuse_flipped_bit()
        self.refuse_debug_worker()
        self.refuse_old_version()
        self.revoke()

    def tell(self):
        self.start_services()
        self.protect_models()
        self.show_host_view()
        self.register()
        self.classify()
        self.refusals()
        title("6. The end")
        self.site.stop_all()
        hold(True, "every program ended when asked to")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parent / "build/release/bin",
                        help="folder of the built programs")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder, with all logs")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="torchkeep-demo-"))
    demo, start = Demo(options.programs.resolve(), folder), time.monotonic()
    try:
        demo.tell()
        say(f"\nEvery step held, in {time.monotonic() - start:.0f} s.")
        return 0
    except (Failure, OSError, subprocess.SubprocessError) as fault:
        say(f"\nThe demo FAILED: {fault}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    finally:
        if hasattr(demo, "export") and demo.export.poll() is None:
            demo.export.kill()
        demo.site.kill_all()
        if options.keep:
            say(f"State and logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
