// All resources as lines that `import` takes, and if wanted what changes from then on.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/interrupt.h"
#include "client/command/progress.h"
#include "client/command/text.h"
#include "client/command/verbs.h"
#include "client/feed_client.h"
#include "client/reflect.h"
#include "google/protobuf/util/json_util.h"
#include "tributary/feed/v1/feed.pb.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::command {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using ingest::v1::Event;

struct Request {
  std::vector<const ResourceModel*> models;  // none: all
  Scope scope;
  CallOptions calls;
  WatchOptions watch;
};

absl::StatusOr<Request> ReadRequest(const Arguments& arguments) {
  Request request;
  if (arguments.words().size() > 1) {
    absl::StatusOr<std::vector<const ResourceModel*>> models = ReadModels(arguments);
    if (!models.ok()) return models.status();
    request.models = *std::move(models);
  }
  const absl::StatusOr<v1::View> view = ReadView(arguments);
  if (!view.ok()) return view.status();
  const absl::StatusOr<CallOptions> calls = ReadCallOptions(arguments);
  if (!calls.ok()) return calls.status();
  request.scope = ReadScope(arguments);
  request.calls = *calls;
  request.watch.view = *view;
  request.watch.filter = arguments.Text("filter");
  request.watch.stop_at_head = !arguments.IsOn("follow");
  request.watch.patience.connect_within = calls->timeout;
  request.watch.patience.retry_for = absl::Minutes(5);
  return request;
}

// The resource of a change, which is that of a model's Watch or of the feed; null if this program
// does not know its model.
const Message* ResourceOf(const Message& change) {
  const Message& resource = GetMessage(change, "resource");
  const bool of_feed = resource.GetDescriptor() == feed::v1::Resource::descriptor();
  return of_feed ? ResourceIn(resource) : &resource;
}

// Where resources of this type stand in the event.
Message& MutableResource(const Message& resource, Event& event) {
  feed::v1::Resource& any = *event.mutable_resource();
  const google::protobuf::Descriptor& type = *any.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->message_type() != resource.GetDescriptor()) continue;
    return *any.GetReflection()->MutableMessage(&any, type.field(i));
  }
  return any;  // not of a model: the server has none like that
}

// What a deletion says: the key, and the time of the last state, which it follows.
void PutDeletion(const Message& resource, Message& into) {
  for (const char* name : {"connector_id", "owner_id", "id"}) {
    SetString(into, name, GetString(resource, name));
  }
  if (Has(resource, "updated_at")) {
    MutableMessage(into, "updated_at").CopyFrom(GetMessage(resource, "updated_at"));
  }
}

// The event that brings the change. Its key names the change, so that an event of the same content
// that comes later is not taken for this one.
absl::StatusOr<Event> EventOf(const Message& change, const std::string& store_id) {
  const Message* resource = ResourceOf(change);
  if (resource == nullptr) {
    return absl::FailedPreconditionError(
        "the server has resources of a model that this program does not know: name the models to "
        "be exported");
  }
  Event event;
  event.set_idempotency_key(absl::StrCat(store_id, "/", GetInt64(change, "revision")));
  Message& into = MutableResource(*resource, event);
  const int type = GetEnum(change, "type");
  if (type == v1::CHANGE_TYPE_DELETED || type == v1::CHANGE_TYPE_LEFT) {
    event.set_trigger("deleted");
    PutDeletion(*resource, into);
  } else {
    into.CopyFrom(*resource);
  }
  return event;
}

absl::StatusOr<std::string> LineOf(const Event& event) {
  std::string line;
  const auto status = google::protobuf::util::MessageToJsonString(event, &line);
  if (status.ok()) return line + "\n";
  return absl::DataLossError(
      absl::StrCat("what has the key ", event.idempotency_key(), " cannot be written as JSON: ",
                   std::string(status.message().data(), status.message().size())));
}

