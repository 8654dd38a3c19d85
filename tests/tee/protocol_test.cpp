#include "torchkeep/tee/simulated/protocol.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "torchkeep/base/text.h"

namespace torchkeep::tee::simulated {
namespace {

TEST(SimulatorProtocol, ReadsBackWhatItWrites) {
  EXPECT_TRUE(
      std::holds_alternative<HelloRequest>(decode_request(encode_request(HelloRequest{})).value()));
  QuoteRequest quote;
  quote.report_data.fill(5);
  EXPECT_EQ(std::get<QuoteRequest>(decode_request(encode_request(quote)).value()).report_data,
            quote.report_data);
  EXPECT_EQ(
      std::get<SealingKeyRequest>(decode_request(encode_request(SealingKeyRequest{"kek"})).value())
          .purpose,
      "kek");
  const SecretBytes granted = encode_answer(SecretBytes::copy_of(Bytes{1, 2, 3}));
  EXPECT_EQ(to_bytes(decode_answer(granted.expose()).value().expose()), (Bytes{1, 2, 3}));
  const SecretBytes refused = encode_answer(untrusted("another byte"));
  const auto answer = decode_answer(refused.expose());
  EXPECT_EQ(answer.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(answer.error().message, "another byte");
}

TEST(SimulatorProtocol, RefusesRequestsThatAreNone) {
  Bytes long_purpose(66, 'a');
  long_purpose[0] = 3;
  Bytes short_quote(64, 0);
  short_quote[0] = 2;
  Bytes long_quote(66, 0);
  long_quote[0] = 2;
  for (const Bytes& bytes : {Bytes{}, Bytes{0}, Bytes{1, 0}, Bytes{3}, Bytes{4}, Bytes{255},
                             long_purpose, short_quote, long_quote}) {
    EXPECT_EQ(decode_request(bytes).error().code, ErrorCode::Malformed) << bytes.size();
  }
}

TEST(SimulatorProtocol, RefusesAnswersThatAreNone) {
  for (const Bytes& bytes :
       {Bytes{}, Bytes{2}, Bytes{1}, Bytes{1, 9, 'D'}, Bytes{1, 2, 'N', 'o'}}) {
    EXPECT_EQ(decode_answer(bytes).error().code, ErrorCode::Malformed) << bytes.size();
  }
}

struct SocketPair {
  int ends[2];
  SocketPair() { TORCHKEEP_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
  ~SocketPair() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void write_and_close(ByteView bytes) {
    TORCHKEEP_CHECK(::write(ends[1], bytes.data(), bytes.size()) ==
                    static_cast<ssize_t>(bytes.size()));
    ::close(ends[1]);
    ends[1] = -1;
  }
};

TEST(SimulatorProtocol, CarriesAMessageBehindItsSize) {
  SocketPair sockets;
  ASSERT_TRUE(send_message(sockets.ends[1], Bytes{1, 2, 3}));
  EXPECT_EQ(to_bytes(receive_message(sockets.ends[0], 3).value().expose()), (Bytes{1, 2, 3}));
}

TEST(SimulatorProtocol, RefusesMessagesThatAreTooLargeOrCutShort) {
  for (const Bytes& bytes : {Bytes{}, Bytes{3, 0, 0}, Bytes{3, 0, 0, 0, 1, 2}}) {
    SocketPair sockets;
    sockets.write_and_close(bytes);
    EXPECT_EQ(receive_message(sockets.ends[0], 3).error().code, ErrorCode::Unavailable);
  }
  for (const Bytes& bytes : {Bytes{0, 0, 0, 0}, Bytes{4, 0, 0, 0}, Bytes{255, 255, 255, 255}}) {
    SocketPair sockets;
    sockets.write_and_close(bytes);
    EXPECT_EQ(receive_message(sockets.ends[0], 3).error().code, ErrorCode::Malformed);
  }
}

TEST(SimulatorProtocol, GivesUpOnWhoeverSaysNothing) {
  const timeval soon{0, 1000};
  for (const Bytes& begun : {Bytes{}, Bytes{3, 0}, Bytes{3, 0, 0, 0, 1}}) {
    SocketPair sockets;
    ASSERT_EQ(::setsockopt(sockets.ends[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    ASSERT_EQ(::write(sockets.ends[1], begun.data(), begun.size()),
              static_cast<ssize_t>(begun.size()));
    const Error error = receive_message(sockets.ends[0], 3).error();
    EXPECT_EQ(error.code, ErrorCode::Unavailable);
    EXPECT_NE(error.message.find("in time"), std::string::npos) << error;
  }
}

TEST(SimulatorProtocol, FailsToSendToWhoeverHasLeft) {
  SocketPair sockets;
  ::close(sockets.ends[1]);
  sockets.ends[1] = -1;
  EXPECT_EQ(send_message(sockets.ends[0], Bytes{1}).error().code, ErrorCode::Unavailable);
}

TEST(SimulatorProtocol, CutsAReasonThatIsTooLong) {
  const SecretBytes refused = encode_answer(denied(std::string(5000, 'x')));
  EXPECT_EQ(decode_answer(refused.expose()).error().message.size(), 1024U);
}

}  // namespace
}  // namespace torchkeep::tee::simulated
