// Runs a model in ONNX Runtime, as the one that bench_runtime.py compares with.
// usage: node bench_onnxruntime.mjs ONNXRUNTIME MODEL THREADS INPUTS
// ONNXRUNTIME: the folder of the package onnxruntime-node. INPUTS: JSON, [{"name", "type", "shape", "file"}], files of raw
// little-endian elements. Each line on standard input is a number of runs; the answer is a line of JSON: {"times": [ms, ...]}.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , folder, model, threads, inputs] = process.argv;
const ort = createRequire(import.meta.url)(folder);
const elements = { float32: Float32Array, int64: BigInt64Array };

const started = performance.now();
const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  logSeverityLevel: 3,
});
const feeds = {};
for (const { name, type, shape, file } of JSON.parse(inputs)) {
  const bytes = readFileSync(file);
  const copy = new Uint8Array(bytes).buffer; // aligned
  feeds[name] = new ort.Tensor(type, new elements[type](copy), shape);
}
const loaded = performance.now();
await session.run(feeds);
console.log(JSON.stringify({ load_ms: loaded - started, first_ms: performance.now() - loaded }));
for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let i = 0; i < Number(line); ++i) {
    const before = performance.now();
    await session.run(feeds);
    times.push(performance.now() - before);
  }
  console.log(JSON.stringify({ times }));
}
