#!/usr/bin/env python3
"""State that stays in the enclave between requests, of clients that know of each other no more than that there are others."""
import http.client
import json
import ssl
import time

from case import Case, main
from small_model import Growing

STATE = [{"output": "present", "input": "past"}]
PATH = "/v2/models/growing/versions/1/infer"


class Sequences(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.init_owner()
        repository = cls.place("repository", "growing", 1, cls.register("growing", model=Growing()))
        (repository / "growing/1/config.json").write_text(json.dumps(
            {"max_sequences": 3, "max_sequence_bytes": 4096, "sequence_idle_seconds": 2}))
        cls.repository = repository

    def setUp(self):
        self.worker = self.start_worker(self._testMethodName, self.repository, self.owner)
        deadline = time.monotonic() + 30
        while self.ask("GET", "/v2/models/growing/ready")[0] != 200:
            self.assertLess(time.monotonic(), deadline, self.worker.log())
            time.sleep(0.05)

    def ask(self, method, path, body=None):
        """Each request on a connection of its own: (status, answer)."""
        host, port = self.worker.address.rsplit(":", 1)
        connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=ssl._create_unverified_context())
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def step(self, x, **parameters):
        return self.ask("POST", PATH, {"parameters": parameters, "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [x]}]})

    def begin(self, x):
        status, answer = self.step(x, sequence_start=True, sequence_state=STATE)
        self.assertEqual(status, 200, answer)
        self.assertEqual([output["name"] for output in answer["outputs"]], ["sum"])
        return answer["parameters"]["sequence_id"]

    def sum_of(self, told):
        self.assertEqual(told[0], 200, told[1])
        return told[1]["outputs"][0]["data"][0]

    def test_grow_and_are_apart(self):
        one, other = self.begin(1), self.begin(100)
        self.assertEqual([self.sum_of(self.step(x, sequence_id=one)) for x in (2, 3, 4)], [3, 6, 10])
        self.assertEqual(self.sum_of(self.step(1, sequence_id=other)), 101)
        status, answer = self.ask("POST", PATH, {"parameters": {"sequence_id": one, "sequence_end": True}})
        self.assertEqual((status, answer["outputs"]), (200, []))
        self.assertEqual(self.step(1, sequence_id=one)[0], 404)
        self.assertEqual(self.sum_of(self.step(1, sequence_id=other)), 102)

    def test_are_not_to_be_found_by_others(self):
        mine = self.begin(1)
        refusals = {json.dumps(self.step(1, sequence_id=guess)) for guess in (
            "0" * 32, mine[:-1] + ("0" if mine[-1] != "0" else "1"), mine[:-2], mine + "0", "1", "", "../" + mine)}
        self.assertEqual(len(refusals), 1, refusals)
        self.assertIn("404", refusals.pop())
        self.assertEqual(self.step(1, sequence_start=True, sequence_state=STATE, sequence_id=mine)[0], 400)
        self.assertEqual(self.sum_of(self.step(1, sequence_id=mine)), 2)

    def test_are_bounded_and_time_out(self):
        held = [self.begin(1) for _ in range(3)]
        status, answer = self.step(1, sequence_start=True, sequence_state=STATE)
        self.assertEqual(status, 503, answer)
        self.assertIn("3 sequences", answer["error"])
        deadline = time.monotonic() + 10
        while self.step(1, sequence_start=True, sequence_state=STATE)[0] != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.assertIn(404, {self.step(1, sequence_id=id)[0] for id in held})

    def test_take_no_more_memory_than_they_may(self):
        status, answer = self.ask("POST", PATH, {"parameters": {"sequence_start": True, "sequence_state": STATE}, "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]},
            {"name": "past", "datatype": "FP32", "shape": [1, 1023], "data": [0] * 1023}]})
        self.assertEqual(status, 200, answer)
        id = answer["parameters"]["sequence_id"]
        status, answer = self.step(1, sequence_id=id)
        self.assertEqual(status, 503, answer)
        self.assertIn("max_sequence_bytes", answer["error"])
        self.assertEqual(self.ask("POST", PATH, {"parameters": {"sequence_id": id, "sequence_end": True}})[0], 200)
        self.begin(1)

    def test_end_with_the_model(self):
        id = self.begin(1)
        self.worker.kill()
        self.setUp()
        self.assertEqual(self.step(1, sequence_id=id)[0], 404)


if __name__ == "__main__":
    main()
