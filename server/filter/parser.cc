#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/filter/syntax.h"

namespace tributary::filter {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kBareEnd = " \t\r\n()\"'`";  // what no bare word holds

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsNamePart(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool IsKeyword(std::string_view word) { return word == "AND" || word == "OR" || word == "NOT"; }

// Recursive descent, one method for a rule of the grammar in docs/filters.md. What a character
// means depends on where it stands (a colon compares after a name and is part of a value after a
// comparator), so there is no separate lexer.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Syntax> Run() {
    Syntax syntax;
    SkipSpace();
    if (!AtEnd()) {
      TRIBUTARY_ASSIGN_OR_RETURN(syntax.root, Conjunction());
      if (!AtEnd()) return Unexpected("closes no bracket");
    }
    syntax.terms = std::move(terms_);
    return syntax;
  }

 private:
  // What binds loosest: disjunctions, side by side or with AND between them.
  absl::StatusOr<Expression> Conjunction() {
    Expression all{Expression::Kind::kAnd, {}, 0};
    do {
      TRIBUTARY_ASSIGN_OR_RETURN(Expression part, Disjunction());
      all.parts.push_back(std::move(part));
      if (TakeKeyword("AND") && (AtEnd() || Peek() == ')')) {
        return Unexpected("a comparison must follow AND");
      }
    } while (!AtEnd() && Peek() != ')');
    return Only(std::move(all));
  }

  absl::StatusOr<Expression> Disjunction() {
    Expression any{Expression::Kind::kOr, {}, 0};
    do {
      TRIBUTARY_ASSIGN_OR_RETURN(Expression part, Term());
      any.parts.push_back(std::move(part));
    } while (TakeKeyword("OR"));
    return Only(std::move(any));
  }

  absl::StatusOr<Expression> Term() {
    const size_t at = at_;
    if (TakeKeyword("NOT") || Take('-')) {
      if (++depth_ > kDepthMax) return TooDeep(at);
      TRIBUTARY_ASSIGN_OR_RETURN(Expression part, Term());
      --depth_;
      return Not(std::move(part));
    }
    if (!Take('(')) return Comparison();
    if (++depth_ > kDepthMax) return TooDeep(at);
    TRIBUTARY_ASSIGN_OR_RETURN(Expression inner, Conjunction());
    --depth_;
    if (!Take(')')) return Unexpected("expected a closing bracket");
    return inner;
  }

  absl::StatusOr<Expression> Comparison() {
    Restriction restriction;
    TRIBUTARY_ASSIGN_OR_RETURN(restriction.path, Path());
    SkipSpace();
    if (!AtEnd() && Peek() == '(' && restriction.path.size() == 1) {
      return Function(restriction.path.front());
    }
    restriction.comparator_at = at_;
    bool negated = false;
    const std::optional<Comparator> comparator = TakeComparator(negated);
    if (!comparator.has_value()) {
      return Unexpected("expected a comparator (= != < <= > >= :) after a field");
    }
    restriction.comparator = *comparator;
    SkipSpace();
    TRIBUTARY_RETURN_IF_ERROR(Values(restriction));
    values_ += restriction.values.size();
    TRIBUTARY_ASSIGN_OR_RETURN(Expression term, Add(std::move(restriction)));
    return negated ? Not(std::move(term)) : std::move(term);
  }

  absl::StatusOr<Expression> Function(const Name& name) {
    if (name.text != "changed") {
      return Fault(text_, name.at, name.text,
                   absl::StrCat("no such function", Absl(DidYouMean(name.text, {"changed"})),
                                "; the only one is changed(FIELD)"));
    }
    Take('(');
    Restriction restriction;
    restriction.changed = true;
    TRIBUTARY_ASSIGN_OR_RETURN(restriction.path, Path());
    SkipSpace();
    if (!Take(')')) return Unexpected("expected a closing bracket: changed() takes one field");
    ++values_;
    return Add(std::move(restriction));
  }

  absl::StatusOr<std::vector<Name>> Path() {
    std::vector<Name> path;
    do {
      TRIBUTARY_ASSIGN_OR_RETURN(Name name, PathName());
      path.push_back(std::move(name));
    } while (TakeHere('.'));
    return path;
  }

  absl::StatusOr<Name> PathName() {
    if (AtEnd()) return Unexpected("expected a field");
    Name name{"", at_};
    if (Peek() == '`') return QuotedName(std::move(name));
    if (!IsNameStart(Peek())) return Unexpected("expected a field");
    while (!AtEnd() && IsNamePart(Peek())) name.text += text_[at_++];
    if (IsKeyword(name.text)) {
      return Fault(text_, name.at, name.text, "expected a field, a bracket or NOT");
    }
    return name;
  }

  // A key in backquotes, in which a backquote is doubled.
  absl::StatusOr<Name> QuotedName(Name name) {
    for (++at_; !AtEnd(); name.text += text_[at_++]) {
      if (Peek() != '`') continue;
      ++at_;
      if (AtEnd() || Peek() != '`') return name;
    }
    return Fault(text_, name.at, text_.substr(name.at), "the backquote is not closed");
  }

  std::optional<Comparator> TakeComparator(bool& negated) {
    const bool or_equal = at_ + 1 < text_.size() && text_[at_ + 1] == '=';
    std::optional<Comparator> comparator;
    if (AtEnd()) return comparator;
    switch (Peek()) {
      case '=':
        comparator = Comparator::kEqual;
        ++at_;
        return comparator;
      case ':':
        comparator = Comparator::kHas;
        ++at_;
        return comparator;
      case '!':
        if (!or_equal) return comparator;
        negated = true;
        comparator = Comparator::kEqual;
        break;
      case '<':
        comparator = or_equal ? Comparator::kLessEqual : Comparator::kLess;
        break;
      case '>':
        comparator = or_equal ? Comparator::kGreaterEqual : Comparator::kGreater;
        break;
      default:
        return comparator;
    }
    at_ += or_equal ? 2 : 1;
    return comparator;
  }

