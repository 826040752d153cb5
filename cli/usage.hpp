// What is wrong with a command line, and what would be right.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace autotune::cli {

/// The mistake in one line: an unknown verb or option is named, with the nearest known one and all that there are.
/// `app` is as the parsing that failed with `error` left it.
std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error);

}  // namespace autotune::cli
