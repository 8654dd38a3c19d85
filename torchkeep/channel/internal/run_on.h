#pragma once

#include <optional>
#include <type_traits>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace torchkeep::channel {

namespace asio = boost::asio;

template <typename Work, typename Answer>
asio::awaitable<void> put_answer(Work& work, std::optional<Answer>& out) {
  out.emplace(work());
  co_return;
}

/// Calls `work` on one of the pool's threads, so that an event loop goes on meanwhile, and comes
/// back to the loop with its answer. Without a pool it is called here.
template <typename Work>
asio::awaitable<std::invoke_result_t<Work&>> run_on(asio::thread_pool* pool, Work work) {
  if (pool == nullptr) co_return work();
  // asio hands over only what has a default; a Result has none.
  std::optional<std::invoke_result_t<Work&>> out;
  co_await asio::co_spawn(*pool, put_answer(work, out), asio::use_awaitable);
  co_return std::move(*out);
}

}  // namespace torchkeep::channel