// Writes the changes of a watch until it ends.
class Exporter {
 public:
  Exporter(std::string store_id, Session& session)
      : store_id_(std::move(store_id)),
        session_(session),
        progress_(session.err, "export", "resources", 0) {}

  // False: there is no use in going on.
  bool Write(const Message& response) {
    const FieldDescriptor& changes = FieldNamed(response, "changes");
    const Reflection& reflection = *response.GetReflection();
    for (int i = 0; i < reflection.FieldSize(response, &changes) && status_.ok(); ++i) {
      status_ = WriteChange(reflection.GetRepeatedMessage(response, &changes, i));
    }
    session_.out.Flush();
    progress_.Update(count_, 0);
    if (GetBool(response, "snapshot_complete")) {
      progress_.Wipe();
      session_.Note(absl::StrCat(count_, count_ == 1 ? " resource" : " resources", " at revision ",
                                 GetInt64(response, "revision")));
    }
    return status_.ok() && session_.out.status().ok() && !session_.out.closed(/*look=*/true);
  }

  void Say(const std::string& text) { progress_.Say(text); }
  void Wipe() { progress_.Wipe(); }

  // OK, unless something could not be written.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status WriteChange(const Message& change) {
    const absl::StatusOr<Event> event = EventOf(change, store_id_);
    if (!event.ok()) return event.status();
    const absl::StatusOr<std::string> line = LineOf(*event);
    if (!line.ok()) return line.status();
    session_.out.Write(*line);
    ++count_;
    return absl::OkStatus();
  }

  const std::string store_id_;
  Session& session_;
  Progress progress_;
  absl::Status status_;
  int64_t count_ = 0;
};

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  absl::StatusOr<Request> request = ReadRequest(arguments);
  if (!request.ok()) return request.status();
  // Before gRPC starts threads, which would else take the signals.
  Interrupt interrupt;
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  const absl::StatusOr<v1::GetServerInfoResponse> server = AskServer(*channel, request->calls);
  if (!server.ok()) return server.status();
  Exporter exporter(server->store_id(), session);
  request->watch.on_retry = [&](const absl::Status& status, absl::Duration wait) {
    exporter.Say(absl::StrCat("tributary export: ", RetryText(status, wait)));
  };
  const auto watch = StartWatch(*channel, request->models, request->scope, request->watch);
  interrupt.OnSignal([&] { watch->Cancel(); });
  bool more = true;
  while (more) {
    const std::optional<MessagePtr> response = watch->Next();
    if (!response.has_value()) break;
    more = exporter.Write(**response);
  }
  interrupt.OnSignal(nullptr);
  exporter.Wipe();
  if (!exporter.status().ok()) return exporter.status();
  if (interrupt.signal() != 0) return 128 + interrupt.signal();
  if (!more || watch->status().ok()) return kExitOk;
  return watch->status();
}

}  // namespace

Verb ExportVerb() {
  return {
      .name = "export",
      .synopsis = "[MODEL...|all]",
      .summary = "writes all resources as lines that import takes",
      .description =
          "One line of JSON for each resource (tributary.ingest.v1.Event), as they are at one "
          "revision, with\n"
          "everything that is known of them. With --follow also a line for each change from "
          "then on, until\n"
          "Ctrl-C. With a filter what leaves it is deleted where the lines are imported, as "
          "what is deleted;\n"
          "of several models it speaks of what all models have.",
      .examples = {"tributary export all --owner=acme > acme.jsonl",
                   "tributary export opportunities stages --connector=hubspot | gzip > deals.gz",
                   "tributary export contacts --filter='email:*' --view=basic",
                   "tributary export all --follow | "
                   "tributary import - --address=standby:50051"},
      .flags = Concat({ScopeFlags(),
                       {{.name = "filter", .value = "FILTER", .help = "which ones"},
                        {.name = "view",
                         .value = "VIEW",
                         .help = "basic, or full: with raw_resource",
                         .fallback = "full"},
                        {.name = "follow", .help = "go on with what changes"}},
                       ServerFlags()}),
      .run = Run};
}

}  // namespace tributary::command
