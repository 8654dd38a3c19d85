#pragma once

#include <deque>
#include <vector>

#include "torchkeep/channel/http.h"

namespace torchkeep::testing {

/// A connection whose answers the test has written beforehand. *Lives on one strand.*
class FakeHttpClient final : public channel::HttpClient {
 public:
  /// What was asked, and what is answered; outlives the client that is handed in.
  struct Script {
    std::deque<Result<channel::HttpResponse>> answers;
    std::vector<channel::HttpRequest> requests;

    void answer(unsigned status, ByteView body, channel::HttpHeaders headers = {}) {
      channel::HttpResponse response;
      response.status = status;
      response.headers = std::move(headers);
      response.body.assign(body.begin(), body.end());
      answers.emplace_back(std::move(response));
    }
  };
  explicit FakeHttpClient(Script& script) : script_(script) {}

  const channel::TlsFacts* tls() const override { return nullptr; }
  boost::asio::awaitable<Result<channel::HttpResponse>> send(
      channel::HttpRequest request) override {
    script_.requests.push_back(std::move(request));
    if (script_.answers.empty()) co_return unavailable("the connection broke");
    Result<channel::HttpResponse> answer = std::move(script_.answers.front());
    script_.answers.pop_front();
    co_return answer;
  }

 private:
  Script& script_;
};

}  // namespace torchkeep::testing
