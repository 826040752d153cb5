#include "store/event_codec.hpp"

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

TEST_CASE("an event is read as it was written", "[store]") {
  auto event =
      GENERATE(submitted("a"), phase(pb::PHASE_PAUSED, "disk full"), created(3), launched(3, 2),
               started(0), attempt_ended(1, 1, "Failed", "exit code 2"), requeued(1, "lost"),
               ended(2, pb::TRIAL_STATE_KILLED, {{"default", 0.5}}), notice("hello"));
  auto bytes = value(encode_event(event));
  CHECK(value(decode_event(bytes)).SerializeAsString() == event.SerializeAsString());
}

TEST_CASE("each event knows its trial", "[store]") {
  CHECK_FALSE(sequence_of(submitted("a")));
  CHECK_FALSE(sequence_of(notice("hello")));
  CHECK(sequence_of(notice("hello", 4)) == 4);
  CHECK(sequence_of(created(0)) == 0);
  CHECK(sequence_of(ended(5, pb::TRIAL_STATE_FAILED)) == 5);
}

TEST_CASE("damaged events are refused with what is wrong", "[store]") {
  auto refused = [](const pb::Event& event, const char* words) {
    auto bytes = event.SerializeAsString();
    auto decoded = decode_event(bytes);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == ErrorCode::data_loss);
    CHECK_THAT(decoded.error().message, Catch::Contains(words));
    CHECK(encode_event(event).error().code == ErrorCode::invalid_argument);
  };
  refused(pb::Event(), "no kind");
  refused(created(-1), "negative sequence");
  refused(launched(0, 0), "attempt below 1");
  refused(ended(0, pb::TRIAL_STATE_RUNNING), "no end");
  refused(ended(0, static_cast<pb::TrialState>(77)), "no end");
  refused(phase(static_cast<pb::Phase>(99)), "unknown phase");
  auto event = notice("hello");
  event.set_running_ms(-1);
  refused(event, "negative running time");
  pb::Event bare;
  bare.mutable_experiment_submitted();
  refused(bare, "without a spec");
  CHECK(decode_event("\xff\xff\xff").error().code == ErrorCode::data_loss);
  CHECK(decode_event("").error().code == ErrorCode::data_loss);
}

TEST_CASE("every prefix of an event is an event or refused", "[store]") {
  auto bytes = value(encode_event(submitted("a-longer-name")));
  int refused = 0;
  for (std::size_t n = 0; n < bytes.size(); ++n)
    refused += decode_event(bytes.substr(0, n)) ? 0 : 1;
  CHECK(refused > 0);
}

TEST_CASE("text in maps and lists is mended too", "[store]") {
  auto event = submitted("a");
  auto* spec = event.mutable_experiment_submitted()->mutable_spec();
  (*spec->mutable_labels())["k"] = "v\xff";
  spec->add_initial_trials_json("\xc3\x28");
  spec->mutable_training_config()->add_tasks()->mutable_container()->add_args("\xed\xa0\x80");
  auto read = value(decode_event(value(encode_event(event)))).experiment_submitted().spec();
  CHECK(read.labels().at("k") == "v\xef\xbf\xbd");
  CHECK(read.initial_trials_json(0) == "\xef\xbf\xbd(");
  CHECK(read.training_config().tasks(0).container().args(0) ==
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}
