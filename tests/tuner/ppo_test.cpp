#include "tuner/ppo.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

std::vector<Value> words(std::initializer_list<const char*> list) {
  std::vector<Value> values;
  for (const auto* w : list)
    values.emplace_back(std::string(w));
  return values;
}

Parameter layers(const char* name, std::initializer_list<const char*> list) {
  Parameter p;
  p.name = name;
  p.type = T::layer_choice;
  p.choices = words(list);
  return p;
}

/// Every value that 200 asks give to a parameter.
std::set<std::string> values_of(const Parameter& parameter) {
  // A second parameter, so that the space isn't used up.
  auto tuner = make("PPOTuner", {{parameter, layer("many", 1000)}}, 1);
  std::set<std::string> all;
  for (Sequence i = 0; i < 200; ++i)
    all.insert(to_json(*std::get<Suggestion>(tuner->ask(i, {})).parameters.find(parameter.name)));
  return all;
}

std::int64_t index_of(const Value& parameters, const std::string& name) {
  const auto& index = *parameters.find(name)->find("_idx");
  if (const auto* list = index.as_array())
    return list->empty() ? -1 : list->front().to_integer().value();
  return index.to_integer().value();
}

using Set = std::set<std::string>;

}  // namespace

TEST_CASE("layers and inputs have the shapes that scripts expect", "[ppo]") {
  // Origin: nni-compat.md 3.9.
  CHECK(values_of(layers("x", {"conv", "pool"})) ==
        Set{R"({"_value":"conv","_idx":0})", R"({"_value":"pool","_idx":1})"});
  CHECK(values_of(input("x", words({"a", "b"}), {1})) ==
        Set{R"({"_value":["a"],"_idx":[0]})", R"({"_value":["b"],"_idx":[1]})"});
  CHECK(values_of(input("x", words({"a", "b"}), {0, 1})) == Set{R"({"_value":["a"],"_idx":[0]})",
                                                                R"({"_value":["b"],"_idx":[1]})",
                                                                R"({"_value":[],"_idx":[]})"});
  CHECK(values_of(input("x", words({"a", "b"}), {0})) == Set{"[]"});
}

TEST_CASE("parameters of the user's are taken in the same shapes, and others refused", "[ppo]") {
  Space space({{layers("op", {"conv", "pool"}), input("in", words({"a", "b"}), {0, 1})}});
  auto error = [&](const char* json) {
    auto contained = space.contains(parse_json(json).value());
    return contained ? std::string() : contained.error().message;
  };
  CHECK(error(R"({"op":{"_value":"pool","_idx":1},"in":{"_idx":[],"_value":[]}})").empty());
  CHECK(
      error(R"({"op":"pool","in":{"_value":["a"],"_idx":[0]}})") ==
      R"(parameter 'op' is "pool", not of the form {"_value":"conv","_idx":0}, with one of ["conv","pool"])");
  CHECK_FALSE(
      error(R"({"op":{"_value":"pool","_idx":0},"in":{"_value":["a"],"_idx":[0]}})").empty());
  CHECK_FALSE(
      error(R"({"op":{"_value":"pool","_idx":1},"in":{"_value":["c"],"_idx":[2]}})").empty());
  auto rng = rng_for(1, 1);
  auto whole = space.complete(parse_json(R"({"op":{"_value":"pool","_idx":1}})").value(), rng);
  REQUIRE(whole);
  CHECK(space.contains(*whole));
}

