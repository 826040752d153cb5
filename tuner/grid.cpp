#include "tuner/grid.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace autotune {

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t epochs_max = 48;          // beyond, a step is too fine for a double to tell
constexpr std::size_t endless_epochs_max = 16;  // for qnormal and qlognormal
constexpr double points_per_level_max = 8;

// Saturating: a grid too large to count is too large to walk.
std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a > most - b ? most : a + b; }

std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > most / b ? most : a * b;
}

}  // namespace

std::uint64_t Grid::Count::all() const { return add(old, fresh); }

Grid::Count Grid::product(const Count& a, const Count& b) {
  return {multiply(a.old, b.old), add(multiply(a.fresh, b.all()), multiply(a.old, b.fresh))};
}

Grid::Grid(Space space) : space_(std::move(space)), axes_(space_.size()) {}

bool Grid::computed(std::size_t i) const {
  const auto& d = space_[i];
  return !d.discrete() || d.parameter().type == ParameterType::randint;
}

bool Grid::complete() const {
  for (std::size_t i = 0; i < space_.size(); ++i)
    if (!space_[i].discrete() || !(computed(i) || axes_[i].complete))
      return false;
  return true;
}

void Grid::extend() const {
  ++epochs_;
  for (std::size_t i = 0; i < space_.size(); ++i)
    if (!computed(i))
      extend(axes_[i], space_[i], epochs_);
}

void Grid::extend(Axis& axis, const Dimension& d, std::size_t epoch) const {
  auto put = [&](double level) {
    if (axis.seen.insert(static_cast<std::int64_t>(level)).second)
      axis.units.push_back(d.unit_of_level(level));
  };
  double points = std::ldexp(1.0, static_cast<int>(epoch) - 1);
  if (axis.complete) {
  } else if (d.categorical()) {
    const auto& choices = d.parameter().choices;
    for (std::size_t n = 0; n < static_cast<std::size_t>(d.levels()); ++n)
      if (d.nested() || std::find(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(n),
                                  choices[n]) == choices.begin() + static_cast<std::ptrdiff_t>(n))
        put(static_cast<double>(n));
    axis.complete = true;
  } else if (points > points_per_level_max * d.levels()) {
    for (double level = 0; level < d.levels(); ++level)
      put(level);
    axis.complete = true;
  } else {
    for (double n = 0; n < points; ++n)
      put(d.level_at((2 * n + 1) / (2 * points)));
    axis.complete = static_cast<double>(axis.units.size()) >= d.levels() ||
                    (std::isinf(d.levels()) && epoch >= endless_epochs_max);
  }
  axis.until.push_back(axis.units.size());
}

std::uint64_t Grid::coordinates(std::size_t i, std::size_t epoch) const {
  if (epoch == 0)
    return 0;
  if (!space_[i].discrete())
    return (std::uint64_t{1} << epoch) - 1;
  return computed(i) ? static_cast<std::uint64_t>(space_[i].levels()) : axes_[i].until[epoch - 1];
}

double Grid::unit(std::size_t i, std::uint64_t n) const {
  if (!computed(i))
    return axes_[i].units[n];
  if (space_[i].discrete())
    return space_[i].unit_of_level(static_cast<double>(n));
  // 1/2, 1/4, 3/4, 1/8, ...: the n-th from 0 has as many binary digits as n + 1.
  int digits = std::bit_width(n + 1);
  double odd = 2 * static_cast<double>(n + 1 - (std::uint64_t{1} << (digits - 1))) + 1;
  return std::ldexp(odd, -digits);
}

Grid::Count Grid::count(std::size_t i, std::size_t epoch) const {
  const auto& d = space_[i];
  if (!d.nested()) {
    auto old = coordinates(i, epoch - 1);
    return {old, coordinates(i, epoch) - old};
  }
  Count sum{0, 0};
  for (std::size_t b = 0; b < d.parameter().branches.size(); ++b) {
    auto inner =
        count_siblings(i + 1, static_cast<std::size_t>(d.end), static_cast<std::int32_t>(b), epoch);
    sum.old = add(sum.old, inner.old);
    sum.fresh = add(sum.fresh, inner.fresh);
  }
  return epoch == 1 ? Count{0, sum.all()}
                    : sum;  // a branch without parameters is fresh in the first epoch too
}

Grid::Count Grid::count_siblings(std::size_t from, std::size_t to, std::int32_t branch,
                                 std::size_t epoch) const {
  Count all;
  auto parent = from == 0 ? -1 : static_cast<std::int32_t>(from) - 1;
  for (auto i = from; i < to; i = static_cast<std::size_t>(space_[i].end))
    if (space_[i].parent == parent && space_[i].branch == branch)
      all = product(all, count(i, epoch));
  return all;
}

void Grid::walk_siblings(Walk& walk, std::size_t from, std::size_t to, std::int32_t branch,
                         const Count& tail) const {
  std::vector<std::size_t> siblings;
  auto parent = from == 0 ? -1 : static_cast<std::int32_t>(from) - 1;
  for (auto i = from; i < to; i = static_cast<std::size_t>(space_[i].end))
    if (space_[i].parent == parent && space_[i].branch == branch)
      siblings.push_back(i);
  std::vector<Count> rests(siblings.size() + 1, tail);
  for (auto n = siblings.size(); n-- > 0;)
    rests[n] = product(count(siblings[n], walk.epoch), rests[n + 1]);
  for (std::size_t n = 0; n < siblings.size(); ++n)
    step(walk, siblings[n], rests[n + 1]);
}

void Grid::step(Walk& walk, std::size_t i, const Count& rest) const {
  const auto& d = space_[i];
  if (!d.nested()) {
    auto old = coordinates(i, walk.epoch - 1);
    auto each = walk.need_fresh ? rest.fresh : rest.all();
    auto before = multiply(old, each);
    std::uint64_t n = 0;
    if (walk.place < before) {
      n = walk.place / each;
      walk.place %= each;
    } else {
      walk.place -= before;
      n = old + walk.place / rest.all();
      walk.place %= rest.all();
      walk.need_fresh = false;
    }
    walk.point[i] = unit(i, n);
    return;
  }
  auto first = i + 1;
  auto end = static_cast<std::size_t>(d.end);
  if (walk.epoch == 1)
    walk.need_fresh = false;
  for (std::size_t b = 0; b < d.parameter().branches.size(); ++b) {
    auto branch = static_cast<std::int32_t>(b);
    auto total = product(count_siblings(first, end, branch, walk.epoch), rest);
    auto here = walk.need_fresh ? total.fresh : total.all();
    if (walk.place < here) {
      walk.point[i] = d.unit_of_level(static_cast<double>(b));
      walk_siblings(walk, first, end, branch, rest);
      return;
    }
    walk.place -= here;
  }
}

std::optional<Point> Grid::at(std::uint64_t place) const {
  for (std::size_t epoch = 1; epoch <= epochs_max; ++epoch) {
    if (epoch > epochs_) {
      if (epochs_ > 0 && complete())
        return std::nullopt;
      extend();
    }
    auto fresh = count_siblings(0, space_.size(), -1, epoch).fresh;
    if (place < fresh) {
      Walk walk{epoch, place, true, Point(space_.size(), inactive)};
      walk_siblings(walk, 0, space_.size(), -1, Count{});
      return std::move(walk.point);
    }
    place -= fresh;
  }
  return std::nullopt;
}

}  // namespace autotune
