#include <catch2/catch.hpp>

#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::string with_training(const std::string& lines) {
  return "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\nmetadata: {name: a}\n"
         "spec:\n  maxTrialNum: 1\n"
         "  searchSpace: '{\"x\": {\"_type\": \"uniform\", \"_value\": [0, 1]}}'\n"
         "  trainingConfig:\n" +
         lines;
}

/// A task of one container, whose pod has these fields beside `command`.
std::string with_container(const std::string& fields, const std::string& pod = "") {
  return with_training(
      "    type: pytorch\n    tasks:\n      - type: master\n        template:\n"
      "          spec:\n" +
      pod + "            containers:\n              - command: [train]\n" + fields);
}

pb::Container container_of(const std::string& text) {
  auto spec = spec_of(text);
  return spec.training_config().tasks_size() == 0 ? pb::Container()
                                                  : spec.training_config().tasks(0).container();
}

std::vector<std::string> messages(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& d : load_text(text, "f").diagnostics)
    out.push_back(d.path.substr(d.path.rfind('.') + 1) + ": " + d.message);
  return out;
}

}  // namespace

TEST_CASE("everything that the training configuration has is read", "[config]") {
  auto spec = spec_of(with_training(
      "    type: pytorch\n    scheduler: {t9kScheduler: {queue: default, priority: 50}}\n"
      "    runPolicy: {backoffLimit: 5, activeDeadlineSeconds: 60, cleanUpPolicy: None}\n"
      "    torchrunConfig: {enabled: true, procPerNode: 2}\n"
      "    tasks:\n"
      "      - {type: master, template: {spec: {containers: [{command: [a]}]}}}\n"
      "      - {type: worker, replicas: 3, restartPolicy: ExitCode, template: {spec: {containers: "
      "[{command: [b]}]}}}\n"));
  const auto& training = spec.training_config();
  CHECK(training.queue() == "default");
  CHECK(training.priority() == "50");
  CHECK(training.run_policy().backoff_limit() == 5);
  CHECK(training.run_policy().active_deadline_seconds() == 60);
  CHECK(training.run_policy().clean_up_policy() == pb::CLEAN_UP_POLICY_NONE);
  CHECK(training.torchrun_config_json() == R"({"enabled":true,"procPerNode":2})");
  REQUIRE(training.tasks_size() == 2);
  CHECK(training.tasks(1).replicas() == 3);
  CHECK(training.tasks(1).restart_policy() == pb::RESTART_POLICY_EXIT_CODE);
}

TEST_CASE("the main container is the one named as the type, else the first", "[config]") {
  auto named = with_training(
      "    type: xgboost\n    tasks:\n      - type: worker\n        template:\n          spec:\n"
      "            containers:\n              - {name: sidecar, image: x}\n"
      "              - {name: xgboost, command: [train], securityContext: {runAsUser: 7}}\n"
      "            securityContext: {runAsUser: 5}\n");
  auto file = load_text(named, "f");
  CHECK(messages(named) ==
        std::vector<std::string>{
            "tasks: the process launcher ignores: securityContext.runAsUser, container 'sidecar'"});
  const auto& task = file.experiments.at(0).spec.training_config().tasks(0);
  CHECK(task.container().name() == "xgboost");
  CHECK(task.run_as_user() == 7);
  CHECK(container_of(with_container("                name: other\n")).name() == "other");
}

TEST_CASE("a container's environment is read with where its values come from", "[config]") {
  auto container = container_of(with_container(
      "                env:\n"
      "                  - {name: A, value: 'x $(B) ${parameters.x}'}\n"
      "                  - {name: B, valueFrom: {secretKeyRef: {name: s, key: k, optional: "
      "true}}}\n"
      "                  - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n"
      "                  - {name: D}\n"
      "                envFrom: [{prefix: P_, secretRef: {name: s}}]\n"));
  REQUIRE(container.env_size() == 4);
  CHECK(container.env(0).value() == "x $(B) ${parameters.x}");
  CHECK(container.env(1).secret_ref().key() == "k");
  CHECK(container.env(1).secret_ref().optional());
  CHECK(container.env(2).field_path() == "metadata.name");
  REQUIRE(container.env_from_size() == 1);
  CHECK(container.env_from(0).prefix() == "P_");
}

