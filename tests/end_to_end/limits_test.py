#!/usr/bin/env python3
"""Models and requests at the edge of what is possible: what can be computed is, the rest is refused, and the next is answered."""
import json

import numpy

from case import Case, SmallModel, main
from small_model import OneBatch


class Limits(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.init_owner()
        cls.repository = cls.place("repository", "one-batch", 1, cls.register("one-batch", model=OneBatch()))
        cls.place("repository", "small", 1, cls.register("small"))
        (cls.repository / "small/1/config.json").write_text(json.dumps(
            {"max_activation_bytes": 1 << 20, "max_run_seconds": 60}))

    def rows(self, count):
        return numpy.random.default_rng(count).standard_normal((count, 64)).astype(numpy.float32)

    def test_a_batch_that_a_graph_names_is_answered_and_others_are_refused(self):
        worker = self.start_worker("one-batch", self.repository, self.owner)
        worker.wait_log(r'serving "one-batch"')
        for count in (2, 1, 2, 3, 2):
            if count == 2:
                found = self.infer(worker, "one-batch", inputs=self.rows(2))
                numpy.testing.assert_allclose(found, OneBatch().answer(self.rows(2)))
            else:
                status, told = self.infer(worker, "one-batch", inputs=self.rows(count), check=False)
                self.assertEqual(status, 2, told)
                self.assertIn("cannot run on inputs of these shapes", told)
                self.assertNotIn("Reshape", told, "nodes are the owner's secret")

    def test_run_answers_that_batch_and_names_the_node_for_others(self):
        model = OneBatch().write(self.folder / "one-batch.onnx")
        for count, wanted in ((2, 0), (3, 2)):
            source, answer = self.folder / f"{count}.npy", self.folder / f"answer-{count}"
            numpy.save(source, self.rows(count))
            told = self.cli("run", model, "-i", f"input={source}", "-o", answer, check=False)
            if wanted:
                self.assert_refused(told, wanted, "/head/Reshape")
            else:
                self.assertEqual(told[0], 0, told[1])
                numpy.testing.assert_allclose(numpy.load(answer / "output.npy"), OneBatch().answer(self.rows(2)))

    def test_a_request_above_the_limit_of_memory_ends_alone(self):
        worker = self.start_worker("memory", self.repository, self.owner)
        self.await_answer(worker, "small")
        status, told = self.infer(worker, "small", inputs=self.rows(20_000), check=False)
        self.assertEqual(status, 4, told)
        self.assertIn("max_activation_bytes", told)
        found = self.infer(worker, "small", inputs=self.rows(3))
        numpy.testing.assert_allclose(found, SmallModel().answer(self.rows(3)), atol=1e-4)


if __name__ == "__main__":
    main()
