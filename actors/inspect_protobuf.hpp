// Carries protobuf messages through CAF as bytes: one generic inspect for all of them.
#pragma once

#include <string>
#include <type_traits>

#include <google/protobuf/message.h>
#include <caf/all.hpp>

namespace autotune::pb {

template <class Inspector, class T>
requires std::is_base_of_v<google::protobuf::Message, T>
bool inspect(Inspector& f, T& x) {
  auto bytes = [&x] { return x.SerializeAsString(); };
  auto parse = [&x](std::string y) { return x.ParseFromString(y); };
  return f.object(x).fields(f.field("bytes", bytes, parse));
}

}  // namespace autotune::pb
