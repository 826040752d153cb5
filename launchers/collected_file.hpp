// collected.jsonl: what a collector has found, with the places in its sources behind which to go on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "messages/result.hpp"

namespace autotune {

class CollectedFile {
 public:
  explicit CollectedFile(std::string path) : path_(std::move(path)) {}

  /// Reads what stands there, once; a torn last line is cut off.
  void open();
  /// Where to go on in a source.
  std::int64_t place(const std::string& source) const;
  /// The newest number, unless the final result came after it.
  std::optional<double> open_result() const { return last_; }

  void add(const std::string& source, std::int64_t place, std::optional<std::int64_t> step,
           double value);
  /// A line that is a report already, as it stands.
  void add_line(const std::string& source, std::int64_t place, std::string report);
  /// Makes the newest number the final result.
  void add_final();
  /// Appends what was added in one write. Error: failed_precondition; what was added stays for the next time.
  Result<void> flush();

 private:
  void note(const std::string& source, std::int64_t place) { places_[source] = place; }

  std::string path_;
  bool opened_ = false;
  std::map<std::string, std::int64_t> places_;
  std::optional<double> last_;
  std::string pending_;
};

}  // namespace autotune
