#include "actors/machine.hpp"

#include <algorithm>
#include <thread>

#include <unistd.h>

#include "launchers/gpus.hpp"
#include "launchers/launcher_switch.hpp"
#include "launchers/simulated.hpp"

namespace autotune {

NodeCapacity this_machine() {
  NodeCapacity node;
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  node.name = name;
  node.cpu = std::max(1u, std::thread::hardware_concurrency());
  node.memory_bytes =
      static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  node.gpus = visible_gpus();
  return node;
}

std::shared_ptr<Launcher> make_launchers(ProcessLauncherOptions process, Launchers more) {
  more.try_emplace("process", nullptr);
  more.try_emplace("simulated", nullptr);
  if (auto& ours = more.at("process"); !ours)
    ours = make_process_launcher(std::move(process));
  if (auto& ours = more.at("simulated"); !ours)
    ours = std::make_unique<SimulatedLauncher>();
  return std::make_shared<LauncherSwitch>(std::move(more));
}

}  // namespace autotune
