#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "torchkeep/base/text.h"

namespace torchkeep::desk {

/// Asked several times a second while something takes long; false gives up. Empty: never gives up.
using GoOn = std::function<bool()>;

/// Runs `work` on `io` until it is done: whoever asks has nothing else to do meanwhile.
/// Errors: those of `work`; Unavailable if `go_on` says no. The work stays on `io` then, which must
/// not run again: connections that it used are of no use any more.
template <typename T>
Result<T> await_result(boost::asio::io_context& io, boost::asio::awaitable<Result<T>> work,
                       const GoOn& go_on = {}) {
  constexpr std::chrono::milliseconds kPatience{50};
  const auto out = std::make_shared<std::optional<Result<T>>>();
  auto keep = [](boost::asio::awaitable<Result<T>> inner,
                 std::shared_ptr<std::optional<Result<T>>> slot) -> boost::asio::awaitable<void> {
    Result<T> result = co_await std::move(inner);
    slot->emplace(std::move(result));
  };
  boost::asio::co_spawn(io, keep(std::move(work), out), boost::asio::detached);
  io.restart();
  while (!*out) {
    if (go_on ? io.run_one_for(kPatience) > 0 : io.run_one() > 0) continue;
    if (!go_on || io.stopped()) break;
    if (!go_on()) return unavailable("interrupted");
  }
  if (!*out) return Error{ErrorCode::Internal, "the operation ended without an answer"};
  return std::move(**out);
}

}  // namespace torchkeep::desk
