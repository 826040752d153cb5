#include "store/event_codec.hpp"

#include <type_traits>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace autotune {
namespace {

/// Length of the UTF-8 character that starts at `at`, 0 where there is none (overlong forms, surrogates).
std::size_t character_length(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto lead = byte(at);
  if (lead < 0x80)
    return 1;
  std::size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + n > text.size())
    return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(at + i) & 0xc0) != 0x80)
      return 0;
  auto second = byte(at + 1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
    return 0;
  return n;
}

}  // namespace

std::string mend_utf8(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto n = character_length(text, at);
    if (n == 0) {
      out += "\xef\xbf\xbd";
      ++at;
    } else {
      out += text.substr(at, n);
      at += n;
    }
  }
  return out;
}

namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    auto n = character_length(text, at);
    if (n == 0)
      return false;
    at += n;
  }
  return true;
}

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Calls `visit(message, field, i)` for each string that is not UTF-8; i is -1 where the field is no list.
template <class M, class Visit>
void for_each_bad_text(M& message, const Visit& visit) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  std::string scratch;
  for (const auto* field : fields) {
    const int n = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < n; ++i) {
      const int at = field->is_repeated() ? i : -1;
      if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
        if constexpr (std::is_const_v<M>)
          for_each_bad_text(at < 0 ? reflection->GetMessage(message, field)
                                   : reflection->GetRepeatedMessage(message, field, i),
                            visit);
        else
          for_each_bad_text(at < 0 ? *reflection->MutableMessage(&message, field)
                                   : *reflection->MutableRepeatedMessage(&message, field, i),
                            visit);
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        const auto& text =
            at < 0 ? reflection->GetStringReference(message, field, &scratch)
                   : reflection->GetRepeatedStringReference(message, field, i, &scratch);
        if (!is_utf8(text))
          visit(message, field, at);
      }
    }
  }
}

bool is_clean(const Message& message) {
  bool clean = true;
  for_each_bad_text(message, [&](const Message&, const FieldDescriptor*, int) { clean = false; });
  return clean;
}

void mend(Message& message) {
  for_each_bad_text(message, [](Message& in, const FieldDescriptor* field, int i) {
    const auto* reflection = in.GetReflection();
    if (i < 0)
      reflection->SetString(&in, field, mend_utf8(reflection->GetString(in, field)));
    else
      reflection->SetRepeatedString(&in, field, i,
                                    mend_utf8(reflection->GetRepeatedString(in, field, i)));
  });
}

const char* check_attempt(std::int64_t sequence, std::int64_t attempt) {
  if (sequence < 0)
    return "a negative sequence";
  return attempt < 1 ? "an attempt below 1" : nullptr;
}

const char* check_ended(const pb::TrialEnded& ended) {
  if (ended.sequence() < 0)
    return "a negative sequence";
  if (!pb::TrialState_IsValid(ended.state()) || ended.state() < pb::TRIAL_STATE_SUCCEEDED)
    return "a trial that ended in a state that is no end";
  return nullptr;
}

const char* check_phase(const pb::PhaseChanged& changed) {
  if (!pb::Phase_IsValid(changed.phase()) || changed.phase() == pb::PHASE_UNSPECIFIED)
    return "an unknown phase";
  return nullptr;
}

/// What is wrong with an event; nullptr: nothing.
const char* check(const pb::Event& event) {
  auto sequence_only = [](std::int64_t sequence) {
    return sequence < 0 ? "a negative sequence" : nullptr;
  };
  if (event.running_ms() < 0)
    return "a negative running time";
  switch (event.what_case()) {
    case pb::Event::kExperimentSubmitted:
      return event.experiment_submitted().has_spec() ? nullptr : "a submission without a spec";
    case pb::Event::kPhaseChanged: return check_phase(event.phase_changed());
    case pb::Event::kTrialCreated: return sequence_only(event.trial_created().sequence());
    case pb::Event::kAttemptLaunched:
      return check_attempt(event.attempt_launched().sequence(), event.attempt_launched().attempt());
    case pb::Event::kAttemptStarted:
      return check_attempt(event.attempt_started().sequence(), event.attempt_started().attempt());
    case pb::Event::kAttemptEnded:
      return check_attempt(event.attempt_ended().sequence(), event.attempt_ended().attempt());
    case pb::Event::kTrialRequeued: return sequence_only(event.trial_requeued().sequence());
    case pb::Event::kTrialEnded: return check_ended(event.trial_ended());
    case pb::Event::kTrialStopRequested:
      return sequence_only(event.trial_stop_requested().sequence());
    case pb::Event::kLinesRejected:
      return check_attempt(event.lines_rejected().sequence(), event.lines_rejected().attempt());
    case pb::Event::kReplicaRestarted:
      return check_attempt(event.replica_restarted().sequence(),
                           event.replica_restarted().attempt());
    case pb::Event::kTrialEnqueued:
    case pb::Event::kSpecEdited:
    case pb::Event::kWarmStarted:
    case pb::Event::kNotice: return nullptr;
    case pb::Event::WHAT_NOT_SET: return "no kind that this version knows";
  }
  return "no kind that this version knows";
}

}  // namespace

std::optional<Sequence> sequence_of(const pb::Event& event) {
  switch (event.what_case()) {
    case pb::Event::kTrialCreated: return event.trial_created().sequence();
    case pb::Event::kAttemptLaunched: return event.attempt_launched().sequence();
    case pb::Event::kAttemptStarted: return event.attempt_started().sequence();
    case pb::Event::kAttemptEnded: return event.attempt_ended().sequence();
    case pb::Event::kTrialRequeued: return event.trial_requeued().sequence();
    case pb::Event::kTrialEnded: return event.trial_ended().sequence();
    case pb::Event::kTrialStopRequested: return event.trial_stop_requested().sequence();
    case pb::Event::kLinesRejected: return event.lines_rejected().sequence();
    case pb::Event::kReplicaRestarted: return event.replica_restarted().sequence();
    case pb::Event::kNotice:
      if (event.notice().sequence() >= 0)
        return event.notice().sequence();
      return std::nullopt;
    default: return std::nullopt;
  }
}

const char* decode_event(std::string_view bytes, pb::Event& event) {
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return "no event";
  return check(event);
}

Result<pb::Event> decode_event(std::string_view bytes) {
  pb::Event event;
  if (const auto* wrong = decode_event(bytes, event))
    return fail(ErrorCode::data_loss, "a stored event is damaged: its " +
                                          std::to_string(bytes.size()) + " bytes hold " + wrong);
  return event;
}

Result<std::string> encode_event(const pb::Event& event) {
  if (const auto* wrong = check(event))
    return fail(ErrorCode::invalid_argument,
                std::string("an event was to be stored that holds ") + wrong);
  if (is_clean(event))
    return event.SerializeAsString();
  auto copy = event;
  mend(copy);
  return copy.SerializeAsString();
}

}  // namespace autotune
