#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/command/output.h"
#include "client/command/table.h"
#include "client/model.h"
#include "client/resource_client.h"
#include "google/protobuf/message.h"

namespace tributary::command {

// How results are shown.
enum class Format {
  kTable,   // for a person; cut to the terminal, whole in a file
  kJson,    // proto3 JSON, indented; a list is one array
  kJsonl,   // proto3 JSON, one line each
  kSource,  // the source's own JSON; a single one indented, else one line each
};

absl::StatusOr<Format> ParseFormat(std::string_view text);

// Writes one resource whole; as a table, one line per field.
void PrintResource(const google::protobuf::Message& resource, Format format, Output& out);

// Writes resources of one model as they come. Not thread-safe.
class ResourcePrinter {
 public:
  // Columns for connector and owner are there where `scope` leaves them open.
  ResourcePrinter(const ResourceModel& model, const Scope& scope, Format format, Output& out);

  void Print(const google::protobuf::Message& resource);
  // After what belongs together, such as a page: shows it.
  void Flush();
  // After the last.
  void Finish();

 private:
  const Format format_;
  Output& out_;
  Table table_;
  bool any_ = false;
  const bool show_connector_;
  const bool show_owner_;
};

// Writes changes of one model, or of the feed over all of them, as they come. Not thread-safe.
class ChangePrinter {
 public:
  // `model` is null for the feed, whose table has the model and the title of each resource.
  // With `differences`, in place of a table, one line for each change that says what it has
  // changed, as DifferenceText does.
  ChangePrinter(const ResourceModel* model, const Scope& scope, Format format, bool differences,
                Output& out);

  void Print(const google::protobuf::Message& change);
  void Flush();

 private:
  // One change of a model; of the feed, as the Watch of its model would send it.
  void PrintTyped(const google::protobuf::Message& change);
  void AddRow(const google::protobuf::Message& change);
  std::string Line(const google::protobuf::Message& change) const;

  const ResourceModel* const model_;
  const Format format_;
  const bool differences_;
  Output& out_;
  Table table_;
  const bool show_connector_;
  const bool show_owner_;
};

}  // namespace tributary::command