  absl::Status Values(Restriction& restriction) {
    const bool list = Take('(');
    do {
      TRIBUTARY_ASSIGN_OR_RETURN(Literal value, Value());
      restriction.values.push_back(std::move(value));
    } while (list && TakeKeyword("OR"));
    if (list && !Take(')'))
      return Unexpected("expected OR or a closing bracket in a list of values");
    return absl::OkStatus();
  }

  absl::StatusOr<Literal> Value() {
    if (AtEnd()) return Unexpected("expected a value");
    Literal value;
    value.at = at_;
    if (Peek() == '"' || Peek() == '\'') {
      TRIBUTARY_RETURN_IF_ERROR(Quoted(value));
    } else {
      TRIBUTARY_RETURN_IF_ERROR(Bare(value));
    }
    value.token = std::string(text_.substr(value.at, at_ - value.at));
    return value;
  }

  absl::Status Bare(Literal& value) {
    const size_t end = std::min(text_.find_first_of(kBareEnd, at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    if (word.empty()) return Unexpected("expected a value");
    if (IsKeyword(word)) {
      return Fault(text_, at_, word, "expected a value; as text it needs quotes");
    }
    if (std::string_view("=!<>:").find(word.front()) != std::string_view::npos) {
      return Fault(text_, at_, word, "there is no such comparator; as text it needs quotes");
    }
    if (word.find('\\') != std::string_view::npos) {
      return Fault(text_, at_, word, "a backslash needs quotes around the value");
    }
    value.pieces.emplace_back();
    for (const char c : word) Extend(value, c, c == '*');
    at_ = end;
    return absl::OkStatus();
  }

  absl::Status Quoted(Literal& value) {
    value.quoted = true;
    value.pieces.emplace_back();
    const char quote = text_[at_++];
    for (; !AtEnd(); ++at_) {
      char c = Peek();
      if (c == quote) {
        ++at_;
        return absl::OkStatus();
      }
      const bool escaped = c == '\\';
      if (escaped) {
        if (++at_ == text_.size()) break;
        c = Peek();
        if (std::string_view("\\\"'*nrt").find(c) == std::string_view::npos) {
          return Fault(text_, at_ - 1, text_.substr(at_ - 1, 2),
                       "no such escape; there are \\\\ \\\" \\' \\* \\n \\r \\t");
        }
        c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
      }
      Extend(value, c, c == '*' && !escaped);
    }
    return Fault(text_, value.at, text_.substr(value.at), "the quote is not closed");
  }

  static void Extend(Literal& value, char c, bool wildcard) {
    if (wildcard) {
      value.pieces.emplace_back();
    } else {
      value.pieces.back() += c;
    }
  }

  absl::StatusOr<Expression> Add(Restriction restriction) {
    if (values_ > kTermsMax) {
      return Fault(text_, restriction.path.front().at, restriction.path.front().text,
                   absl::StrCat("at most ", kTermsMax,
                                " comparisons are allowed, of which each value of a list is one"));
    }
    Expression term{Expression::Kind::kTerm, {}, static_cast<uint8_t>(terms_.size())};
    terms_.push_back(std::move(restriction));
    SkipSpace();
    return term;
  }

  // An expression of one part is that part.
  static Expression Only(Expression whole) {
    if (whole.parts.size() != 1) return whole;
    Expression only = std::move(whole.parts.front());
    return only;
  }
  static Expression Not(Expression part) {
    Expression no{Expression::Kind::kNot, {}, 0};
    no.parts.push_back(std::move(part));
    return no;
  }

  absl::Status TooDeep(size_t at) const {
    return Fault(text_, at, text_.substr(at, 1),
                 absl::StrCat("brackets and NOTs go at most ", kDepthMax, " deep"));
  }

  absl::Status Unexpected(std::string_view rule) const {
    size_t end = at_;
    while (end < text_.size() && IsNamePart(text_[end])) ++end;
    if (end == at_ && end < text_.size()) end = at_ + CharacterBytes();
    return Fault(text_, at_, text_.substr(at_, end - at_), rule);
  }
  size_t CharacterBytes() const {
    size_t bytes = 1;
    while (at_ + bytes < text_.size() &&
           (static_cast<uint8_t>(text_[at_ + bytes]) & 0xC0) == 0x80) {
      ++bytes;
    }
    return bytes;
  }

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return text_[at_]; }
  void SkipSpace() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }
  bool TakeHere(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++at_;
    return true;
  }
  // With the space around it.
  bool Take(char c) {
    SkipSpace();
    if (!TakeHere(c)) return false;
    SkipSpace();
    return true;
  }
  bool TakeKeyword(std::string_view word) {
    SkipSpace();
    if (text_.substr(at_, word.size()) != word) return false;
    const size_t end = at_ + word.size();
    if (end < text_.size() && IsNamePart(text_[end])) return false;
    at_ = end;
    SkipSpace();
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  size_t values_ = 0;
  std::vector<Restriction> terms_;
};

}  // namespace

absl::StatusOr<Syntax> Parse(std::string_view text) {
  if (text.size() > kBytesMax) {
    return Fault("", 0, text,
                 absl::StrCat("has ", text.size(), " bytes, at most ", kBytesMax, " are allowed"));
  }
  if (!IsUtf8(text)) return Fault("", 0, "", "the filter is not UTF-8");
  return Parser(text).Run();
}

}  // namespace tributary::filter
