#include "server/filter/predicate.h"

#include <bit>
#include <compare>

#include "server/base/status_macros.h"

namespace tributary::filter {
namespace {

enum ValueField : uint32_t { kNull = 1, kNumberValue, kStringValue, kBoolValue, kStruct, kList };

bool Satisfies(std::partial_ordering order, Comparator comparator) {
  switch (comparator) {
    case Comparator::kLess:
      return order < 0;
    case Comparator::kLessEqual:
      return order <= 0;
    case Comparator::kGreater:
      return order > 0;
    case Comparator::kGreaterEqual:
      return order >= 0;
    default:
      return order == 0;
  }
}

bool IsOrder(Comparator comparator) {
  return comparator != Comparator::kEqual && comparator != Comparator::kHas;
}

}  // namespace

bool Pattern::Matches(std::string_view text, bool anywhere) const {
  if (pieces.size() == 1) {
    return anywhere ? text.find(pieces.front()) != std::string_view::npos : text == pieces.front();
  }
  size_t first = 0;
  size_t last = pieces.size();
  if (!anywhere) {
    const std::string& begin = pieces.front();
    const std::string& end = pieces.back();
    if (text.size() < begin.size() + end.size() || !text.starts_with(begin) ||
        !text.ends_with(end)) {
      return false;
    }
    text.remove_prefix(begin.size());
    text.remove_suffix(end.size());
    ++first;
    --last;
  }
  // What is found first leaves the most for the rest.
  for (size_t i = first; i < last; ++i) {
    const size_t at = text.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces[i].size());
  }
  return true;
}

bool Predicate::Holds(const wire::Field& field) const {
  const bool packed =
      field.type == wire::Type::kBytes &&
      (type_ == FieldType::kNumber || type_ == FieldType::kBool || type_ == FieldType::kEnum);
  return packed ? HoldsPacked(field.bytes) : HoldsOne(field);
}

bool Predicate::HoldsOne(const wire::Field& field) const {
  if (presence_) {
    if (type_ != FieldType::kValue) return true;
    wire::Reader value(field.bytes);
    const std::optional<wire::Field> kind = value.Next();
    return kind.has_value() && kind->number != kNull;
  }
  switch (type_) {
    case FieldType::kText:
    case FieldType::kReference:  // its id
      return field.type == wire::Type::kBytes && HoldsText(field.bytes);
    case FieldType::kNumber:
      if (decoding_ == Decoding::kDouble) {
        return field.type == wire::Type::kFixed64 &&
               HoldsNumber(std::bit_cast<double>(field.varint));
      }
      return field.type == wire::Type::kVarint &&
             HoldsNumber(static_cast<double>(static_cast<int64_t>(field.varint)));
    case FieldType::kBool:
    case FieldType::kEnum:
      return field.type == wire::Type::kVarint && HoldsInteger(static_cast<int64_t>(field.varint));
    case FieldType::kInstant:
      return field.type == wire::Type::kBytes && HoldsInstant(field.bytes);
    case FieldType::kValue:
      return field.type == wire::Type::kBytes && HoldsValue(field.bytes, false);
    default:
      return false;
  }
}

bool Predicate::HoldsPacked(std::string_view bytes) const {
  if (presence_) return !bytes.empty();
  if (decoding_ == Decoding::kDouble) {
    for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
      uint64_t bits = 0;
      bytes.copy(reinterpret_cast<char*>(&bits), sizeof(bits));
      if (HoldsNumber(std::bit_cast<double>(bits))) return true;
    }
    return false;
  }
  uint64_t number = 0;
  int shift = 0;
  for (const char c : bytes) {
    number |= static_cast<uint64_t>(c & 0x7F) << shift;
    shift = std::min(shift + 7, 63);
    if ((c & 0x80) != 0) continue;
    const auto integer = static_cast<int64_t>(number);
    if (type_ == FieldType::kNumber ? HoldsNumber(static_cast<double>(integer))
                                    : HoldsInteger(integer)) {
      return true;
    }
    number = 0;
    shift = 0;
  }
  return false;
}

bool Predicate::HoldsText(std::string_view text) const {
  for (const Constant& constant : constants_) {
    const bool holds =
        IsOrder(comparator_)
            ? Satisfies(text <=> std::string_view(constant.text.pieces.front()), comparator_)
            : constant.text.Matches(text, anywhere_);
    if (holds) return true;
  }
  return presence_ && !text.empty();
}

bool Predicate::HoldsNumber(double number) const {
  for (const Constant& constant : constants_) {
    if (constant.number.has_value() && Satisfies(number <=> *constant.number, comparator_)) {
      return true;
    }
  }
  return presence_;
}

bool Predicate::HoldsInteger(int64_t integer) const {
  for (const Constant& constant : constants_) {
    if (constant.integer == integer) return true;
  }
  return false;
}

bool Predicate::HoldsInstant(std::string_view bytes) const {
  const Instant instant = DecodeTimestamp(bytes);
  for (const Constant& constant : constants_) {
    const auto order = instant.seconds != constant.instant.seconds
                           ? instant.seconds <=> constant.instant.seconds
                           : instant.nanos <=> constant.instant.nanos;
    if (Satisfies(order, comparator_)) return true;
  }
  return false;
}

// What JSON held has a type of its own, so each constant is tried as that.
bool Predicate::HoldsValue(std::string_view bytes, bool in_list) const {
  wire::Reader reader(bytes);
  const std::optional<wire::Field> kind = reader.Next();
  if (!kind.has_value()) return false;
  switch (kind->number) {
    case kNumberValue:
      return HoldsNumber(std::bit_cast<double>(kind->varint));
    case kBoolValue:
      for (const Constant& constant : constants_) {
        if (!IsOrder(comparator_) && constant.truth == (kind->varint != 0)) return true;
      }
      return false;
    case kStringValue:
      if (in_list || comparator_ != Comparator::kHas) return HoldsText(kind->bytes);
      for (const Constant& constant : constants_) {
        if (constant.text.Matches(kind->bytes, true)) return true;
      }
      return false;
    case kList: {
      if (in_list || comparator_ != Comparator::kHas) return false;
      wire::Reader elements(kind->bytes);
      while (const std::optional<wire::Field> element = elements.Next()) {
        if (HoldsValue(element->bytes, true)) return true;
      }
      return false;
    }
    default:
      return false;
  }
}

}  // namespace tributary::filter
