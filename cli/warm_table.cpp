#include "cli/warm_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "cli/csv.hpp"
#include "tuner/additions.hpp"
#include "tuner/arguments.hpp"
#include "tuner/dimension.hpp"

namespace autotune::cli {

namespace {

constexpr std::size_t mistakes_shown = 5;
constexpr std::string_view parameter_prefix = "parameter.";
constexpr std::string_view metric_prefix = "metric.";

/// What `export` writes beside parameters and metrics.
bool is_bookkeeping(const std::string& column) {
  static constexpr std::array names{
      "sequence",  "id",           "state",    "attempt",         "node",
      "createdAt", "startedAt",    "endedAt",  "durationSeconds", "reason",
      "final",     "intermediate", "feasible", "onFront"};
  return std::find(names.begin(), names.end(), column) != names.end();
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  double x = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole ? std::optional(x) : std::nullopt;
}

/// A cell as JSON where it is that, as a number where a spreadsheet wrote one (".5", "+1"), else as text.
Value value_of(const std::string& cell) {
  if (auto json = parse_json(cell))
    return *json;
  auto number = number_of(cell);
  return number ? Value::real(*number) : Value(cell);
}

using Columns = std::map<std::string, std::size_t>;

/// A parameter and the columns that hold it.
struct Bound {
  const Parameter* parameter = nullptr;
  std::vector<std::pair<std::string, std::size_t>> columns;  // its own, and NAME/MEMBER of a choice
  std::optional<std::size_t> name;                           // NAME/_name of a nested choice
  std::vector<std::vector<Bound>> branches;
  std::vector<std::pair<std::vector<NamedCell>, Value>> listed;  // the values of a choice, in cells
};

std::vector<NamedCell> without_empty(std::vector<NamedCell> cells) {
  std::erase_if(cells, [](const auto& cell) { return cell.second.empty(); });
  std::sort(cells.begin(), cells.end());
  return cells;
}

/// Branches of one choice may have parameters of the same name; they share the column.
void take_column(Bound& bound, const std::string& name, const Columns& columns,
                 std::set<std::string>& used) {
  auto found = columns.find(name);
  auto known = [&](const auto& column) { return column.first == name; };
  if (found == columns.end() || std::any_of(bound.columns.begin(), bound.columns.end(), known))
    return;
  bound.columns.emplace_back(*found);
  used.insert(name);
}

void bind_choice(Bound& bound, const std::string& name, const Columns& columns,
                 std::set<std::string>& used) {
  Dimension dimension(*bound.parameter);
  for (double level = 0; level < dimension.levels(); ++level) {
    auto value = dimension.value_at(dimension.unit_of_level(level));
    auto cells = cells_of(name, value);
    for (const auto& [column, text] : cells)
      take_column(bound, column, columns, used);
    bound.listed.emplace_back(without_empty(std::move(cells)), std::move(value));
  }
}

std::vector<Bound> bound_to(const std::vector<Parameter>& parameters, const std::string& prefix,
                            const Columns& columns, std::set<std::string>& used) {
  std::vector<Bound> all;
  for (const auto& parameter : parameters) {
    Bound bound;
    bound.parameter = &parameter;
    auto name = prefix + parameter.name;
    take_column(bound, name, columns, used);
    if (!parameter.branches.empty()) {
      if (auto found = columns.find(name + "/_name"); found != columns.end()) {
        bound.name = found->second;
        used.insert(found->first);
      }
      for (const auto& branch : parameter.branches)
        bound.branches.push_back(bound_to(branch.parameters, name + "/", columns, used));
    } else if (Dimension(parameter).categorical()) {
      bind_choice(bound, name, columns, used);
    }
    all.push_back(std::move(bound));
  }
  return all;
}

Object read(const std::vector<Bound>& bounds, const CsvRow& row);

std::optional<Value> read_choice(const Bound& bound, const CsvRow& row) {
  std::vector<NamedCell> cells;
  for (const auto& [name, column] : bound.columns)
    cells.emplace_back(name, row.cells[column]);
  cells = without_empty(std::move(cells));
  for (const auto& [listed, value] : bound.listed)
    if (listed == cells)
      return value;
  if (cells.empty())
    return std::nullopt;
  auto value = value_of(cells.front().second);
  for (const auto& [listed, known] : bound.listed)  // 16.0 for 16, or JSON
    if (known == value)
      return known;
  return value;
}

std::optional<Value> read_one(const Bound& bound, const CsvRow& row) {
  if (!bound.listed.empty())
    return read_choice(bound, row);
  const auto* whole = bound.columns.empty() ? nullptr : &row.cells[bound.columns.front().second];
  if (whole != nullptr && !whole->empty())
    return value_of(*whole);
  const auto* name = bound.name ? &row.cells[*bound.name] : nullptr;
  if (name == nullptr || name->empty())
    return std::nullopt;
  Object inner{{"_name", *name}};
  const auto& branches = bound.parameter->branches;
  for (std::size_t i = 0; i < branches.size(); ++i)
    if (branches[i].name == *name)
      for (auto& member : read(bound.branches[i], row))
        inner.push_back(std::move(member));
  return Value(std::move(inner));
}

Object read(const std::vector<Bound>& bounds, const CsvRow& row) {
  Object out;
  for (const auto& bound : bounds)
    if (auto value = read_one(bound, row))
      out.emplace_back(bound.parameter->name, std::move(*value));
  return out;
}

/// What each column of a table is.
class Heading {
 public:
  Heading(const CsvTable& table, const std::string& name, const SearchSpace& space,
          const pb::ExperimentSpec& spec)
      : name_(name),
        space_(space),
        objective_(spec.objective()),
        wanted_(objective_.metrics()),
        line_(table.heading.line) {
    const auto& cells = table.heading.cells;
    exported_ = std::any_of(cells.begin(), cells.end(),
                            [](const auto& c) { return c.starts_with(parameter_prefix); });
    sort_columns(cells);
    bind_columns();
    choose_results();
  }

