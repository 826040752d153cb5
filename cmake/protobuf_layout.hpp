// Included first by all that uses protobuf in a TSan build: google/protobuf/map_field.h gives a map two more members
// there, which the system's libprotobuf, built without TSan, knows nothing of.
#pragma once

#include <cstddef>  // the standard library still learns that TSan watches

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
