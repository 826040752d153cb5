// What has once been written to a disk or sent by an older version is read for ever: field numbers, names and
// enum values stay, and bytes recorded earlier still mean the same. New fields are recorded by
//   AUTOTUNE_UPDATE_GOLDEN=1 build/bin/messages_test '[golden]'
// which appends to golden_fields.txt and golden_bytes.txt and never changes a line.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <catch2/catch.hpp>

#include "messages/cluster.pb.h"
#include "messages/control.pb.h"
#include "messages/enrolment.pb.h"
#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/keeper.pb.h"
#include "messages/node.pb.h"
#include "messages/trial.pb.h"

namespace {

using namespace autotune;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

const std::string folder = std::string(AUTOTUNE_SOURCE_DIR) + "/tests/messages/";

std::vector<const FileDescriptor*> files() {
  return {pb::ExperimentSpec::descriptor()->file(),
          pb::Report::descriptor()->file(),
          pb::Event::descriptor()->file(),
          pb::AttemptPlan::descriptor()->file(),
          pb::KeeperRequest::descriptor()->file(),
          pb::NodeFrame::descriptor()->file(),
          pb::EnrolmentRequest::descriptor()->file(),
          pb::Query::descriptor()->file()};
}

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream in(folder + name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      lines.push_back(line);
  return lines;
}

void append_lines(const std::string& name, const std::vector<std::string>& lines) {
  std::ofstream out(folder + name, std::ios::app);
  for (const auto& line : lines)
    out << line << "\n";
}

bool updating() { return std::getenv("AUTOTUNE_UPDATE_GOLDEN") != nullptr; }

/// "Event.at_ms = 1 int64", "Event.what.notice = 16 Notice", "RunOptions.volumes = 1 map<string, string>".
std::string line_of(const FieldDescriptor* field) {
  auto type_of = [](const FieldDescriptor* f) {
    if (f->type() == FieldDescriptor::TYPE_MESSAGE)
      return f->message_type()->name();
    return f->type() == FieldDescriptor::TYPE_ENUM ? f->enum_type()->name()
                                                   : std::string(f->type_name());
  };
  std::string type = type_of(field);
  if (field->is_map())
    type = "map<" + type_of(field->message_type()->map_key()) + ", " +
           type_of(field->message_type()->map_value()) + ">";
  else if (field->is_repeated())
    type = "repeated " + type;
  else if (field->real_containing_oneof() == nullptr && field->has_presence() &&
           field->type() != FieldDescriptor::TYPE_MESSAGE)
    type = "optional " + type;
  std::string oneof;
  if (const auto* choice = field->real_containing_oneof())
    oneof = choice->name() + ".";
  return field->containing_type()->name() + "." + oneof + field->name() + " = " +
         std::to_string(field->number()) + " " + type;
}

std::vector<std::string> all_lines() {
  std::vector<std::string> lines;
  for (const auto* file : files()) {
    for (int i = 0; i < file->enum_type_count(); ++i)
      for (int j = 0; j < file->enum_type(i)->value_count(); ++j)
        lines.push_back(file->enum_type(i)->name() + "." + file->enum_type(i)->value(j)->name() +
                        " = " + std::to_string(file->enum_type(i)->value(j)->number()));
    for (int i = 0; i < file->message_type_count(); ++i)
      for (int j = 0; j < file->message_type(i)->field_count(); ++j)
        lines.push_back(line_of(file->message_type(i)->field(j)));
  }
  return lines;
}

/// Fills a message with values made from field numbers; only fields that are listed, and of each oneof its
/// `choice`-th. What is nested is filled likewise.
class Filler {
 public:
  Filler(const std::set<std::string>& listed, int choice) : listed_(listed), choice_(choice) {}

  void fill(Message& message) const {
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (!descriptor->options().map_entry() && !listed_.contains(line_of(field)))
        continue;
      const auto* oneof = field->real_containing_oneof();
      if (oneof != nullptr && field->index_in_oneof() != choice_ % oneof->field_count())
        continue;
      // One entry of a map, since their order is not fixed; two of a list.
      const int n = field->is_map() ? 1 : field->is_repeated() ? 2 : 1;
      for (int k = 0; k < n; ++k)
        put(message, field, k);
    }
  }

