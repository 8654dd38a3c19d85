#include "torchkeep/channel/pccs_address.h"

#include <gtest/gtest.h>

namespace torchkeep::channel {
namespace {

struct Address {
  std::string_view written;
  PccsAddress read;
  std::string_view text;
};

TEST(PccsAddress, IsReadInItsSpellings) {
  for (const Address& address : std::initializer_list<Address>{
           {"127.0.0.1:8081", {false, "127.0.0.1", 8081, ""}, "127.0.0.1:8081"},
           {"localhost:8081", {false, "127.0.0.1", 8081, ""}, "127.0.0.1:8081"},
           {"[::1]:8081", {false, "::1", 8081, ""}, "[::1]:8081"},
           {"Pccs.Example:8081", {false, "pccs.example", 8081, ""}, "pccs.example:8081"},
           {"http://pccs.example", {false, "pccs.example", 80, ""}, "pccs.example:80"},
           {"http://10.0.0.1/a", {false, "10.0.0.1", 80, "/a"}, "http://10.0.0.1:80/a"},
           {"https://api.trustedservices.intel.com/",
            {true, "api.trustedservices.intel.com", 443, ""},
            "https://api.trustedservices.intel.com:443"},
           {"HTTPS://[::1]", {true, "::1", 443, ""}, "https://[::1]:443"},
           {"https://h.example:8081/Base/x/sgx/certification/v4/",
            {true, "h.example", 8081, "/Base/x"},
            "https://h.example:8081/Base/x"}}) {
    const auto read = parse_pccs_address(address.written);
    ASSERT_TRUE(read.ok()) << address.written << ": " << read.error();
    EXPECT_EQ(*read, address.read) << address.written;
    EXPECT_EQ(read->text(), address.text);
    EXPECT_EQ(parse_pccs_address(read->text()).value(), *read) << "its text is read back";
  }
}

TEST(PccsAddress, IsRefusedWithAnExample) {
  for (const std::string_view written : {"",
                                         ":",
                                         "8081",
                                         "127.0.0.1",
                                         "127.0.0.1:",
                                         "127.0.0.1:65536",
                                         "a b:1",
                                         "pccs.example",
                                         "ftp://a",
                                         "https://",
                                         "https:///x",
                                         "https://a:x",
                                         "https://a/?x=1",
                                         "https://a/#",
                                         "://a:1",
                                         "https://user@a",
                                         "a\r\nb:1",
                                         "https://a/\r\n",
                                         "https://-a",
                                         "https://[::1",
                                         "https://::1",
                                         "https://a_b",
                                         "300.1.1.1:80"}) {
    const auto read = parse_pccs_address(written);
    ASSERT_FALSE(read.ok()) << written << " was read as " << read->text();
    EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(read.error().message.find("127.0.0.1:8081"), std::string::npos) << read.error();
  }
}

TEST(PccsAddress, KnowsIntels) {
  EXPECT_TRUE(is_intels(parse_pccs_address("https://api.trustedservices.intel.com").value()));
  EXPECT_FALSE(is_intels(parse_pccs_address("http://api.trustedservices.intel.com").value()));
  EXPECT_FALSE(
      is_intels(parse_pccs_address("https://trustedservices.intel.com.evil.example").value()));
}

}  // namespace
}  // namespace torchkeep::channel
