// The fields that Kubernetes knows in a PodTemplate, as far down as we look.
#pragma once

#include <span>
#include <string_view>

namespace autotune::config::kubernetes {

using Names = std::span<const std::string_view>;

Names object_meta();
Names pod_template();
Names pod_spec();
Names container();
Names pod_security_context();
Names container_security_context();
Names resources();
Names env();
Names env_source();
Names key_ref();
Names field_ref();
Names env_from();
Names name_ref();
Names volume_mount();
Names volume();  ///< `name` and every source
Names claim_source();
Names empty_dir_source();
Names host_path_source();
Names secret_source();

}  // namespace autotune::config::kubernetes
