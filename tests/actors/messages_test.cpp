// What crosses a process survives serialisation, and our actors live beside a host's own types.
#include <type_traits>

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "launchers/simulated.hpp"
#include "memory_store.hpp"

/// A system that embeds AutoTune has messages of its own, with low numbers.
struct HostGreeting {
  std::string text;
};
template <class Inspector>
bool inspect(Inspector& f, HostGreeting& x) {
  return f.object(x).fields(f.field("text", x.text));
}
CAF_BEGIN_TYPE_ID_BLOCK(host, first_custom_type_id)
CAF_ADD_TYPE_ID(host, (HostGreeting))
CAF_END_TYPE_ID_BLOCK(host)

namespace autotune::test {

namespace {

/// Sets every field, in nested messages too, to something that is not its default.
void fill(google::protobuf::Message& message, int depth = 0) {
  using Field = google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      if (depth > 4 || field->is_map())
        continue;
      fill(field->is_repeated() ? *reflection->AddMessage(&message, field)
                                : *reflection->MutableMessage(&message, field),
           depth + 1);
      continue;
    }
    auto set = [&](auto add, auto put, auto value) {
      field->is_repeated() ? (reflection->*add)(&message, field, value)
                           : (reflection->*put)(&message, field, value);
    };
    using R = google::protobuf::Reflection;
    switch (field->cpp_type()) {
      case Field::CPPTYPE_INT32: set(&R::AddInt32, &R::SetInt32, -7 - i); break;
      case Field::CPPTYPE_INT64: set(&R::AddInt64, &R::SetInt64, std::int64_t{1} << 40); break;
      case Field::CPPTYPE_UINT32: set(&R::AddUInt32, &R::SetUInt32, 7u); break;
      case Field::CPPTYPE_UINT64: set(&R::AddUInt64, &R::SetUInt64, ~std::uint64_t{0}); break;
      case Field::CPPTYPE_DOUBLE: set(&R::AddDouble, &R::SetDouble, 0.1 + i); break;
      case Field::CPPTYPE_FLOAT: set(&R::AddFloat, &R::SetFloat, 0.5f); break;
      case Field::CPPTYPE_BOOL: set(&R::AddBool, &R::SetBool, true); break;
      case Field::CPPTYPE_ENUM: set(&R::AddEnumValue, &R::SetEnumValue, 1); break;
      case Field::CPPTYPE_STRING: {
        auto text = field->type() == Field::TYPE_BYTES ? std::string("\0\xff\x80", 3)
                                                       : "t\xc3\xa4xt " + std::to_string(i);
        if (field->is_repeated())
          reflection->AddString(&message, field, text);
        else
          reflection->SetString(&message, field, text);
        break;
      }
      default: FAIL("unknown type of field " << field->full_name());
    }
  }
}

/// A serializer or deserializer: from CAF 1.1 on they know no system.
template <class Codec>
Codec codec_for([[maybe_unused]] caf::actor_system& system, caf::byte_buffer& bytes) {
  if constexpr (std::is_constructible_v<Codec, caf::actor_system&, caf::byte_buffer&>)
    return Codec(system, bytes);
  else
    return Codec(bytes);
}

template <class T>
int number_of() {
  return static_cast<int>(caf::type_id_v<T>);
}

template <class T>
void check_round_trip(caf::actor_system& system) {
  T written;
  fill(written);
  CAPTURE(written.GetDescriptor()->full_name());
  REQUIRE(written.ByteSizeLong() > 0);
  auto message = caf::make_message(written);
  caf::byte_buffer bytes;
  auto sink = codec_for<caf::binary_serializer>(system, bytes);
  REQUIRE(sink.apply(message));
  caf::message read;
  auto source = codec_for<caf::binary_deserializer>(system, bytes);
  REQUIRE(source.apply(read));
  REQUIRE(read.match_elements<T>());
  CHECK(read.get_as<T>(0).SerializeAsString() == written.SerializeAsString());
  // Half of it is refused, not taken for less.
  caf::byte_buffer half(bytes.begin(),
                        bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  auto cut = codec_for<caf::binary_deserializer>(system, half);
  caf::message nothing;
  CHECK_FALSE(cut.apply(nothing));
}

}  // namespace

TEST_CASE("each protobuf type survives the way through CAF", "[messages]") {
  caf::actor_system_config config;
  configure(config);
  caf::actor_system system(config);
  check_round_trip<pb::AttemptPlan>(system);
  check_round_trip<pb::AttemptResult>(system);
  check_round_trip<pb::AttemptNews>(system);
  check_round_trip<pb::ReportsMessage>(system);
  check_round_trip<pb::ControlRequest>(system);
  check_round_trip<pb::ControlResponse>(system);
  check_round_trip<pb::Query>(system);
  check_round_trip<pb::QueryAnswer>(system);
  check_round_trip<pb::Watch>(system);
  check_round_trip<pb::EventBatch>(system);
}

TEST_CASE("the numbers of our message types are for ever", "[messages]") {
  CHECK(number_of<pb::AttemptPlan>() == 40000);
  CHECK(number_of<pb::AttemptResult>() == 40001);
  CHECK(number_of<pb::AttemptNews>() == 40002);
  CHECK(number_of<pb::ReportsMessage>() == 40003);
  CHECK(number_of<pb::ControlRequest>() == 40004);
  CHECK(number_of<pb::ControlResponse>() == 40005);
}

TEST_CASE("our actors live in a host's actor system, beside its own messages", "[messages]") {
  caf::init_global_meta_objects<caf::id_block::host>();
  caf::actor_system_config config;
  configure(config);
  configure(config);  // a host may hold several of our heads
  caf::actor_system system(config);
  auto host = system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const HostGreeting& greeting) { return HostGreeting{greeting.text + ", too"}; }};
  });
  auto database = std::make_shared<MemoryDatabase>();
  HeadOptions options;
  options.writer = memory_writer(database);
  options.open_reader = [database]() -> Result<std::unique_ptr<StoreReader>> {
    return memory_reader(database);
  };
  options.launcher = std::make_shared<SimulatedLauncher>();
  options.node = {"here", 1, 1 << 30, {}};
  auto head = spawn_head(system, options);
  {
    caf::scoped_actor self{system};
    compat::request(self.ptr(), host, std::chrono::seconds(30), HostGreeting{"hello"})
        .receive([](const HostGreeting& answer) { CHECK(answer.text == "hello, too"); },
                 [](const caf::error& error) { FAIL(caf::to_string(error)); });
    pb::ControlRequest request;
    request.mutable_command()->set_experiment_id("none");
    request.mutable_command()->set_verb("resume");
    compat::request(self.ptr(), head.control, std::chrono::seconds(30), request)
        .receive(
            [](const pb::ControlResponse& answer) {
              CHECK(answer.error() == "there is no experiment 'none'");
            },
            [](const caf::error& error) { FAIL(caf::to_string(error)); });
    self->send_exit(host, caf::exit_reason::user_shutdown);
  }
  host = nullptr;
  head.shut_down(system);
}

}  // namespace autotune::test