 private:
  void put(Message& message, const FieldDescriptor* field, int k) const {
    const auto* r = message.GetReflection();
    const bool many = field->is_repeated();
    const int x = field->number() * 10 + k + 1;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return many ? r->AddInt32(&message, field, x) : r->SetInt32(&message, field, x);
      case FieldDescriptor::CPPTYPE_INT64:
        return many ? r->AddInt64(&message, field, -x) : r->SetInt64(&message, field, -x);
      case FieldDescriptor::CPPTYPE_UINT32:
        return many ? r->AddUInt32(&message, field, x) : r->SetUInt32(&message, field, x);
      case FieldDescriptor::CPPTYPE_UINT64:
        return many ? r->AddUInt64(&message, field, x) : r->SetUInt64(&message, field, x);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return many ? r->AddDouble(&message, field, x + 0.5)
                    : r->SetDouble(&message, field, x + 0.5);
      case FieldDescriptor::CPPTYPE_BOOL:
        return many ? r->AddBool(&message, field, true) : r->SetBool(&message, field, true);
      case FieldDescriptor::CPPTYPE_ENUM:
        return many ? r->AddEnumValue(&message, field, 1) : r->SetEnumValue(&message, field, 1);
      case FieldDescriptor::CPPTYPE_STRING: {
        auto text = "s" + std::to_string(x);
        return many ? r->AddString(&message, field, text) : r->SetString(&message, field, text);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return fill(many ? *r->AddMessage(&message, field) : *r->MutableMessage(&message, field));
      default: FAIL("a type that the golden test does not know: " << line_of(field));
    }
  }

  const std::set<std::string>& listed_;
  int choice_;
};

std::string bytes_of(const Message& message) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

std::string hex(const std::string& bytes) {
  const char* digits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::string unhex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

std::unique_ptr<Message> make(const Descriptor* descriptor) {
  const auto* prototype = MessageFactory::generated_factory()->GetPrototype(descriptor);
  return std::unique_ptr<Message>(prototype->New());
}

/// One filled message per type and per choice of its largest oneof: "Event/3" -> hex.
std::map<std::string, std::string> filled(const std::set<std::string>& listed) {
  std::map<std::string, std::string> out;
  for (const auto* file : files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const auto* descriptor = file->message_type(i);
      int choices = 1;
      for (int j = 0; j < descriptor->real_oneof_decl_count(); ++j)
        choices = std::max(choices, descriptor->oneof_decl(j)->field_count());
      for (int choice = 0; choice < choices; ++choice) {
        auto message = make(descriptor);
        Filler(listed, choice).fill(*message);
        out[descriptor->name() + "/" + std::to_string(choice)] = hex(bytes_of(*message));
      }
    }
  }
  return out;
}

bool knows_all_fields(const Message& message) {
  const auto* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty())
    return false;
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
      continue;
    const int n = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < n; ++i)
      if (!knows_all_fields(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                                 : reflection->GetMessage(message, field)))
        return false;
  }
  return true;
}

std::pair<std::string, std::string> split(const std::string& line) {
  auto space = line.find(' ');
  return {line.substr(0, space), line.substr(space + 1)};
}

}  // namespace

TEST_CASE("field numbers, names and enum values stay", "[messages][golden]") {
  const auto now = all_lines();
  auto recorded = lines_of("golden_fields.txt");
  std::set<std::string> have(recorded.begin(), recorded.end());
  std::vector<std::string> fresh;
  for (const auto& line : now)
    if (!have.contains(line))
      fresh.push_back(line);
  if (updating()) {
    append_lines("golden_fields.txt", fresh);
    fresh.clear();
  }
  const std::set<std::string> known(now.begin(), now.end());
  for (const auto& line : recorded) {
    INFO("gone or changed, but old bytes still hold it: " << line);
    CHECK(known.contains(line));
  }
  for (const auto& line : fresh) {
    INFO("not recorded yet; run with AUTOTUNE_UPDATE_GOLDEN=1: " << line);
    CHECK(have.contains(line));
  }
}

TEST_CASE("a filled message gives the recorded bytes", "[messages][golden]") {
  auto fields = lines_of("golden_fields.txt");
  const auto now = filled({fields.begin(), fields.end()});
  REQUIRE(now.size() > 50);
  std::map<std::string, std::string> recorded;  // the last of a name is that of all recorded fields
  for (const auto& line : lines_of("golden_bytes.txt"))
    recorded[split(line).first] = split(line).second;
  if (updating()) {
    std::vector<std::string> fresh;
    for (const auto& [name, bytes] : now)
      if (auto& old = recorded[name]; old != bytes) {
        fresh.push_back(name + " " + bytes);
        old = bytes;
      }
    append_lines("golden_bytes.txt", fresh);
  }
  for (const auto& [name, bytes] : now) {
    CAPTURE(name);
    CHECK(recorded[name] == bytes);
  }
}

TEST_CASE("bytes of older versions still mean the same", "[messages][golden]") {
  const auto lines = lines_of("golden_bytes.txt");
  REQUIRE(lines.size() > 50);
  for (const auto& line : lines) {
    const auto [name, bytes] = split(line);
    CAPTURE(name);
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            "autotune.pb." + name.substr(0, name.find('/')));
    REQUIRE(descriptor != nullptr);
    auto message = make(descriptor);
    REQUIRE(message->ParseFromString(unhex(bytes)));
    CHECK(knows_all_fields(*message));
    CHECK(hex(bytes_of(*message)) == bytes);
  }
}