TEST_CASE("the network's slopes are those of its outputs", "[ppo]") {
  PolicyNetwork network({3, 2, 4}, Rng(5));
  Rng rng(6);
  for (auto& w : network.weights())
    w += 0.3 * rng.normal();
  PolicyNetwork::Actions actions{2, 0, 1};
  PolicyNetwork::Slopes slopes;
  std::vector<Eigen::VectorXd> weights;
  for (Eigen::Index count : {3, 2, 4}) {
    auto& w = weights.emplace_back(count);
    for (auto& x : w)
      x = rng.normal();
    slopes.values.push_back(rng.normal());
  }
  auto loss = [&] {
    auto pass = network.pass(actions);
    double sum = 0;
    for (std::size_t t = 0; t < 3; ++t)
      sum += weights[t].dot(pass.odds[t]) + slopes.values[t] * pass.values[t];
    return sum;
  };
  auto pass = network.pass(actions);
  for (std::size_t t = 0; t < 3; ++t) {  // through the softmax
    const auto& p = pass.odds[t];
    slopes.logits.emplace_back(p.array() * (weights[t].array() - p.dot(weights[t])));
  }
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(network.weights().size());
  network.backward(actions, pass, slopes, gradient);
  for (Eigen::Index i = 0; i < gradient.size(); i += 37) {
    double& w = network.weights()[i];
    double kept = w;
    w = kept + 1e-5;
    double up = loss();
    w = kept - 1e-5;
    double down = loss();
    w = kept;
    CHECK(gradient[i] == Approx((up - down) / 2e-5).margin(1e-7));
  }
}

TEST_CASE("an untrained network chooses evenly", "[ppo]") {
  PolicyNetwork network({4, 4}, Rng(5));
  for (const auto& odds : network.pass({1, 2}).odds)
    for (double p : odds)
      CHECK(p == Approx(0.25));
}

TEST_CASE("after a batch the odds of what was good have grown", "[ppo]") {
  SearchSpace space{{layer("x", 4), layer("y", 1000)}};
  auto share_of_two = [&](const char* args, bool up) {
    auto tuner = make("PPOTuner", space, 1, args);
    drive(*tuner, 200, 1, 1, [&](Trial& t) {
      bool good = index_of(t.parameters, "x") == 2;
      t.final_value = good == up ? 1 : 0;
    });
    int count = 0;
    for (Sequence i = 1000; i < 1400; ++i)
      count += index_of(std::get<Suggestion>(tuner->ask(i, {})).parameters, "x") == 2 ? 1 : 0;
    return count / 400.0;
  };
  double plain = share_of_two("{}", true);
  CHECK(plain > 0.7);
  CHECK(share_of_two(R"({"optimize_mode": "minimize"})", false) > 0.7);
  // Each argument acts. NNI accepts them and goes on with its defaults (nni-compat.md 3.9).
  CHECK(share_of_two(R"({"lr": 1e-6})", true) < 0.35);
  CHECK(share_of_two(R"({"ent_coef": 100})", true) < 0.4);
  CHECK(share_of_two(R"({"trials_per_update": 1000})", true) < 0.35);
  CHECK(share_of_two(R"({"epochs_per_update": 1})", true) < plain);
  CHECK(share_of_two(R"({"max_grad_norm": 1e-6})", true) < plain);
  CHECK(share_of_two(R"({"cliprange": 0.001})", true) < plain);
}

TEST_CASE("the critic's arguments act, too", "[ppo]") {
  auto texts = [](const char* args) {
    auto tuner = make("PPOTuner", {{layer("x", 50), layer("y", 50), layer("z", 50)}}, 1, args);
    std::string all;
    for (const auto& t : drive(*tuner, 100, 1, 1, [](Trial& t) {
           t.final_value = index_of(t.parameters, "x") - index_of(t.parameters, "y");
         }))
      all += to_json(t.parameters);
    return all;
  };
  auto plain = texts("{}");
  CHECK(plain == texts("{}"));
  for (const char* args :
       {R"({"vf_coef": 10})", R"({"gamma": 0.1})", R"({"lam": 0.1})", R"({"minibatch_size": 7})"}) {
    CAPTURE(args);
    CHECK(texts(args) != plain);
  }
}