TEST_CASE("resources are read, and a limit alone is also the request", "[config]") {
  auto container =
      container_of(with_container("                resources:\n                  limits: {cpu: "
                                  "1500m, memory: 1.5G, nvidia.com/gpu: 2}\n"
                                  "                  requests: {cpu: 1}\n"));
  CHECK(container.limits().cpu() == 1.5);
  CHECK(container.limits().memory_bytes() == 1'500'000'000);
  CHECK(container.limits().gpus() == 2);
  CHECK(container.requests().cpu() == 1);
  CHECK(container.requests().memory_bytes() == 1'500'000'000);
  CHECK(container.requests().gpus() == 2);
  CHECK(messages(with_container("                resources: {limits: {amd.com/gpu: 1.5}}\n")) ==
        std::vector<std::string>{"com/gpu: must be a whole number of GPUs, not 1.5"});
}

TEST_CASE("resources that a cluster has named are read, and Kubernetes' own are not", "[config]") {
  auto container = container_of(with_container(
      "                resources:\n"
      "                  limits: {rdma/hca: 2, example.com/slots: 4, ephemeral-storage: 1Gi}\n"
      "                  requests: {example.com/slots: 500m, example.com/seats: 1}\n"));
  const auto& requests = container.requests().others();
  CHECK(std::map<std::string, double>(requests.begin(), requests.end()) ==
        std::map<std::string, double>{
            {"rdma/hca", 2}, {"example.com/slots", 0.5}, {"example.com/seats", 1}});
  CHECK(
      messages(with_container(
                   "                resources: {limits: {rdma/hca: 1}, requests: {rdma/hca: 2}}\n"))
          .back() == "rdma/hca: must not exceed limits.rdma/hca");
  CHECK(messages(with_container("                resources: {limits: {rdma/hca: -1}}\n")).back() ==
        "rdma/hca: must not be negative, as '-1' is");
  CHECK(messages(with_container("                resources: {limits: {nvidia.com/gpus: 1}}\n"))
            .back()
            .find("did you mean 'nvidia.com/gpu'?") != std::string::npos);
}

TEST_CASE("the labels of the node where a task runs are read", "[config]") {
  auto spec = spec_of(with_container("", "            nodeSelector: {disk: ssd, zone: \"1\"}\n"));
  const auto& labels = spec.training_config().tasks(0).node_selector();
  CHECK(std::map<std::string, std::string>(labels.begin(), labels.end()) ==
        std::map<std::string, std::string>{{"disk", "ssd"}, {"zone", "1"}});
  CHECK(messages(with_container("", "            nodeSelector: [ssd]\n")).size() == 2);
  CHECK(messages(with_container("", "            nodeSelector: {disk: [ssd]}\n")).size() == 2);
}

TEST_CASE("volumes of every kind are read", "[config]") {
  auto text = with_container(
      "                volumeMounts:\n"
      "                  - {name: a, mountPath: /a, subPath: s, readOnly: true}\n",
      "            volumes:\n"
      "              - {name: a, persistentVolumeClaim: {claimName: c}}\n"
      "              - {name: b, emptyDir: {}}\n"
      "              - {name: c, hostPath: {path: /h}}\n"
      "              - {name: d, secret: {secretName: s}}\n"
      "              - {name: e, emptyDir: }\n"
      "              - {name: f, configMap: {name: m}}\n");
  CHECK(messages(text) ==
        std::vector<std::string>{"tasks: the process launcher ignores: volumes.configMap"});
  auto spec = spec_of(text);
  const auto& task = spec.training_config().tasks(0);
  REQUIRE(task.volumes_size() == 6);
  CHECK(task.volumes(0).claim_name() == "c");
  CHECK(task.volumes(1).empty_dir());
  CHECK(task.volumes(2).host_path() == "/h");
  CHECK(task.volumes(3).secret_name() == "s");
  CHECK(task.volumes(4).empty_dir());
  CHECK(task.volumes(5).source_case() == pb::Volume::SOURCE_NOT_SET);
  CHECK(task.container().volume_mounts(0).sub_path() == "s");
  CHECK(task.container().volume_mounts(0).read_only());
}

TEST_CASE("the whole template is kept for launchers that hand it on", "[config]") {
  auto spec = spec_of(with_container("                tty: true\n",
                                     "            terminationGracePeriodSeconds: 0\n"));
  const auto& task = spec.training_config().tasks(0);
  CHECK(
      task.template_json() ==
      R"({"spec":{"terminationGracePeriodSeconds":0,"containers":[{"command":["train"],"tty":true}]}})");
  CHECK(task.termination_grace_period_ms() == 0);
}

TEST_CASE("what is ignored depends on the launcher alone", "[config]") {
  auto spec = spec_of(with_container(
      "                image: i\n                tty: true\n"
      "                resources: {limits: {cpu: 1, ephemeral-storage: 1Gi}}\n"
      "                env: [{name: A, valueFrom: {configMapKeyRef: {name: m, key: k}}}]\n"));
  const auto& training = spec.training_config();
  CHECK(ignored_fields(training, "process", false) ==
        std::vector<std::string>{"image", "tty", "env.valueFrom.configMapKeyRef",
                                 "resources.limits.ephemeral-storage"});
  CHECK(ignored_fields(training, "container", false).front() == "tty");
  CHECK(ignored_fields(training, "kubernetes", false).empty());
  CHECK(ignored_fields(training, "simulated", false).empty());
}

TEST_CASE("mistakes of the training configuration are told", "[config]") {
  auto [text, message] = GENERATE(table<std::string, std::string>({
      {with_training("    tasks: []\n    type: pytorch\n"),
       "tasks: must not be empty: a trial needs something to run"},
      {with_training("    type: pytorch\n"),
       "tasks: is missing: a list with a role of the trial in each element"},
      {with_training("    type: pytorch\n    tasks: [{type: master}]\n"),
       "template: is missing: what the replicas run: {spec: {containers: [...]}}"},
      {with_training(
           "    type: pytorch\n    tasks: [{template: {spec: {containers: [{command: [a]}]}}}]\n"),
       "type: is missing: the role, one of master, worker"},
      {with_training("    type: xgboost\n    torchrunConfig: {}\n    tasks: [{type: master, "
                     "template: {spec: {containers: [{command: [a]}]}}}]\n"),
       "torchrunConfig: belongs to type pytorch, not xgboost"},
      {with_training("    type: generic\n    runPolicy: {activeDeadlineSeconds: 0}\n    tasks: "
                     "[{template: {spec: {containers: [{command: [a]}]}}}]\n"),
       "activeDeadlineSeconds: must be greater than 0; leave it out for no limit"},
      {with_container("                args: [1]\n"),
       "args[0]: must be text; write it in quotes: \"1\""},
      {with_container("                args: ['${trial.seq}']\n"),
       "args[0]: '${trial.seq}' is unknown; known are id, sequence"},
      {with_container("                env: [{name: A=B}]\n"),
       "name: 'A=B' is no variable's name: it holds a '='"},
      {with_container("                env: [{name: A, value: 1}]\n"),
       "value: must be text; write it in quotes: \"1\""},
      {with_container(
           "                env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: a}}}]\n"),
       "valueFrom: cannot stand beside 'value'; remove one"},
      {with_container("", "            volumes: [{name: a, emptyDir: {}, hostPath: {path: /}}]\n"),
       "hostPath: is a second source; emptyDir stands there already, and a volume has one"},
      {with_container("",
                      "            volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]\n"),
       "name: 'a' names another volume already"},
      {with_container("", "            terminationGracePeriodSeconds: -1\n"),
       "terminationGracePeriodSeconds: must be from 0 to 86400, not -1"},
  }));
  CAPTURE(text);
  CHECK(messages(text) == std::vector<std::string>{message});
}

TEST_CASE("references to parameters that algorithms add are known", "[config]") {
  CHECK(messages(with_container(
                     "                args: ['${parameters.x}', '${parameters.TRIAL_BUDGET}', "
                     "'${trial.id}', '$${HOME}', '${HOME}', '${parameters.x']\n"))
            .empty());
}
