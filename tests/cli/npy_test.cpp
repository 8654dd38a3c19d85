#include "torchkeep/cli/npy.h"

#include <gmock/gmock.h>

#include "torchkeep/base/text.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;

// What numpy.save writes: magic, version 1.0, header length, header padded to a multiple of 64.
Bytes npy(std::string_view header, ByteView data, std::uint8_t major = 1) {
  Bytes out = to_bytes(as_bytes(std::string_view("\x93NUMPY", 6)));
  out.push_back(major);
  out.push_back(0);
  if (major == 1) {
    append_le16(out, static_cast<std::uint16_t>(header.size()));
  } else {
    append_le32(out, static_cast<std::uint32_t>(header.size()));
  }
  append(out, as_bytes(header));
  append(out, data);
  return out;
}

constexpr std::string_view kHeader =
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }      \n";
const Bytes kData = {0, 0, 128, 63, 0, 0, 0, 64};  // 1.0, 2.0

TEST(Npy, IsReadAsNumpyWroteIt) {
  const auto array = parse_npy(npy(kHeader, kData));
  ASSERT_TRUE(array.ok()) << array.error();
  EXPECT_EQ(array->datatype, "FP32");
  EXPECT_EQ(array->shape, (std::vector<std::uint64_t>{2, 1}));
  EXPECT_TRUE(equal(array->data, kData));
}

TEST(Npy, ReadsVersionTwoAndScalars) {
  EXPECT_TRUE(parse_npy(npy(kHeader, kData, 2)).ok());
  const auto scalar =
      parse_npy(npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}", Bytes(8)));
  ASSERT_TRUE(scalar.ok()) << scalar.error();
  EXPECT_TRUE(scalar->shape.empty());
}

TEST(Npy, ComesBackAsItWasStored) {
  testing::TemporaryFolder folder;
  const NpyArray array{"INT64", {3}, SecretBuffer(24, 7)};
  ASSERT_TRUE(store_npy(folder / "a.npy", array).ok());
  const auto again = load_npy(folder / "a.npy");
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->datatype, "INT64");
  EXPECT_EQ(again->shape, array.shape);
  EXPECT_EQ(again->data, array.data);
}

struct Refused {
  const char* name;
  Bytes file;
  const char* told;
};

class RefusedArrays : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedArrays, AreMalformedAndSayWhy) {
  const auto array = parse_npy(GetParam().file);
  ASSERT_FALSE(array.ok());
  EXPECT_EQ(array.error().code, ErrorCode::Malformed);
  EXPECT_THAT(array.error().message, HasSubstr(GetParam().told));
}

std::string header(std::string_view descr, std::string_view order, std::string_view shape) {
  return text("{'descr': '", descr, "', 'fortran_order': ", order, ", 'shape': ", shape, "}");
}

INSTANTIATE_TEST_SUITE_P(
    Npy, RefusedArrays,
    ::testing::Values(
        Refused{"Empty", {}, "numpy.save"},
        Refused{"OtherFile", to_bytes(as_bytes("PK\x03\x04 an npz archive")), "numpy.save"},
        Refused{"CutInTheHeader", {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 200, 0, '{'}, ""},
        Refused{"DataCutShort", npy(kHeader, ByteView(kData).first(7)), ""},
        Refused{"DataTooLong", npy(kHeader, Bytes(9)), ""},
        Refused{"Objects", npy(header("|O", "False", "(1,)"), Bytes(8)), "|O"},
        Refused{"BigEndian", npy(header(">f4", "False", "(1,)"), Bytes(4)), "byte order"},
        Refused{"ColumnOrder", npy(header("<f4", "True", "(1,)"), Bytes(4)), "ascontiguousarray"},
        Refused{"UnknownKey", npy("{'descr': '<f4', 'code': 'x', 'shape': (1,)}", Bytes(4)),
                "code"},
        Refused{"RepeatedKey",
                npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
                    Bytes(8)),
                "descr"},
        Refused{"NegativeSize", npy(header("<f4", "False", "(-1,)"), Bytes(4)), "number"},
        Refused{"HugeShape", npy(header("<f8", "False", "(18446744073709551615, 9)"), Bytes(8)),
                ""},
        Refused{"TextBehind", npy(header("<f4", "False", "(1,)") + "import os", Bytes(4)), ""}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace torchkeep::cli
