#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "torchkeep/base/result.h"

/// Messages put together from parts, and the errors that carry them:
/// `return malformed("header has ", size, " bytes, at most ", kMaxHeaderBytes, " are allowed");`
namespace torchkeep {
namespace internal {

inline void append_part(std::string& out, std::string_view part) { out += part; }

// Templates, so that a literal is never taken for a number or a truth value.
template <std::same_as<bool> T>
void append_part(std::string& out, T part) {
  out += part ? "true" : "false";
}
template <std::same_as<char> T>
void append_part(std::string& out, T part) {
  out += part;
}

template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>)
void append_part(std::string& out, T part) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, part).ptr);
}

template <std::floating_point T>
void append_part(std::string& out, T part) {
  char digits[48];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, part).ptr);
}

}  // namespace internal

/// One string of all parts: text, characters, booleans and numbers.
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (internal::append_part(out, parts), ...);
  return out;
}

template <typename... Parts>
Error invalid_argument(const Parts&... parts) {
  return {ErrorCode::InvalidArgument, text(parts...)};
}
template <typename... Parts>
Error malformed(const Parts&... parts) {
  return {ErrorCode::Malformed, text(parts...)};
}
template <typename... Parts>
Error untrusted(const Parts&... parts) {
  return {ErrorCode::Untrusted, text(parts...)};
}
template <typename... Parts>
Error denied(const Parts&... parts) {
  return {ErrorCode::Denied, text(parts...)};
}
template <typename... Parts>
Error not_found(const Parts&... parts) {
  return {ErrorCode::NotFound, text(parts...)};
}
template <typename... Parts>
Error unavailable(const Parts&... parts) {
  return {ErrorCode::Unavailable, text(parts...)};
}
template <typename... Parts>
Error internal_error(const Parts&... parts) {
  return {ErrorCode::Internal, text(parts...)};
}

}  // namespace torchkeep
