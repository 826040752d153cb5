#include "tuner/brackets.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "tuner/trial_budget.hpp"

namespace autotune {

namespace {

constexpr std::int64_t gap_max = 100000;  // of bracket numbers: as many workers as there may be

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  std::int64_t x = 1;
  while (exponent-- > 0)
    x *= base;
  return x;
}

}  // namespace

std::int64_t deepest_bracket(std::int64_t budget_max, std::int64_t budget_min, std::int64_t eta) {
  std::int64_t s = 0;
  for (auto left = budget_max / eta; left >= budget_min; left /= eta)
    ++s;
  return s;
}

std::vector<Rung> plan_bracket(std::int64_t budget_max, std::int64_t eta, std::int64_t s_max,
                               std::int64_t s) {
  auto n = ((s_max + 1) * power(eta, s) + s) / (s + 1);
  std::vector<Rung> rungs;
  for (std::int64_t i = 0; i <= s; ++i)
    rungs.push_back({n / power(eta, i), budget_max / power(eta, s - i)});
  return rungs;
}

std::optional<BracketPlace> BracketPlace::parse(std::string_view lineage) {
  BracketPlace place;
  const char* at = lineage.data();
  const char* end = at + lineage.size();
  for (auto* number : {&place.bracket, &place.rung, &place.config}) {
    if (number != &place.bracket && (at == end || *at++ != '.'))
      return std::nullopt;
    auto [next, code] = std::from_chars(at, end, *number);
    if (code != std::errc{} || *number < 0)
      return std::nullopt;
    at = next;
  }
  return at == end ? std::optional(place) : std::nullopt;
}

std::string BracketPlace::lineage() const {
  return std::to_string(bracket) + "." + std::to_string(rung) + "." + std::to_string(config);
}

// --- one bracket --------------------------------------------------------------------------------

std::int64_t Brackets::Bracket::slots() const {
  return rung == 0 ? plan[0].configs : static_cast<std::int64_t>(members.size());
}

void Brackets::Bracket::promote() {
  std::stable_sort(scores.begin(), scores.end(),
                   [](const Score& a, const Score& b) { return a.loss < b.loss; });
  members.clear();
  ++rung;
  if (rung < plan.size())
    for (const auto& score : scores)
      if (static_cast<std::int64_t>(members.size()) < plan[rung].configs)
        members.push_back(score.config);
  std::unordered_map<std::int64_t, Value> kept;
  for (auto config : members)
    kept.emplace(config, std::move(parameters[config]));
  parameters = std::move(kept);
  scores.clear();
  told.clear();
  over = members.empty();
}

Brackets::Free Brackets::free_slot(const Bracket& bracket, const Running& running, bool fresh) {
  Free found;
  auto rung = static_cast<std::int64_t>(bracket.rung);
  found.waits = std::any_of(running.begin(), running.end(),
                            [&](const auto& slot) { return slot.first >= rung; });
  auto is_free = [&](std::int64_t config) {
    return !bracket.told.contains(config) && !running.contains({rung, config});
  };
  if (rung > 0) {
    auto member = std::find_if(bracket.members.begin(), bracket.members.end(), is_free);
    if (member != bracket.members.end())
      found.config = *member;
  } else if (fresh) {
    auto config = bracket.first_untold;
    while (config < bracket.slots() && !is_free(config))
      ++config;
    if (config < bracket.slots())
      found.config = config;
  }
  return found;
}

// --- all brackets -------------------------------------------------------------------------------

Brackets::Brackets(std::int64_t budget_max, std::int64_t budget_min, std::int64_t eta)
    : budget_max_(budget_max), eta_(eta), s_max_(deepest_bracket(budget_max, budget_min, eta)) {}

Brackets::Bracket Brackets::blank(std::int64_t number) const {
  Bracket bracket;
  bracket.plan = plan_bracket(budget_max_, eta_, s_max_, s_max_ - number % (s_max_ + 1));
  return bracket;
}

