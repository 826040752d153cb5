#include "tuner/space.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>

namespace autotune {

namespace {

void flatten(const std::vector<Parameter>& parameters, const std::string& prefix,
             std::int32_t parent, std::int32_t branch, std::vector<Dimension>& out) {
  for (const auto& p : parameters) {
    auto index = out.size();
    out.emplace_back(p);
    out[index].path = prefix + p.name;
    out[index].parent = parent;
    out[index].branch = branch;
    for (std::size_t b = 0; b < p.branches.size(); ++b)
      flatten(p.branches[b].parameters, prefix + p.name + ".", static_cast<std::int32_t>(index),
              static_cast<std::int32_t>(b), out);
    out[index].end = static_cast<std::int32_t>(out.size());
  }
}

double count_points(const std::vector<Parameter>& parameters) {
  double product = 1;
  for (const auto& p : parameters) {
    if (!p.branches.empty()) {
      double sum = 0;
      for (const auto& branch : p.branches)
        sum += count_points(branch.parameters);
      product *= sum;
    } else if (p.type == ParameterType::choice) {
      std::set<std::string> distinct;  // a value may be listed twice
      for (const auto& v : p.choices)
        distinct.insert(to_json(v));
      product *= static_cast<double>(distinct.size());
    } else {
      product *= Dimension(p).levels();
    }
  }
  return product;
}

/// The member of that name, looked for first at the place where it stands in the space's own order.
const Value* member(const Object& object, const std::string& name, std::size_t hint) {
  if (hint < object.size() && object[hint].first == name)
    return &object[hint].second;
  for (const auto& [key, value] : object)
    if (key == name)
      return &value;
  return nullptr;
}

std::string shortened(const Value& value) {
  auto text = to_json(value);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

}  // namespace

Space::Space(SearchSpace description)
    : description_(std::make_shared<const SearchSpace>(std::move(description))),
      cardinality_(count_points(description_->parameters)) {
  auto dimensions = std::make_shared<std::vector<Dimension>>();
  flatten(description_->parameters, "", -1, -1, *dimensions);
  dimensions_ = std::move(dimensions);
}

bool Space::active(const Point& point, std::size_t i) const {
  const auto& d = (*this)[i];
  if (d.parent < 0)
    return true;
  auto parent = static_cast<std::size_t>(d.parent);
  return !std::isnan(point[parent]) && (*this)[parent].level_at(point[parent]) == d.branch;
}

Point Space::sample_point(Rng& rng) const {
  Point point(size(), inactive);
  for (std::size_t i = 0; i < size(); ++i)
    if (active(point, i))
      point[i] = rng.uniform();
  return point;
}

Value Space::value_of(const Point& point) const {
  // Fills the members of one level of the tree: dimensions from `i` up to `end`, of which those
  // below a choice that are not in its chosen branch are passed over.
  auto fill = [&](auto&& self, std::size_t i, std::size_t end, std::int32_t parent,
                  std::int32_t branch, Object& out) -> void {
    while (i < end) {
      const auto& d = (*this)[i];
      auto next = static_cast<std::size_t>(d.end);
      if (d.parent == parent && d.branch == branch) {
        if (d.nested()) {
          auto chosen = static_cast<std::int32_t>(d.level_at(point[i]));
          Object inner;
          inner.emplace_back("_name",
                             d.parameter().branches[static_cast<std::size_t>(chosen)].name);
          self(self, i + 1, next, static_cast<std::int32_t>(i), chosen, inner);
          out.emplace_back(d.parameter().name, std::move(inner));
        } else {
          out.emplace_back(d.parameter().name, d.value_at(point[i]));
        }
      }
      i = next;
    }
  };
  Object out;
  out.reserve(description_->parameters.size());
  fill(fill, 0, size(), -1, -1, out);
  return out;
}

/// Walks the tree beside the given parameters, writing coordinates and, where it fills, the
/// completed parameters.
struct Space::Reader {
  const Space& space;
  Reading reading;
  Rng* rng;
  Point point;

  Result<Object> read(const Value* given, const std::vector<Parameter>& parameters, std::size_t i,
                      const std::string& where, bool nested) {
    static const Object none;
    const auto* object = given == nullptr ? &none : given->as_object();
    if (object == nullptr)
      return fail(ErrorCode::invalid_argument,
                  "parameters are " + shortened(*given) + ", not an object");
    Object out;
    if (nested && reading == Reading::filling)
      out.emplace_back("_name", Value());  // the caller knows the name
    std::size_t hint = nested ? 1 : 0;
    for (const auto& p : parameters) {
      auto done = read_one(member(*object, p.name, hint++), i, out);
      if (!done)
        return tl::unexpected(done.error());
      i = static_cast<std::size_t>(space[i].end);
    }
    if (reading != Reading::lenient)
      if (auto known = check_unknown(*object, parameters, where, nested); !known)
        return tl::unexpected(known.error());
    return out;
  }

