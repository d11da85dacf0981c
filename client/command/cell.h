#pragma once

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace tributary::command {

// The value of a field as one cell shows it: an enum in the source's word, a reference as its id,
// with the title of its resource if it was expanded: "s1 (Won)". Empty if it is not set.
std::string CellText(const google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor& field);

// The same of the item `index` of a list.
std::string ItemText(const google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor& field, int index);

// What a person calls a resource: its name, first and last name, or title; empty if it has none.
std::string TitleOf(const google::protobuf::Message& resource);

// A field that holds a google.protobuf.Timestamp.
bool IsTime(const google::protobuf::FieldDescriptor& field);
// A field that holds a reference, or a list of them.
bool IsReference(const google::protobuf::FieldDescriptor& field);

}  // namespace tributary::command
