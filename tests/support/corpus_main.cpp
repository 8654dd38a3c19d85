// Runs a fuzz target over its corpus, so that what a fuzzer once found is an ordinary test.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::cerr << "usage: " << argv[0] << " CORPUS-FOLDER\n";
    return 2;
  }
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    // Each input cut short and with one byte changed costs little and finds much.
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 64) {
      LLVMFuzzerTestOneInput(bytes.data(), cut);
      bytes[cut] ^= 0x80;
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      bytes[cut] ^= 0x80;
    }
    ++count;
  }
  if (count == 0) {
    std::cerr << "the corpus " << argv[1] << " is empty\n";
    return 1;
  }
  std::cout << count << " inputs\n";
}
