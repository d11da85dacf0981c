#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace bench {

// What the webhooks of one run look like.
struct WebhookMix {
  int64_t resources = 100'000;  // ids are 0 to resources - 1
  std::string owner = "acme";
  int owners = 0;   // more than 0: `owner` is a prefix, and each id has one of so many owners
  int stages = 10;  // that the resources are spread over
  bool move_stages = false;  // half of the webhooks put their resource in any of them
  bool in_sequence = false;  // one id after the other in place of any
};

// Makes webhooks of about 1 KB, each with an amount and an idempotency key of its own. The name of
// the resource holds when it was sent ("sent=" and 16 digits of microseconds), for whoever wants to
// know how long it took. Not thread-safe.
class WebhookMaker {
 public:
  WebhookMaker(WebhookMix mix, unsigned seed);

  // Draws the next resource; everything below is about it.
  void Next();

  int64_t id() const { return id_; }
  std::string OwnerId() const;
  // The JSON body alone, as a value for stores that take no webhooks.
  void AppendBody(std::string& out) const;
  // A whole HTTP/1.1 request.
  void AppendRequest(std::string& out);

 private:
  const WebhookMix mix_;
  std::mt19937_64 random_;
  const std::string run_;  // makes keys of different runs different
  int64_t count_ = 0;
  int64_t id_ = 0;
  int stage_ = 0;
  int64_t sent_us_ = 0;
  std::string body_;
};

inline constexpr char kSentMark[] = "sent=";
inline constexpr int kSentDigits = 16;

}  // namespace bench
