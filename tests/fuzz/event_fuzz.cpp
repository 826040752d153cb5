// Any bytes as what the store keeps: a row's event, a row's metrics, and a list of events (each with two bytes of
// length before it) that drives the rows of an experiment. What is accepted is written back the same, and counts
// always tell where the trials are.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "store/event_codec.hpp"
#include "store/metric_codec.hpp"
#include "store/rows.hpp"

namespace {

using namespace autotune;

void require(bool condition, const char* what) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// The same bytes for equal events, whatever the order of a map.
std::string canonical(const pb::Event& event) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  event.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

void check_event(std::string_view bytes) {
  auto event = decode_event(bytes);
  if (!event) {
    require(event.error().code == ErrorCode::data_loss, "a damaged event is no loss of data");
    return;
  }
  auto sequence = sequence_of(*event);
  require(!sequence || *sequence >= 0, "a negative sequence was accepted");
  auto written = encode_event(*event);
  require(written.has_value(), "an event that was read cannot be written");
  auto again = decode_event(*written);
  require(again.has_value(), "an event that was written cannot be read");
  require(canonical(*again) == canonical(*event), "an event changes when it is written and read");
}

void check_metrics(std::string_view bytes) {
  Metrics metrics;
  if (decode_metrics(bytes, metrics))
    require(encode_metrics(metrics) == bytes, "metrics change when they are read and written");
}

void check_counts(const ExperimentRow& experiment, const std::map<Sequence, TrialRow>& trials) {
  const auto& counts = experiment.counts;
  std::map<pb::TrialState, std::int64_t> seen;
  for (const auto& [sequence, trial] : trials)
    ++seen[trial.state];
  require(counts.pending() == seen[pb::TRIAL_STATE_PENDING], "pending trials are miscounted");
  require(counts.running() == seen[pb::TRIAL_STATE_RUNNING], "running trials are miscounted");
  require(counts.succeeded() == seen[pb::TRIAL_STATE_SUCCEEDED], "succeeded trials are miscounted");
  require(counts.failed() == seen[pb::TRIAL_STATE_FAILED], "failed trials are miscounted");
  require(counts.early_stopped() == seen[pb::TRIAL_STATE_EARLY_STOPPED],
          "stopped ones are miscounted");
  require(counts.killed() == seen[pb::TRIAL_STATE_KILLED], "killed trials are miscounted");
  if (!experiment.best_sequence)
    return;
  auto best = trials.find(*experiment.best_sequence);
  require(best != trials.end() && best->second.state == pb::TRIAL_STATE_SUCCEEDED,
          "the best trial has not succeeded");
}

void check_rows(std::string_view bytes) {
  // The store reads an experiment's objective before a trial's end: here it is that of an empty spec.
  ExperimentRow experiment = row_of("e-aaaaa", pb::Event());
  pb::ExperimentSpec spec;
  std::map<Sequence, TrialRow> trials;
  while (bytes.size() >= 2) {
    const auto n = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
                   static_cast<unsigned char>(bytes[1]);
    bytes.remove_prefix(2);
    const auto one = bytes.substr(0, n);
    bytes.remove_prefix(one.size());
    auto event = decode_event(one);
    if (!event)
      continue;
    const auto sequence = sequence_of(*event);
    auto trial = sequence ? trials.find(*sequence) : trials.end();
    if (event->has_experiment_submitted() && trials.empty()) {
      experiment = row_of("e-aaaaa", *event);
    } else if (event->has_trial_created() && trial == trials.end()) {
      trials.emplace(*sequence, row_of(*event, experiment));
    } else if (event->has_spec_edited()) {
      edit(event->spec_edited(), spec, experiment);
    } else {
      apply(*event, experiment, trial == trials.end() ? nullptr : &trial->second);
    }
    check_counts(experiment, trials);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Protobuf tells of each string that is not UTF-8; here they come by the million.
  static const google::protobuf::LogSilencer silence;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_event(bytes);
  check_metrics(bytes);
  check_rows(bytes);
  return 0;
}
