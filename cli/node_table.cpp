#include "cli/node_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/columns.hpp"
#include "cli/csv.hpp"

namespace autotune::cli {

namespace {

std::string gibibytes(std::int64_t bytes) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / (1 << 30));
  return text;
}

std::string short_number(double x) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

std::string trial_of(const pb::AttemptId& id) {
  return id.experiment_id() + "/" + std::to_string(id.sequence());
}

/// "a=1, b=2", in order of names.
template <class Map, class ToText>
std::string pairs(const Map& map, ToText to_text) {
  std::vector<std::string> all;
  for (const auto& [name, value] : map)
    all.push_back(name + "=" + to_text(value));
  std::sort(all.begin(), all.end());
  std::string text;
  for (const auto& one : all)
    text += (text.empty() ? "" : ",") + one;
  return text;
}

std::string labels_of(const pb::NodeDescription& node) {
  return pairs(node.labels(), [](const std::string& value) { return value; });
}

std::string heard_of(const pb::NodeSummary& summary) {
  if (summary.node().protocol() == 0)  // the head's own machine
    return "-";
  if (summary.heard_ms_ago() < 0)
    return "never";
  return short_number(std::round(static_cast<double>(summary.heard_ms_ago()) / 100) / 10) + "s ago";
}

Value to_value(const pb::NodeSummary& summary) {
  const auto& node = summary.node();
  Object labels;
  for (const auto& [name, value] :
       std::map<std::string, std::string>(node.labels().begin(), node.labels().end()))
    labels.emplace_back(name, value);
  Object others;
  for (const auto& [name, value] :
       std::map<std::string, double>(node.others().begin(), node.others().end()))
    others.emplace_back(name, plain_number(value));
  auto texts = [](const auto& all) {
    Array array;
    for (const auto& one : all)
      array.emplace_back(one);
    return array;
  };
  Array running;
  for (const auto& id : summary.running())
    running.emplace_back(trial_of(id));
  return Object{{"name", node.name()},
                {"state", summary.state()},
                {"cpu", plain_number(node.cpu())},
                {"cpuFree", plain_number(summary.cpu_free())},
                {"memoryBytes", plain_number(static_cast<double>(node.memory_bytes()))},
                {"memoryFree", plain_number(static_cast<double>(summary.memory_free()))},
                {"gpus", texts(node.gpus())},
                {"gpusFree", texts(summary.gpus_free())},
                {"labels", labels},
                {"resources", others},
                {"claims", texts(node.claims())},
                {"running", running},
                {"version", node.version()}};
}

void write_csv(const std::vector<pb::NodeSummary>& nodes, std::ostream& out) {
  csv_row({"name", "state", "cpu", "cpuFree", "memoryBytes", "memoryFree", "gpus", "gpusFree",
           "running", "labels"},
          out);
  for (const auto& one : nodes) {
    const auto& node = one.node();
    csv_row({node.name(), one.state(), short_number(node.cpu()), short_number(one.cpu_free()),
             std::to_string(node.memory_bytes()), std::to_string(one.memory_free()),
             std::to_string(node.gpus_size()), std::to_string(one.gpus_free_size()),
             std::to_string(one.running_size()), labels_of(node)},
            out);
  }
}

void write_table(const std::vector<pb::NodeSummary>& nodes, bool wide, std::ostream& out) {
  std::vector<std::string> heading{"NODE", "STATE", "CPU", "MEMORY-GIB", "GPUS", "TRIALS", "HEARD"};
  if (wide)
    heading.insert(heading.end(), {"VERSION", "LABELS", "RESOURCES", "CLAIMS"});
  heading.emplace_back("RUNNING");
  Columns columns(heading);
  constexpr int trials_named_max = 3;
  for (const auto& one : nodes) {
    const auto& node = one.node();
    auto of = [](const std::string& free, const std::string& all) { return free + "/" + all; };
    std::vector<std::string> row{
        node.name(),
        one.state(),
        of(short_number(one.cpu_free()), short_number(node.cpu())),
        of(gibibytes(one.memory_free()), gibibytes(node.memory_bytes())),
        of(std::to_string(one.gpus_free_size()), std::to_string(node.gpus_size())),
        std::to_string(one.running_size()),
        heard_of(one)};
    auto dash = [](const std::string& text) { return text.empty() ? "-" : printable(text); };
    if (wide) {
      std::string claims;
      for (const auto& claim : node.claims())
        claims += (claims.empty() ? "" : ",") + claim;
      row.insert(row.end(), {dash(node.version()), dash(labels_of(node)),
                             dash(pairs(node.others(), short_number)), dash(claims)});
    }
    std::string running;
    for (int i = 0; i < one.running_size() && (wide || i < trials_named_max); ++i)
      running += (i == 0 ? "" : " ") + trial_of(one.running(i));
    if (!wide && one.running_size() > trials_named_max)
      running += " +" + std::to_string(one.running_size() - trials_named_max);
    row.push_back(dash(running));
    columns.add(std::move(row));
  }
  columns.print(out);
}

}  // namespace

void write_nodes(std::vector<pb::NodeSummary> nodes, const OutputOptions& options,
                 std::ostream& out) {
  std::sort(nodes.begin(), nodes.end(),
            [](const auto& a, const auto& b) { return a.node().name() < b.node().name(); });
  if (options.format == Format::json) {
    Array all;
    for (const auto& one : nodes)
      all.push_back(to_value(one));
    out << to_json(Value(std::move(all))) << "\n";
  } else if (options.format == Format::csv) {
    write_csv(nodes, out);
  } else {
    write_table(nodes, options.format == Format::wide, out);
  }
}

}  // namespace autotune::cli
