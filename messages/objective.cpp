#include "messages/objective.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>

namespace autotune {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest = std::numeric_limits<double>::min();

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

tl::unexpected<Error> no_constraint(std::string_view text, const std::string& why) {
  return fail(ErrorCode::invalid_argument, "'" + std::string(text) + "' is no constraint" +
                                               (why.empty() ? "" : ": " + why) +
                                               "; write METRIC <= NUMBER, say 'latency_ms <= 20'");
}

std::string_view sign_of(Constraint::Op op) {
  switch (op) {
    case Constraint::Op::at_most: return "<=";
    case Constraint::Op::at_least: return ">=";
    case Constraint::Op::below: return "<";
    case Constraint::Op::above: return ">";
  }
  return "";
}

bool is_upper(Constraint::Op op) {
  return op == Constraint::Op::at_most || op == Constraint::Op::below;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return text;
}

bool is_bare(const Metrics& metrics) {
  return metrics.size() == 1 && metrics[0].name() == "default";
}

bool pareto_dominates(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i])
      return false;
    better = better || a[i] < b[i];
  }
  return better;
}

}  // namespace

const pb::Metric* find_metric(const Metrics& metrics, std::string_view name) {
  for (const auto& metric : metrics)
    if (metric.name() == name)
      return &metric;
  return nullptr;
}

const pb::Metric* find_objective(const Metrics& metrics, std::string_view name) {
  if (const auto* named = find_metric(metrics, name))
    return named;
  return is_bare(metrics) ? &metrics[0] : nullptr;
}

// --- constraints --------------------------------------------------------------------------------------------------

Result<Constraint> parse_constraint(std::string_view text) {
  auto at = text.find_first_of("<>");
  if (at == std::string_view::npos)
    return no_constraint(text, "it has none of <= >= < >");
  Constraint constraint;
  constraint.metric = trimmed(text.substr(0, at));
  if (constraint.metric.empty())
    return no_constraint(text, "no metric stands before '" + std::string(text.substr(at, 1)) + "'");
  if (constraint.metric.ends_with('='))
    return no_constraint(text, "'=" + std::string(text.substr(at, 1)) + "' is no sign, '" +
                                   std::string(text.substr(at, 1)) + "=' is");
  bool or_equal = at + 1 < text.size() && text[at + 1] == '=';
  constraint.op = text[at] == '<' ? (or_equal ? Constraint::Op::at_most : Constraint::Op::below)
                                  : (or_equal ? Constraint::Op::at_least : Constraint::Op::above);
  auto number = trimmed(text.substr(at + (or_equal ? 2 : 1)));
  if (number.starts_with('+'))
    number.remove_prefix(1);
  auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), constraint.bound);
  if (error != std::errc{} || end != number.data() + number.size() ||
      !std::isfinite(constraint.bound))
    return no_constraint(
        text, number.empty() ? "no number follows" : "'" + std::string(number) + "' is no number");
  return constraint;
}

std::string to_text(const Constraint& constraint) {
  std::array<char, 32> digits{};
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), constraint.bound);
  return constraint.metric + " " + std::string(sign_of(constraint.op)) + " " +
         std::string(digits.data(), end);
}

bool can_both_hold(const Constraint& a, const Constraint& b) {
  if (a.metric != b.metric || is_upper(a.op) == is_upper(b.op))
    return true;
  const auto& upper = is_upper(a.op) ? a : b;
  const auto& lower = is_upper(a.op) ? b : a;
  bool with_both = upper.op == Constraint::Op::at_most && lower.op == Constraint::Op::at_least;
  return with_both ? lower.bound <= upper.bound : lower.bound < upper.bound;
}

double violation_of(const Constraint& constraint, double value) {
  if (std::isnan(value))
    return infinity;
  double over = is_upper(constraint.op) ? value - constraint.bound : constraint.bound - value;
  if (over > 0)
    return over;
  bool strict = constraint.op == Constraint::Op::below || constraint.op == Constraint::Op::above;
  return strict && over == 0 ? smallest : 0;
}

// --- one result ---------------------------------------------------------------------------------------------------

bool Scores::finite() const {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

bool Scores::feasible() const {
  return std::all_of(violations.begin(), violations.end(), [](double x) { return x == 0; });
}

Objective::Objective(const pb::Objective& objective) {
  for (const auto& goal : objective.goals())
    goals_.push_back(
        {goal.metric().empty() ? "default" : goal.metric(), goal.goal() == pb::GOAL_MINIMIZE});
  if (goals_.empty())
    goals_.emplace_back();
  for (const auto& text : objective.constraints())
    constraints_.push_back(
        parse_constraint(text).value_or(Constraint{text, Constraint::Op::at_most, 0}));
}

std::vector<std::string> Objective::metrics() const {
  std::vector<std::string> names;
  auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  };
  for (const auto& goal : goals_)
    add(goal.metric);
  for (const auto& constraint : constraints_)
    add(constraint.metric);
  return names;
}

