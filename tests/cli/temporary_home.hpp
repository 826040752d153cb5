// A home for one test, with what a test wants to be in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "cli/program.hpp"
#include "store/sqlite.hpp"

namespace autotune::test {

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (std::filesystem::temp_directory_path() / "autotune-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::string write(const std::string& name, const std::string& text) const {
    auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

/// What a shell command with "$AUTOTUNE" in it printed (stdout; stderr where it says 2>&1) and how
/// it ended.
inline cli::ProgramOutput shell(const std::string& command,
                                const std::vector<std::string>& environment = {}) {
  auto all = environment;
  all.push_back("AUTOTUNE=" AUTOTUNE_BINARY);
  auto output = cli::run_program({"/bin/sh", "-c", command}, all, std::chrono::seconds(60));
  REQUIRE(output);
  return *output;
}

/// Writes events of one experiment into the home's database.
inline void store_events(const std::filesystem::path& home, const std::string& id,
                         std::vector<pb::Event> events) {
  auto writer = open_writer(database_path(home));
  REQUIRE(writer);
  REQUIRE((*writer)->commit({AppendEvents{id, {}, std::move(events)}}));
}

inline pb::Event submitted(const pb::ExperimentSpec& spec) {
  pb::Event event;
  event.set_at_ms(1'700'000'000'000);
  *event.mutable_experiment_submitted()->mutable_spec() = spec;
  event.mutable_experiment_submitted()->set_seed(7);
  return event;
}

inline pb::Event created(std::int64_t sequence, const std::string& parameters_json) {
  pb::Event event;
  event.set_at_ms(1'700'000'000'000);
  auto& what = *event.mutable_trial_created();
  what.set_sequence(sequence);
  what.set_id("p4iy" + std::string(1, static_cast<char>('a' + sequence % 26)));
  what.set_parameters_json(parameters_json);
  what.set_origin("tuner");
  return event;
}

inline pb::ExperimentSpec named(const std::string& name) {
  pb::ExperimentSpec spec;
  spec.set_name(name);
  spec.set_trial_concurrency(1);
  spec.set_search_space_json("{}");
  auto* goal = spec.mutable_objective()->add_goals();
  goal->set_metric("default");
  goal->set_goal(pb::GOAL_MAXIMIZE);
  return spec;
}

}  // namespace autotune::test
