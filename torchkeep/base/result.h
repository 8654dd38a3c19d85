#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "torchkeep/base/check.h"

/// How a function of ours fails: it returns a `Result<T>`, a value or an `Error`.
/// The code says what the caller may do, the message what happened.
namespace torchkeep {

enum class ErrorCode {
  InvalidArgument,  // the call itself is wrong: fix the caller
  Malformed,        // bytes do not follow their format: drop them
  Untrusted,        // well-formed, but a signature or a measurement does not hold: never retry
  Denied,           // trusted, but the policy says no
  NotFound,
  Unavailable,  // a peer, a disk or a service is away: retry with back-off
  Internal,     // a defect of ours
};

/// The code's name as it stands above, for logs and for peers: "Untrusted".
std::string_view name_of(ErrorCode code);
std::optional<ErrorCode> find_error_code(std::string_view name);

struct Error {
  ErrorCode code;
  std::string message;

  /// Says what was being attempted; the outermost attempt comes first.
  Error context(std::string_view attempt) &&;
};

std::ostream& operator<<(std::ostream& out, const Error& error);

template <typename T>
class [[nodiscard]] Result {
 public:
  // A value or an error converts by itself, so that `return value;` reads as it should.
  template <typename U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return TORCHKEEP_CHECK(ok()), std::get<0>(state_); }
  const T& value() const& { return TORCHKEEP_CHECK(ok()), std::get<0>(state_); }
  T&& value() && { return TORCHKEEP_CHECK(ok()), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return TORCHKEEP_CHECK(!ok()), std::get<1>(state_); }
  Error&& error() && { return TORCHKEEP_CHECK(!ok()), std::get<1>(std::move(state_)); }

  Result context(std::string_view attempt) && {
    if (ok()) return std::move(*this);
    return std::get<1>(std::move(state_)).context(attempt);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  void value() const { TORCHKEEP_CHECK(ok()); }

  const Error& error() const& { return TORCHKEEP_CHECK(!ok()), *error_; }
  Error&& error() && { return TORCHKEEP_CHECK(!ok()), *std::move(error_); }

  Result context(std::string_view attempt) && {
    if (ok()) return {};
    return std::move(*error_).context(attempt);
  }

 private:
  std::optional<Error> error_;
};

/// The value of a `Result`, or out of this function with its error. May stand inside another TRY.
/// Not around `co_await`: g++ 12 fails inside itself there.
#define TRY(expression) TORCHKEEP_TRY_AS(expression, TORCHKEEP_JOIN(try_result_, __COUNTER__))
#define TORCHKEEP_JOIN(left, right) TORCHKEEP_JOIN_EXPANDED(left, right)
#define TORCHKEEP_JOIN_EXPANDED(left, right) left##right
#define TORCHKEEP_TRY_AS(expression, name)     \
  __extension__({                              \
    auto name = (expression);                  \
    if (!name) return std::move(name).error(); \
    std::move(name).value();                   \
  })

}  // namespace torchkeep
