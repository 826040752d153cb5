// A program with actors of its own that searches with AutoTune in the same actor system.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <numbers>

#include <caf/all.hpp>

#include "actors/admission.hpp"
#include "actors/server.hpp"
#include "function_launcher.hpp"

using namespace autotune;

// --- our own actors and messages; AutoTune's type IDs start at 40000 -------------------------------------------------

/// A trial of the search has ended, or all have: `trial` is -1 then.
struct SearchNews {
  Sequence trial = -1;
  std::string what;
};

CAF_BEGIN_TYPE_ID_BLOCK(embedding, first_custom_type_id)
CAF_ADD_TYPE_ID(embedding, (SearchNews))
CAF_END_TYPE_ID_BLOCK(embedding)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(SearchNews)

namespace {

/// Prints what it hears; keeps its promise when the search is over.
caf::behavior dashboard(std::shared_ptr<std::promise<void>> over) {
  return {[over, ended = 0](const SearchNews& news) mutable {
    if (news.trial >= 0) {
      ++ended;
      return;
    }
    std::cout << "search " << news.what << " after " << ended << " trials\n";
    over->set_value();
  }};
}

/// Hears of each report that is durable.
ReportsActor::behavior_type sink_of(std::shared_ptr<std::atomic<int>> count) {
  return {[count](const pb::ReportsMessage& message) { *count += message.reports_size(); }};
}

// --- our own tuner -------------------------------------------------------------------------------------------------

/// The additive recurrence on powers of the plastic number (Roberts 2018): fills the unit square evenly.
class Plastic : public Tuner {
 public:
  Ask ask(Sequence trial, std::span<const Trial>) const override {
    constexpr double plastic = 1.32471795724474602596;
    auto n = static_cast<double>(trial + 1);
    auto part = [](double x) { return x - std::floor(x); };
    double x = part(0.5 + n / plastic);
    double y = part(0.5 + n / (plastic * plastic));
    return Suggestion{Object{{"x", Value::real(-5 + 15 * x)}, {"y", Value::real(15 * y)}}, ""};
  }
  void tell(const Trial&) override {}
};

AlgorithmInfo plastic_row() {
  AlgorithmInfo row;
  row.name = "Plastic";
  row.summary = "An even sequence of points in two dimensions.";
  row.types = {ParameterType::uniform};
  row.default_direction = Direction::minimize;
  row.make_tuner = [](const TunerSetting&) { return std::make_unique<Plastic>(); };
  return row;
}

// --- what is searched ------------------------------------------------------------------------------------------------

/// Branin's function; its minimum is 0.3979.
double branin(const Value& parameters) {
  using std::numbers::pi;
  double x = parameters.find("x")->to_double().value();
  double y = parameters.find("y")->to_double().value();
  double bowl = y - 5.1 * x * x / (4 * pi * pi) + 5 * x / pi - 6;
  return bowl * bowl + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

constexpr auto experiment = R"(apiVersion: tensorstack.dev/v1beta1
kind: AutoTuneExperiment
metadata: {name: branin}
spec:
  maxTrialNum: 200
  trialConcurrency: 4
  launcher: function
  searchSpace:
    x: {_type: uniform, _value: [-5, 10]}
    y: {_type: uniform, _value: [0, 15]}
  tuner: {builtinTunerName: Plastic}
)";

int fail_with(const std::string& why) {
  std::cerr << "embedding: " << why << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3)
    return fail_with("usage: embedding HOME [FILE]");
  std::string file_name = argc == 3 ? argv[2] : "branin.yaml";
  std::string text = experiment;
  if (argc == 3) {
    std::ifstream in(file_name);
    text.assign(std::istreambuf_iterator<char>(in), {});
    if (!in)
      return fail_with("cannot read " + file_name);
  }
  caf::init_global_meta_objects<caf::id_block::embedding>();
  caf::actor_system_config config;
  autotune::configure(config);
  caf::actor_system system{config};

  // Our actors.
  auto over = std::make_shared<std::promise<void>>();
  auto board = system.spawn(dashboard, over);
  auto reports = std::make_shared<std::atomic<int>>(0);
  auto sink = system.spawn(sink_of, reports);

  // AutoTune's, with our tuner, our launcher and our sink.
  auto table = std::make_shared<AlgorithmTable>();
  if (auto added = table->add(plastic_row()); !added)
    return fail_with(added.error().message);
  ServerConfig server_config;
  server_config.home = argv[1];
  server_config.algorithms = table;
  server_config.launchers["function"] = std::make_unique<FunctionLauncher>(branin);
  server_config.metrics_sink = sink;
  server_config.watcher = [board](const std::string&, const std::vector<pb::Event>& events) {
    for (const auto& event : events) {
      if (event.has_trial_ended())
        compat::anon_send(board, SearchNews{event.trial_ended().sequence(), "trial ended"});
      else if (event.has_phase_changed() && event.phase_changed().phase() == pb::PHASE_DONE)
        compat::anon_send(board, SearchNews{-1, "done"});
    }
  };
  auto server = spawn_server(system, std::move(server_config));
  if (!server)
    return fail_with(server.error().message);

  // The experiment: a file's text, checked as `autotune run` checks it. Or what a killed run of us left half done.
  auto left = (*server)->take_up();
  if (!left)
    return fail_with(left.error().message);
  auto id = left->empty() ? std::string() : left->front();
  if (id.empty()) {
    LoadOptions options;
    options.launchers = {"function"};
    auto file = load_and_check(text, file_name, {}, options, *table);
    for (const auto& diagnostic : file.diagnostics)
      std::cerr << format(diagnostic) << "\n";
    if (!file.ok())
      return fail_with("the experiment has mistakes");
    pb::ControlRequest request;
    *request.mutable_submit()->mutable_spec() = file.experiments.front().spec;
    request.mutable_submit()->mutable_options()->set_folder(
        std::filesystem::absolute(file_name).parent_path().string());  // where its commands start
    auto submitted = (*server)->ask(std::move(request));
    if (!submitted)
      return fail_with(submitted.error().message);
    id = submitted->experiment_id();
  }
  over->get_future().wait();

  auto reader = (*server)->open_reader();
  auto summary = reader ? (*reader)->experiment(id) : tl::unexpected(reader.error());
  if (!summary)
    return fail_with(summary.error().message);
  {
    caf::scoped_actor self{
        system};  // the sink has heard of all when it answers: its messages stand in a line
    compat::request(self.ptr(), sink, std::chrono::minutes(1), pb::ReportsMessage())
        .receive([] {}, [](const caf::error& e) { std::cerr << caf::to_string(e) << "\n"; });
  }
  std::printf("best %.4f with %s in trial %lld, of %d reports\n", summary->best().value(),
              summary->best().parameters_json().c_str(),
              static_cast<long long>(summary->best().sequence()), reports->load());
  server->reset();
  caf::anon_send_exit(board, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(sink, caf::exit_reason::user_shutdown);
  return 0;
}
