// get nodes, drain: what is asked of the nodes of a running server.
#include <iostream>

#include "cli/cli.hpp"
#include "cli/columns.hpp"
#include "cli/connection.hpp"
#include "cli/node_table.hpp"

namespace autotune::cli {

namespace {

int get_nodes(const Common& common) {
  auto format = format_of(common.output);
  if (!format)
    return report(format.error());
  pb::ControlRequest request;
  request.mutable_list_nodes();
  auto answer = ask_server(common, request);
  if (!answer)
    return report(answer.error());
  write_nodes({answer->nodes().begin(), answer->nodes().end()}, {*format, 0}, std::cout);
  std::cout.flush();
  return exit_fine;
}

int drain(const Common& common, const pb::Drain& wish) {
  pb::ControlRequest request;
  *request.mutable_drain() = wish;
  auto answer = ask_server(common, request);
  if (!answer)
    return report(answer.error());
  std::cout << wish.node()
            << (wish.undo()   ? " takes new trials again\n"
                : wish.move() ? " takes no new trials; those that run there start anew elsewhere\n"
                              : " takes no new trials; those that run there go on to their end\n");
  return exit_fine;
}

}  // namespace

void add_get_nodes(CLI::App& get, Common& common, int& exit_code) {
  auto* nodes =
      add_verb(get, common, "nodes", "The nodes of the running server, and what runs there");
  nodes->alias("node");
  add_output_option(*nodes, common, {"table", "wide", "csv", "json"});
  nodes->callback([&common, &exit_code] { exit_code = get_nodes(common); });
}

void add_drain(CLI::App& app, Common& common, int& exit_code) {
  auto wish = std::make_shared<pb::Drain>();
  auto node = std::make_shared<std::string>();
  auto move = std::make_shared<bool>(false);
  auto undo = std::make_shared<bool>(false);
  auto* verb = add_verb(app, common, "drain", "Give a node no new trials, before it is taken away");
  verb->add_option("NODE", *node, "Its name in `autotune get nodes`")->required();
  verb->add_flag("--move", *move, "Also end what runs there: it starts anew elsewhere, at no cost");
  verb->add_flag("--undo", *undo, "Let it take trials again");
  verb->callback([&common, &exit_code, wish, node, move, undo] {
    wish->set_node(*node);
    wish->set_move(*move);
    wish->set_undo(*undo);
    exit_code = drain(common, *wish);
  });
}

}  // namespace autotune::cli