  std::vector<std::string> mistakes;
  std::vector<Bound> bounds;
  std::vector<std::pair<std::string, std::size_t>> additions;
  std::vector<std::pair<std::string, std::size_t>> metrics;
  std::optional<std::size_t> state;

 private:
  void wrong(const std::string& what) {
    mistakes.push_back(name_ + ":" + std::to_string(line_) + ": " + what);
  }

  bool is_wanted(const std::string& metric) const {
    return std::find(wanted_.begin(), wanted_.end(), metric) != wanted_.end();
  }

  void sort_columns(const std::vector<std::string>& cells) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto& cell = cells[i];
      if (!seen.insert(cell).second)
        wrong("column '" + cell + "' stands twice; remove one");
      else if (cell.starts_with(parameter_prefix))
        parameters_.emplace(cell.substr(parameter_prefix.size()), i);
      else if (cell.starts_with(metric_prefix))
        metrics.emplace_back(cell.substr(metric_prefix.size()), i);
      else
        plain_.emplace(cell, i);
    }
    if (!exported_)  // what is left once the parameters have theirs is looked at then
      parameters_ = plain_;
  }

  void bind_columns() {
    std::set<std::string> used;
    bounds = bound_to(space_.parameters, "", parameters_, used);
    for (const auto& bound : bounds)
      if (bound.columns.empty() && !bound.name)
        missing(*bound.parameter);
    for (const auto& [name, column] : parameters_) {
      if (used.contains(name))
        plain_.erase(exported_ ? "" : name);
      else if (is_addition(name))
        take_addition(name, column);
      else if (exported_)
        unknown("column '" + std::string(parameter_prefix) + name +
                    "' is no parameter of the search space",
                name);
    }
  }

  void take_addition(const std::string& name, std::size_t column) {
    additions.emplace_back(name, column);
    if (!exported_)
      plain_.erase(name);
  }

  void missing(const Parameter& parameter) {
    wrong("no column holds parameter '" + parameter.name + "' (" +
          (parameter.branches.empty() ? Dimension(parameter).expectation() : "a nested choice") +
          "); name one '" + parameter.name + (parameter.branches.empty() ? "" : "/_name") +
          "' or '" + std::string(parameter_prefix) + parameter.name +
          (parameter.branches.empty() ? "'" : "/_name'"));
  }

  void unknown(const std::string& what, const std::string& name) {
    std::vector<std::string> known;
    for (const auto& parameter : space_.parameters)
      known.push_back(parameter.name);
    auto near = nearest_name(name, known);
    std::string all;
    for (const auto& one : known)
      all += (all.empty() ? "" : ", ") + one;
    wrong(what + (near.empty() ? "" : "; did you mean '" + near + "'?") +
          (near.empty() ? "; its parameters are: " : " Its parameters are: ") + all);
  }