TEST_CASE("failed trials count as the worst, and a batch of failures teaches nothing", "[ppo]") {
  SearchSpace space{{layer("x", 4), layer("y", 1000)}};
  auto share_of_two = [&](bool any) {
    auto tuner = make("PPOTuner", space, 1);
    drive(*tuner, 200, 1, 1, [&](Trial& t) {
      t.final_value = 1;
      if (!any || index_of(t.parameters, "x") == 2)
        t.outcome = TrialOutcome::failed;
      else
        t.final_value = 1.0 + 0.1 * static_cast<double>(index_of(t.parameters, "x"));
    });
    int count = 0;
    for (Sequence i = 1000; i < 1400; ++i)
      count += index_of(std::get<Suggestion>(tuner->ask(i, {})).parameters, "x") == 2 ? 1 : 0;
    return count / 400.0;
  };
  CHECK(share_of_two(true) < 0.15);
  CHECK(share_of_two(false) == Approx(0.25).margin(0.07));
}

TEST_CASE("PPO's arguments are checked, and spaces of other types refused", "[ppo]") {
  SearchSpace space{{layer("x", 4)}};
  CHECK(check_algorithms(spec_of("PPO", R"({"optimize_mode": "maximize", "trials_per_update": 20,
      "epochs_per_update": 4, "minibatch_size": 7, "ent_coef": 0, "lr": 3e-4, "vf_coef": 0.5,
      "max_grad_norm": 0.5, "gamma": 1, "lam": 0.95, "cliprange": 0.2})"),
                         space)
            .empty());
  auto errors = check_algorithms(spec_of("PPOTuner", R"({"gamma": 1.5, "lr": 0})"), space);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].message == "is 1.5, must be a number in [0.0, 1.0]");
  CHECK(errors[1].message == "is 0, must be a number in (0.0, 1.0]");
  errors = check_algorithms(spec_of("PPO"), {{choice("c", {number("1")})}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("PPOTuner cannot search choice ('c'); what would work: Auto, TPE") ==
        0);
}

namespace {

/// A small table of networks: six layers of five kinds, each with an input of four or none. A kind is
/// good by itself and beside the one before; an input is good by its distance.
double table_loss(const Value& parameters) {
  double loss = 0;
  std::int64_t before = 2;
  for (int i = 0; i < 6; ++i) {
    auto op = index_of(parameters, "l" + std::to_string(i));
    auto from = index_of(parameters, "i" + std::to_string(i));
    auto want = (3 * i + 1) % 5;
    loss += op == want ? 0 : 0.3 + 0.1 * static_cast<double>((op * 7 + i * 3) % 5);
    loss += (op + before) % 5 == (2 * i + 1) % 5 ? 0 : 0.2;
    loss += 0.15 * std::abs(static_cast<double>(from - i % 4));
    before = op;
  }
  return loss;
}

SearchSpace table_space() {
  SearchSpace space;
  for (int i = 0; i < 6; ++i) {
    space.parameters.push_back(layer("l" + std::to_string(i), 5));
    space.parameters.push_back(input("i" + std::to_string(i), words({"a", "b", "c", "d"}), {0, 1}));
  }
  return space;
}

}  // namespace

TEST_CASE("PPO is far better than random draws on a table of networks", "[ppo][testbed]") {
  std::size_t workers = GENERATE(1, 8);
  Space space(table_space());
  double ppo = 0;
  double random = 0;
  int better = 0;
  for (int seed = 0; seed < 20; ++seed) {
    double least = 1e9;
    drive(*make("PPOTuner", table_space(), seed, R"({"optimize_mode": "minimize"})"), 400, workers,
          seed, [&](Trial& t) {
            t.final_value = table_loss(t.parameters);
            least = std::min(least, *t.final_value);
          });
    double least_random = 1e9;
    for (Sequence i = 0; i < 400; ++i) {
      auto rng = rng_for(seed, i);
      least_random = std::min(least_random, table_loss(space.sample(rng)));
    }
    ppo += least / 20;
    random += least_random / 20;
    better += least < least_random ? 1 : 0;
  }
  CAPTURE(workers, ppo, random, better);
  CHECK(better >= 19);
  CHECK(ppo < 0.6 * random);
}