Ask Brackets::promotion(std::int64_t number, const Bracket& bracket, std::int64_t config) {
  return Suggestion{
      with_budget(bracket.parameters.at(config), bracket.plan[bracket.rung].budget),
      BracketPlace{number, static_cast<std::int64_t>(bracket.rung), config}.lineage()};
}

Ask Brackets::ask(std::span<const Trial> running, bool serial,
                  const std::function<std::optional<Value>()>& draw) const {
  std::map<std::int64_t, Running> taken;
  for (const auto& trial : running)
    if (auto place = trial.own ? BracketPlace::parse(trial.lineage) : std::nullopt)
      taken[place->bracket].insert({place->rung, place->config});

  // Those that are over stand before the first open one; what runs may have opened some more.
  for (auto number = open_.empty() ? next_ : open_.begin()->first;; ++number) {
    if (known_over(number))
      continue;
    auto found = open_.find(number);
    Bracket unused;
    if (found == open_.end())
      unused = blank(number);
    const auto& bracket = found == open_.end() ? unused : found->second;
    auto slot = free_slot(bracket, taken[number], true);
    if (slot.config < 0 && serial)
      return NotYet{};
    if (slot.config < 0)
      continue;
    if (bracket.rung > 0)
      return promotion(number, bracket, slot.config);
    if (auto drawn = draw())
      return Suggestion{with_budget(std::move(*drawn), bracket.plan[0].budget),
                        BracketPlace{number, 0, slot.config}.lineage()};
    return wind_up(taken);
  }
}

std::optional<Ask> Brackets::last_of(std::int64_t number, Bracket bracket, const Running& running,
                                     bool& waits) const {
  auto slot = free_slot(bracket, running, false);
  if (slot.config < 0 && bracket.rung == 0) {
    bool growing = std::any_of(running.begin(), running.end(),
                               [](const auto& slot) { return slot.first == 0; });
    if (!growing) {
      bracket.promote();
      slot = free_slot(bracket, running, false);
    }
  }
  waits = waits || slot.waits;
  if (bracket.over || slot.config < 0)
    return std::nullopt;
  return promotion(number, bracket, slot.config);
}

Ask Brackets::wind_up(const std::map<std::int64_t, Running>& running) const {
  bool waits = false;
  static const Running none;
  for (const auto& [number, bracket] : open_) {
    auto here = running.find(number);
    if (auto last = last_of(number, bracket, here == running.end() ? none : here->second, waits))
      return *last;
  }
  for (const auto& [number, slots] : running)
    waits = waits || (!slots.empty() && !open_.contains(number));
  return waits ? Ask(NotYet{}) : Ask(Exhausted{});
}

void Brackets::tell(const Trial& ended) {
  auto place = ended.own ? BracketPlace::parse(ended.lineage) : std::nullopt;
  if (!place || known_over(place->bracket) || place->bracket >= next_ + gap_max)
    return;
  for (; next_ <= place->bracket; ++next_)
    open_.emplace(next_, blank(next_));
  auto found = open_.find(place->bracket);
  auto& bracket = found->second;
  auto rung = static_cast<std::size_t>(place->rung);
  if (rung >= bracket.plan.size() || place->config >= bracket.plan[0].configs)
    return;
  while (bracket.rung < rung && !bracket.over)
    bracket.promote();  // the space was used up: the rung below did not fill up
  bool member = rung == 0 || std::find(bracket.members.begin(), bracket.members.end(),
                                       place->config) != bracket.members.end();
  if (bracket.rung == rung && member && bracket.told.insert(place->config).second) {
    if (auto loss = loss_of(ended)) {
      bracket.scores.push_back({*loss, place->config});
      if (rung == 0)
        bracket.parameters.emplace(place->config, ended.parameters);
    }
    while (bracket.told.contains(bracket.first_untold))
      ++bracket.first_untold;
    if (static_cast<std::int64_t>(bracket.told.size()) == bracket.slots())
      bracket.promote();
  }
  if (bracket.over)
    open_.erase(found);
}

}  // namespace autotune
