// What a head knows, as its store's reader gives it, asked for page by page. Without CAF: `ask` carries the messages.
#pragma once

#include <functional>
#include <memory>

#include "messages/control.pb.h"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune::cli {

/// Asks a head, and waits. What is wrong there is an error here.
using AskHead = std::function<Result<pb::QueryAnswer>(pb::Query)>;

/// Reads what that head knows: several pages are several looks, so what changes meanwhile may be seen in part. Values of
/// secrets are not given: failed_precondition.
std::unique_ptr<StoreReader> remote_reader(AskHead ask);

}  // namespace autotune::cli
