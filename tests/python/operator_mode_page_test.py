#!/usr/bin/python3
"""docs/operator-mode.md does what it says, the recovery of weights included."""
import contextlib
import io
import os
import re

import torch
from case import ROOT, Case, main

import torchkeep

PAGE = ROOT / "docs" / "operator-mode.md"


class Page(Case):
    def test_its_code_runs_in_order(self):
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 5)
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        names, said = {}, io.StringIO()
        torch.manual_seed(11)
        try:
            with contextlib.redirect_stdout(said):
                for i, block in enumerate(blocks):
                    exec(compile(block, f"{PAGE.name}, block {i + 1}", "exec"), names)
            self.assertIn("the policy accepts it", said.getvalue())
            self.assertIn("served whole", said.getvalue())
            self.whole_model_mode_keeps_its_weights(names)
        finally:
            names["site"].close()

    def whole_model_mode_keeps_its_weights(self, names):
        """The same probes, at the whole model's one door, find no layer's weights: between them and it stand other layers."""
        torch.manual_seed(12)
        model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8)).eval()
        torchkeep.protect(model, torch.randn(2, 8), "two.tkm", id="two", keyserver=names["site"], quiet=True)
        whole = torchkeep.load("two.tkm", site=names["site"])
        answers = whole(torch.cat([torch.zeros(1, 8), torch.eye(8)]))
        recovered = (answers[1:] - answers[0]).t()
        for layer in (model[0], model[2]):
            self.assertGreater(float((recovered - layer.weight).abs().max()), 0.1)
        for name in ("0", "2", "0.weight", "@manifest"):
            with self.assertRaisesRegex(torchkeep.NotFound, "served whole"):
                whole.client.infer("two", {"input": torch.eye(8)}, operator=name)


if __name__ == "__main__":
    main()
