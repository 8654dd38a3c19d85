// What ONNX Runtime answers: the third witness where PyTorch and the engine differ (tools/zoo.py).
// usage: node zoo_witness.js MODULES MODEL REQUEST; REQUEST is JSON on a file: [{name, type, dims, file}] of raw tensors.
// Writes output i's raw bytes beside REQUEST as witness_i.raw, and prints [{type, dims, file}].
const fs = require("fs");
const path = require("path");

async function main() {
  const [modules, model, request] = process.argv.slice(2);
  const ort = require(path.resolve(modules, "onnxruntime-node"));
  const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array };
  const feeds = {};
  for (const { name, type, dims, file } of JSON.parse(fs.readFileSync(request))) {
    const bytes = fs.readFileSync(file);
    const memory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    feeds[name] = new ort.Tensor(type, new arrays[type](memory), dims);
  }
  const session = await ort.InferenceSession.create(model);
  const answers = await session.run(feeds);
  const told = session.outputNames.map((name, i) => {
    const { type, dims, data } = answers[name];
    const file = path.join(path.dirname(request), `witness_${i}.raw`);
    fs.writeFileSync(file, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return { type, dims, file };
  });
  console.log(JSON.stringify(told));
}

main().catch((error) => { console.error(String(error.message || error).split("\n")[0]); process.exit(1); });
