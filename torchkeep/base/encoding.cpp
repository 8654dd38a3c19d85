#include "torchkeep/base/encoding.h"

#include <algorithm>
#include <array>

#include "torchkeep/base/text.h"

namespace torchkeep {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What each character stands for; -1 for those that are no digits.
using DigitValues = std::array<std::int8_t, 256>;

constexpr DigitValues values_of(std::string_view digits) {
  DigitValues values{};
  values.fill(-1);
  std::int8_t value = 0;
  for (const char digit : digits) values[static_cast<std::uint8_t>(digit)] = value++;
  return values;
}

constexpr DigitValues kHexValues = [] {
  DigitValues values = values_of(kHexDigits);
  for (char digit = 'A'; digit <= 'F'; ++digit) {
    values[static_cast<std::uint8_t>(digit)] = static_cast<std::int8_t>(digit - 'A' + 10);
  }
  return values;
}();
constexpr DigitValues kBase64Values = values_of(kBase64Digits);

int hex_value(char digit) { return kHexValues[static_cast<std::uint8_t>(digit)]; }
int base64_value(char digit) { return kBase64Values[static_cast<std::uint8_t>(digit)]; }

}  // namespace

std::string encode_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 15];
  }
  return out;
}

Result<Bytes> decode_hex(std::string_view text) {
  if (text.size() % 2 != 0) return malformed("hex text has an odd number of digits");
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return malformed("hex text has another character at ", i);
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::string encode_base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kBase64Digits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

Result<Bytes> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return malformed("base64 text is not padded to a multiple of four");
  std::size_t padding = 0;
  if (text.ends_with('=')) padding = text.ends_with("==") ? 2 : 1;
  Bytes out(text.size() / 4 * 3);
  std::int32_t group = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    std::array<std::int32_t, 4> values{};
    for (std::size_t k = 0; k < digits; ++k) values[k] = base64_value(text[i + k]);
    if ((values[0] | values[1] | values[2] | values[3]) < 0) {
      const auto other =
          std::find_if(values.begin(), values.end(), [](int value) { return value < 0; });
      return malformed("base64 text has another character at ",
                       i + static_cast<std::size_t>(other - values.begin()));
    }
    group = values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3];
    const std::size_t at = i / 4 * 3;
    out[at] = static_cast<std::uint8_t>(group >> 16);
    out[at + 1] = static_cast<std::uint8_t>(group >> 8);
    out[at + 2] = static_cast<std::uint8_t>(group);
  }
  if ((group & ((1 << (8 * padding)) - 1)) != 0) return malformed("base64 text has stray bits");
  out.resize(out.size() - padding);
  return out;
}

}  // namespace torchkeep
