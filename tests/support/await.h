#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

/// Coroutines on the test's own thread.
namespace torchkeep::testing {

/// A coroutine's result, once `io` has been run far enough.
template <typename T>
using Slot = std::shared_ptr<std::optional<T>>;

/// Starts `work` on `io`, which the test runs.
template <typename T>
Slot<T> start(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  auto slot = std::make_shared<std::optional<T>>();
  auto keep = [](boost::asio::awaitable<T> inner, Slot<T> out) -> boost::asio::awaitable<void> {
    T result = co_await std::move(inner);
    out->emplace(std::move(result));
  };
  boost::asio::co_spawn(io, keep(std::move(work), slot), [](const std::exception_ptr& fault) {
    if (fault) std::rethrow_exception(fault);
  });
  return slot;
}

/// Runs `io` until nothing is left to do; the work's result, which must be there by then.
template <typename T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  const Slot<T> slot = start(io, std::move(work));
  io.restart();
  io.run();
  return std::move(slot->value());
}

}  // namespace torchkeep::testing
