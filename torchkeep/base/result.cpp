#include "torchkeep/base/result.h"

#include <array>

namespace torchkeep {
namespace {

struct NamedCode {
  ErrorCode code;
  std::string_view name;
};

constexpr std::array kNames = {
    NamedCode{ErrorCode::InvalidArgument, "InvalidArgument"},
    NamedCode{ErrorCode::Malformed, "Malformed"},
    NamedCode{ErrorCode::Untrusted, "Untrusted"},
    NamedCode{ErrorCode::Denied, "Denied"},
    NamedCode{ErrorCode::NotFound, "NotFound"},
    NamedCode{ErrorCode::Unavailable, "Unavailable"},
    NamedCode{ErrorCode::Internal, "Internal"},
};

}  // namespace

std::string_view name_of(ErrorCode code) {
  for (const NamedCode& named : kNames) {
    if (named.code == code) return named.name;
  }
  return "Internal";
}

std::optional<ErrorCode> find_error_code(std::string_view name) {
  for (const NamedCode& named : kNames) {
    if (named.name == name) return named.code;
  }
  return std::nullopt;
}

Error Error::context(std::string_view attempt) && {
  return Error{code, std::string(attempt) + ": " + message};
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << name_of(error.code) << ": " << error.message;
}

}  // namespace torchkeep
