#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/awaitable.hpp>
#include <optional>

#include "torchkeep/base/result.h"

namespace torchkeep::cli {

/// Runs `work` on `io` until it is done: the command line has nothing else to do meanwhile.
template <typename T>
Result<T> await_result(boost::asio::io_context& io, boost::asio::awaitable<Result<T>> work) {
  std::optional<Result<T>> out;
  auto keep = [](boost::asio::awaitable<Result<T>> inner,
                 std::optional<Result<T>>& slot) -> boost::asio::awaitable<void> {
    Result<T> result = co_await std::move(inner);
    slot.emplace(std::move(result));
  };
  boost::asio::co_spawn(io, keep(std::move(work), out), boost::asio::detached);
  io.restart();
  while (!out && io.run_one() > 0) {
  }
  if (!out) return Error{ErrorCode::Internal, "the operation ended without an answer"};
  return std::move(*out);
}

}  // namespace torchkeep::cli