const pb::Metric* Objective::find(const Metrics& final_metrics, const std::string& metric) const {
  bool only_goal = !has_several_goals() && metric == goals_.front().metric;
  return only_goal ? find_objective(final_metrics, metric) : find_metric(final_metrics, metric);
}

Scores Objective::scores_of(const Metrics& final_metrics) const {
  Scores scores;
  if (final_metrics.empty())
    return scores;
  std::vector<std::string> lacking;
  auto look = [&](const std::string& metric, const char* who) {
    const auto* found = find(final_metrics, metric);
    auto what = "no '" + metric + "', which ";
    bool is_told = std::any_of(lacking.begin(), lacking.end(),
                               [&](const auto& told) { return told.starts_with(what); });
    if (found == nullptr && !is_told)
      lacking.push_back(what + who + " needs");
    return found;
  };
  for (const auto& goal : goals_)
    if (const auto* found = look(goal.metric, has_several_goals() ? "a goal" : "the goal"))
      scores.values.push_back(found->value());
  for (const auto& constraint : constraints_)
    if (const auto* found = look(constraint.metric, "a constraint"))
      scores.violations.push_back(violation_of(constraint, found->value()));
  if (lacking.empty())
    return scores;
  std::vector<std::string> names;
  for (const auto& metric : final_metrics)
    names.push_back(metric.name());
  scores.missing = "final result has " + listed(lacking) + "; " +
                   (is_bare(final_metrics)
                        ? "it is a bare number: report an object that holds " + listed(metrics())
                        : "it has: " + listed(names));
  scores.values.clear();
  scores.violations.clear();
  return scores;
}

Standing Objective::standing_of(const Scores& scores) const {
  Standing standing;
  for (std::size_t i = 0; i < goals_.size(); ++i)
    standing.losses.push_back(goals_[i].minimize ? scores.values[i] : -scores.values[i]);
  for (std::size_t i = 0; i < constraints_.size(); ++i) {
    auto bound = std::abs(constraints_[i].bound);
    standing.breach += bound > 0 ? scores.violations[i] / bound : scores.violations[i];
  }
  if (!scores.feasible())  // a share of a tiny violation may be too small for a number
    standing.breach = std::max(standing.breach, smallest);
  return standing;
}

// --- several results ----------------------------------------------------------------------------------------------

bool dominates(const Standing& a, const Standing& b) {
  if (a.breach != b.breach)
    return a.breach < b.breach;
  return pareto_dominates(a.losses, b.losses);
}

std::vector<std::size_t> pareto_front(std::span<const Standing> results) {
  double least = infinity;
  for (const auto& result : results)
    least = std::min(least, result.breach);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i].breach == least)
      order.push_back(i);
  // What dominates a result stands before it in this order, so it is enough to look back.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(results[a].losses, a) < std::tie(results[b].losses, b);
  });
  std::vector<std::size_t> front;
  for (auto i : order) {
    const auto& losses = results[i].losses;
    // With two goals the last one kept has the least second loss so far.
    auto first = losses.size() <= 2 && !front.empty() ? front.end() - 1 : front.begin();
    if (std::none_of(first, front.end(), [&](std::size_t kept) {
          return pareto_dominates(results[kept].losses, losses);
        }))
      front.push_back(i);
  }
  std::sort(front.begin(), front.end());
  return front;
}

bool ParetoFront::Before::operator()(const Member& a, const Member& b) const {
  return std::tie(a.first.losses, a.second) < std::tie(b.first.losses, b.second);
}

/// All members break the constraints as much as `one`.
bool ParetoFront::is_dominated(const Member& one) const {
  auto after = members_.upper_bound(one);
  if (one.first.losses.size() > 2)
    return std::any_of(members_.begin(), after, [&](const Member& member) {
      return pareto_dominates(member.first.losses, one.first.losses);
    });
  // Of the members up to here the last one has the least second loss.
  return after != members_.begin() &&
         pareto_dominates(std::prev(after)->first.losses, one.first.losses);
}

ParetoFront::Change ParetoFront::offer(std::int64_t sequence, Standing standing) {
  Change change;
  Member one{std::move(standing), sequence};
  if (!empty() && one.first.breach > members_.begin()->first.breach)
    return change;
  if (!empty() && one.first.breach < members_.begin()->first.breach) {
    for (const auto& member : members_)
      change.left.push_back(member.second);
    members_.clear();
  }
  if (is_dominated(one))
    return change;
  // Those that it dominates come behind it; with two goals they stand beside each other.
  for (auto member = members_.upper_bound(one); member != members_.end();) {
    bool goes = pareto_dominates(one.first.losses, member->first.losses);
    if (!goes && one.first.losses.size() <= 2 && member->first.losses != one.first.losses)
      break;
    if (goes)
      change.left.push_back(member->second);
    member = goes ? members_.erase(member) : std::next(member);
  }
  members_.insert(std::move(one));
  change.joined = true;
  return change;
}

std::vector<std::int64_t> ParetoFront::sequences() const {
  std::vector<std::int64_t> all;
  for (const auto& member : members_)
    all.push_back(member.second);
  return all;
}

}  // namespace autotune
