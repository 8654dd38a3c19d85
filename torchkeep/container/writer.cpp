#include "torchkeep/container/writer.h"

#include "torchkeep/container/internal/encryption.h"

namespace torchkeep::container {

Result<ContainerDigest> write_container(const Path& path, const Header& header,
                                        const crypto::DataKey& data_key, crypto::Random& random,
                                        ThreadPool& pool, const PayloadReader& payload,
                                        const Progress& progress,
                                        const BeforeAppearing& before_appearing) {
  TRY(check_header(header));
  FileSink file = TRY(FileSink::create(path));
  const ContainerDigest digest =
      TRY(encrypt_container(header, data_key, random, pool, payload, progress,
                            [&file](ByteView bytes) { return file.write(bytes); }));
  if (before_appearing) TRY(before_appearing(digest));
  TRY(file.commit());
  return digest;
}

}  // namespace torchkeep::container
