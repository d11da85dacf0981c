#include "client/command/connection.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/channel.h"
#include "client/command/exit_code.h"
#include "client/command/suggest.h"
#include "client/feed_client.h"
#include "client/rpc.h"

namespace tributary::command {

std::vector<Flag> ServerFlags() {
  return {{.name = "address",
           .value = "HOST:PORT",
           .help = "the server's gRPC address",
           .fallback = "127.0.0.1:50051"},
          {.name = "timeout",
           .value = "DURATION",
           .help = "how long to wait for an answer",
           .fallback = "10s"}};
}

std::vector<Flag> ScopeFlags() {
  return {
      {.name = "connector", .value = "ID", .help = "the connector, such as hubspot", .letter = 'c'},
      {.name = "owner", .value = "ID", .help = "the owner: your customer's id", .letter = 'O'}};
}

Flag OutputFlag(std::string_view formats) {
  return {.name = "output",
          .value = "FORMAT",
          .help = std::string(formats),
          .fallback = "table",
          .letter = 'o'};
}

Flag ViewFlag() {
  return {.name = "view",
          .value = "VIEW",
          .help = "basic, or full: with raw_resource",
          .fallback = "basic"};
}

std::vector<Flag> ReadFlags() {
  return {ViewFlag(),
          {.name = "expand",
           .value = "FIELDS",
           .help = "with the resources that these references refer to: stage,owner"},
          {.name = "at", .value = "REVISION", .help = "as it was at this revision"}};
}

std::vector<Flag> Concat(std::initializer_list<std::vector<Flag>> lists) {
  std::vector<Flag> all;
  for (const std::vector<Flag>& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Arguments& arguments) {
  const std::string address = arguments.Text("address");
  if (address.empty()) return UsageError("--address is empty");
  return Connect(address);
}

absl::StatusOr<CallOptions> ReadCallOptions(const Arguments& arguments) {
  const absl::StatusOr<absl::Duration> timeout = arguments.Value<absl::Duration>("timeout");
  if (!timeout.ok()) return timeout.status();
  if (*timeout <= absl::ZeroDuration()) return UsageError("--timeout must be more than nothing");
  return CallOptions{.timeout = *timeout};
}

Scope ReadScope(const Arguments& arguments) {
  return {arguments.Text("connector"), arguments.Text("owner")};
}

absl::StatusOr<v1::View> ReadView(const Arguments& arguments) {
  const std::string view = arguments.Text("view");
  if (view == "basic") return v1::VIEW_BASIC;
  if (view == "full") return v1::VIEW_FULL;
  return UsageError(absl::StrCat("--view=", view, ": wants basic or full"));
}

absl::StatusOr<ReadOptions> ReadReadOptions(const Arguments& arguments) {
  const absl::StatusOr<v1::View> view = ReadView(arguments);
  if (!view.ok()) return view.status();
  ReadOptions options{.view = *view};
  for (const absl::string_view name :
       absl::StrSplit(arguments.Text("expand"), ',', absl::SkipWhitespace())) {
    options.expand.emplace_back(absl::StripAsciiWhitespace(name));
  }
  if (arguments.Text("at").empty()) return options;
  const absl::StatusOr<int64_t> revision = arguments.Value<int64_t>("at");
  if (!revision.ok()) return revision.status();
  if (*revision < 1) return UsageError("--at must be 1 or more: the first change has revision 1");
  options.read_revision = *revision;
  return options;
}

absl::StatusOr<const ResourceModel*> ReadModel(const std::string& word) {
  const ResourceModel* model = ResourceModel::Find(word);
  if (model != nullptr) return model;
  std::vector<std::string> names;
  for (const ResourceModel& known : ResourceModel::All()) {
    names.insert(names.end(), {known.singular(), known.plural(), known.id()});
  }
  return UsageError(absl::StrCat("unknown model \"", word, "\"", DidYouMean(word, names),
                                 "; `tributary models` lists them"));
}

absl::Status NoModelNamed() { return UsageError("which model? `tributary models` lists them"); }

absl::StatusOr<ResourceClient> OpenClient(const Arguments& arguments) {
  if (arguments.words().size() < 2) return NoModelNamed();
  const absl::StatusOr<const ResourceModel*> model = ReadModel(arguments.words()[1]);
  if (!model.ok()) return model.status();
  absl::StatusOr<CallOptions> options = ReadCallOptions(arguments);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  return ResourceClient(*std::move(channel), **model, ReadScope(arguments), *std::move(options));
}

absl::StatusOr<std::vector<const ResourceModel*>> ReadModels(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.words();
  if (words.size() < 2) return NoModelNamed();
  std::vector<const ResourceModel*> models;
  if (words.size() == 2 && words[1] == "all") return models;
  for (size_t i = 1; i < words.size(); ++i) {
    const absl::StatusOr<const ResourceModel*> model = ReadModel(words[i]);
    if (!model.ok()) return model.status();
    models.push_back(*model);
  }
  return models;
}

std::unique_ptr<ResourceClient::Watch> StartWatch(const std::shared_ptr<grpc::Channel>& channel,
                                                  const std::vector<const ResourceModel*>& models,
                                                  const Scope& scope, const WatchOptions& options) {
  if (models.size() == 1) return ResourceClient(channel, *models[0], scope).StartWatch(options);
  std::vector<std::string> ids;
  for (const ResourceModel* model : models) ids.push_back(model->id());
  return FeedClient(channel, scope).StartWatch(ids, options);
}

absl::StatusOr<v1::GetServerInfoResponse> AskServer(const std::shared_ptr<grpc::Channel>& channel,
                                                    const CallOptions& options) {
  const google::protobuf::Descriptor& request = *v1::GetServerInfoRequest::descriptor();
  const std::string method = PathOf(
      *request.file()->FindServiceByName("ServerService")->FindMethodByName("GetServerInfo"));
  v1::GetServerInfoResponse info;
  const absl::Status status = CallUnary(channel, method, v1::GetServerInfoRequest(), options, info);
  if (!status.ok()) return status;
  return info;
}

}  // namespace tributary::command