  Result<void> read_one(const Value* given, std::size_t i, Object& out) {
    const auto& d = space[i];
    if (given == nullptr && reading != Reading::filling)
      return fail(ErrorCode::invalid_argument,
                  "parameter '" + d.path + "' is missing; it is " + d.expectation());
    auto unit = given == nullptr ? std::optional(rng->uniform()) : d.unit_of(*given);
    if (!unit)
      return fail(ErrorCode::invalid_argument, "parameter '" + d.path + "' is " +
                                                   shortened(*given) + ", not " + d.expectation());
    point[i] = *unit;
    if (!d.nested()) {
      if (reading == Reading::filling)
        out.emplace_back(d.parameter().name, given == nullptr ? d.value_at(*unit) : *given);
      return {};
    }
    auto chosen = static_cast<std::size_t>(d.level_at(*unit));
    const auto& branch = d.parameter().branches[chosen];
    auto first = i + 1;
    for (std::size_t b = 0; b < chosen; ++b)
      for (std::size_t n = d.parameter().branches[b].parameters.size(); n > 0; --n)
        first = static_cast<std::size_t>(space[first].end);
    auto inner = read(given, branch.parameters, first, d.path + ".", true);
    if (!inner)
      return tl::unexpected(inner.error());
    if (reading == Reading::filling) {
      inner->front().second = branch.name;
      out.emplace_back(d.parameter().name, std::move(*inner));
    }
    return {};
  }

  Result<void> check_unknown(const Object& object, const std::vector<Parameter>& parameters,
                             const std::string& where, bool nested) const {
    std::set<std::string_view> known;
    for (const auto& p : parameters)
      known.insert(p.name);
    for (const auto& [name, value] : object) {
      if (known.contains(name) || (nested && name == "_name"))
        continue;
      std::string names;
      for (const auto& p : parameters)
        names += (names.empty() ? "" : ", ") + p.name;
      return fail(ErrorCode::invalid_argument,
                  "parameter '" + where + name +
                      "' is unknown; known are: " + (names.empty() ? "none" : names));
    }
    return {};
  }
};

Result<Point> Space::point_of(const Value& parameters) const {
  Reader reader{*this, Reading::lenient, nullptr, Point(size(), inactive)};
  auto read = reader.read(&parameters, description_->parameters, 0, "", false);
  if (!read)
    return tl::unexpected(read.error());
  return std::move(reader.point);
}

Result<void> Space::contains(const Value& parameters) const {
  Reader reader{*this, Reading::strict, nullptr, Point(size(), inactive)};
  auto read = reader.read(&parameters, description_->parameters, 0, "", false);
  if (!read)
    return tl::unexpected(read.error());
  return {};
}

Result<Value> Space::complete(const Value& parameters, Rng& rng) const {
  Reader reader{*this, Reading::filling, &rng, Point(size(), inactive)};
  auto read = reader.read(&parameters, description_->parameters, 0, "", false);
  if (!read)
    return tl::unexpected(read.error());
  return Value(std::move(*read));
}

bool Space::discrete(const Point& point) const {
  for (std::size_t i = 0; i < size(); ++i)
    if (!(*this)[i].discrete() && active(point, i))
      return false;
  return true;
}

std::uint64_t Space::key(const Point& point) const {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto& d = (*this)[i];
    if (!active(point, i))
      continue;
    double level = d.discrete() ? d.level_at(point[i]) : point[i];
    if (d.parameter().type == ParameterType::choice &&
        !d.nested()) {  // a value that is listed twice counts as its first place
      const auto& choices = d.parameter().choices;
      level = static_cast<double>(
          std::find(choices.begin(), choices.end(), choices[static_cast<std::size_t>(level)]) -
          choices.begin());
    }
    hash = mix_bits(hash ^ mix_bits(std::bit_cast<std::uint64_t>(level + 0.0) + i));
  }
  return hash;
}

void Space::advance(Point& point) const {
  // Where the last active dimension cannot step it starts over and the one before it steps; what
  // lies below a choice that stepped starts at its first level.
  std::size_t stepped = size();
  while (stepped-- > 0) {
    if (!active(point, stepped))
      continue;
    const auto& d = (*this)[stepped];
    double level = d.level_at(point[stepped]) + 1;
    bool over = level >= d.levels();
    point[stepped] = d.unit_of_level(over ? 0 : level);
    if (!over)
      break;
  }
  for (std::size_t i = 0; i < size(); ++i) {
    if (!active(point, i))
      point[i] = inactive;
    else if (std::isnan(point[i]))
      point[i] = (*this)[i].unit_of_level(0);
  }
}

}  // namespace autotune
