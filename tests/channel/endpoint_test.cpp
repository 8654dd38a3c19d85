#include "torchkeep/channel/endpoint.h"

#include <gmock/gmock.h>

namespace torchkeep::channel {
namespace {

struct Written {
  const char* name;
  std::string text;
  std::string address;
  std::uint16_t port;
};

class Endpoints : public ::testing::TestWithParam<Written> {};

TEST_P(Endpoints, AreReadAndWrittenBack) {
  const auto endpoint = parse_endpoint(GetParam().text);
  ASSERT_TRUE(endpoint.ok()) << endpoint.error();
  EXPECT_EQ(endpoint->address, GetParam().address);
  EXPECT_EQ(endpoint->port, GetParam().port);
  EXPECT_EQ(*parse_endpoint(endpoint->text()), *endpoint);
}

INSTANTIATE_TEST_SUITE_P(Forms, Endpoints,
                         ::testing::Values(Written{"Four", "127.0.0.1:8443", "127.0.0.1", 8443},
                                           Written{"Six", "[::1]:8443", "::1", 8443},
                                           Written{"SixLong", "[0:0:0:0:0:0:0:1]:1", "::1", 1},
                                           Written{"Localhost", "localhost:0", "127.0.0.1", 0},
                                           Written{"AnyAddress", "0.0.0.0:65535", "0.0.0.0",
                                                   65535}),
                         [](const auto& tested) { return std::string(tested.param.name); });

class NoEndpoints : public ::testing::TestWithParam<std::string> {};

TEST_P(NoEndpoints, AreRefusedWithAnExample) {
  const auto endpoint = parse_endpoint(GetParam());
  ASSERT_FALSE(endpoint.ok());
  EXPECT_EQ(endpoint.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(endpoint.error().message, ::testing::HasSubstr("127.0.0.1:8443"));
}

INSTANTIATE_TEST_SUITE_P(Forms, NoEndpoints,
                         ::testing::Values("", ":", "127.0.0.1", "127.0.0.1:", ":8443", "::1:8443",
                                           "[::1]", "[127.0.0.1]:1", "example.org:443",
                                           "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
                                           "127.0.0.1:1 ", " 127.0.0.1:1", "127.0.0.1:0x10",
                                           "[localhost]:1", "127.1:1", "1.2.3.4.5:1",
                                           std::string("127.0.0.1\0:1", 12)));

}  // namespace
}  // namespace torchkeep::channel
