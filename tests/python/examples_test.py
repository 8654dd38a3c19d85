#!/usr/bin/python3
"""The stories in examples/ hold, each as its reader runs it."""
import subprocess
import sys

from case import ROOT, Case, main

EXAMPLES = ROOT / "examples"
SECONDS = 240


class Stories(Case):
    def tell(self, name, *arguments):
        done = subprocess.run([sys.executable, "-B", str(EXAMPLES / name), *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_image_classifier(self):
        told = self.tell("image_classifier.py")
        self.assertIn("the policy accepts it", told)
        self.assertIn("200 as by plain PyTorch", told)

    def test_text_encoder(self):
        self.assertRegex(self.tell("text_encoder.py"), r"largest difference from plain PyTorch \d\.\de-0[5-9]")

    def test_text_generation(self):
        told = self.tell("text_generation.py", "--tokens", "60")
        self.assertIn("the keeper of the light", told)
        self.assertIn("the same tokens as plain PyTorch", told)

    def test_resnet_saved_by_one_program_and_loaded_by_another(self):
        self.tell("resnet_save.py", self.folder, "--models", "resnet18")
        told = self.tell("resnet_load.py", self.folder)
        self.assertRegex(told, r"whole: top-5 .* largest difference \d\.\de-0[5-9]")
        self.assertRegex(told, r"layer by layer: top-5 .* largest difference \d\.\de-0[5-9]")


if __name__ == "__main__":
    main()
