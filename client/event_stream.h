#pragma once

#include "absl/status/status.h"

namespace tributary {
inline namespace client {

// One stream of events from a server, which ends sooner or later: what ResumableWatch makes an
// endless sequence of. Cancel may be called from any thread, the rest from one.
template <typename Event>
class EventStream {
 public:
  virtual ~EventStream() = default;

  // Waits for the next event. False: the stream has ended, and Finish says why.
  virtual bool Read(Event* event) = 0;

  // How the stream ended. Once, after Read has returned false.
  virtual absl::Status Finish() = 0;

  // Ends the stream soon, with CANCELLED.
  virtual void Cancel() = 0;
};

}  // namespace client
}  // namespace tributary