  void choose_results() {
    std::optional<std::size_t> result;
    for (const auto& [name, column] : plain_) {
      if (name == "state")
        state = column;
      if (name == "final" || (name == "value" && !result))
        result = column;
      if (!exported_ && is_wanted(name))
        metrics.emplace_back(name, column);
      else if (!is_bookkeeping(name) && (exported_ || name != "value"))
        unknown("column '" + name + "' is neither a parameter nor a result", name);
    }
    auto has = [&](const std::string& goal) {
      return std::any_of(metrics.begin(), metrics.end(),
                         [&](const auto& metric) { return metric.first == goal; });
    };
    const bool several = objective_.has_several_goals();
    const auto& first = wanted_.front();
    // 'final' may stand for the only goal, beside what constraints need; not in a file of another objective.
    bool ours = std::all_of(metrics.begin(), metrics.end(),
                            [this](const auto& metric) { return is_wanted(metric.first); });
    if (result && ours && !has(first) && (!several || metrics.empty()))
      metrics.emplace_back(first, *result);
    for (const auto& metric : wanted_) {
      bool only_goal = !several && metric == first;
      bool bare = metrics.size() == 1 && has("default") && only_goal;
      if (!has(metric) && !bare)
        wrong("no column holds the results of '" + metric + "'; name one '" +
              std::string(metric_prefix) + metric + "'" + (only_goal ? " or 'final'" : ""));
    }
  }

  const std::string& name_;
  const SearchSpace& space_;
  Objective objective_;
  std::vector<std::string> wanted_;  // metrics of goals, then those of constraints alone
  std::size_t line_;
  bool exported_ = false;  // parameters have their prefix
  Columns parameters_;
  Columns plain_;
};

/// The row's results; a text that is none is a mistake.
Metrics metrics_of(const Heading& heading, const CsvTable& table, const CsvRow& row,
                   const std::string& where, std::vector<std::string>& mistakes) {
  Metrics metrics;
  for (const auto& [name, column] : heading.metrics) {
    const auto& cell = row.cells[column];
    if (cell.empty())
      continue;
    auto number = number_of(cell);
    if (!number && cell != "NaN" && cell != "Infinity" && cell != "-Infinity") {
      mistakes.push_back(where + ": column '" + table.heading.cells[column] + "' is " +
                         quote_json(cell) + ", not a number; leave it empty where there is none");
      continue;
    }
    auto* metric = metrics.Add();
    metric->set_name(name);
    metric->set_value(number.value_or(std::nan("")));
  }
  return metrics;
}

}  // namespace

bool has_results(const Metrics& metrics, const pb::ExperimentSpec& spec) {
  return Objective(spec.objective()).scores_of(metrics).finite();
}

std::string first_few(const std::vector<std::string>& mistakes) {
  std::string text;
  auto shown = std::min(mistakes.size(), mistakes_shown);
  for (std::size_t i = 0; i < shown; ++i)
    text += (i == 0 ? "" : "\n") + mistakes[i];
  if (mistakes.size() > shown)
    text += "\nand " + std::to_string(mistakes.size() - shown) + " more like these";
  return text;
}

Result<WarmRows> warm_rows_of(const CsvTable& table, const std::string& name,
                              const SearchSpace& space, const pb::ExperimentSpec& spec) {
  Heading heading(table, name, space, spec);
  if (!heading.mistakes.empty())
    return fail(ErrorCode::invalid_argument, first_few(heading.mistakes));
  WarmRows found;
  std::vector<std::string> mistakes;
  for (const auto& row : table.rows) {
    WarmRow one{name + ":" + std::to_string(row.line), read(heading.bounds, row), {}};
    if (heading.state && row.cells[*heading.state] != "Succeeded") {
      ++found.left_out;
      continue;
    }
    one.metrics = metrics_of(heading, table, row, one.where, mistakes);
    if (!has_results(one.metrics, spec)) {
      ++found.left_out;
      continue;
    }
    for (const auto& [addition, column] : heading.additions)
      if (!row.cells[column].empty())
        one.parameters.as_object()->emplace_back(addition, value_of(row.cells[column]));
    found.rows.push_back(std::move(one));
  }
  if (!mistakes.empty())
    return fail(ErrorCode::invalid_argument, first_few(mistakes));
  return found;
}

}  // namespace autotune::cli
