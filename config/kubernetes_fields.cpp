#include "config/kubernetes_fields.hpp"

#include <array>

namespace autotune::config::kubernetes {

namespace {

template <class... Text>
constexpr auto names(Text... text) {
  return std::array<std::string_view, sizeof...(Text)>{text...};
}

constexpr auto object_meta_names =
    names("name", "namespace", "labels", "annotations", "generateName", "uid", "resourceVersion",
          "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
          "finalizers", "ownerReferences", "managedFields", "selfLink", "clusterName");

constexpr auto pod_template_names = names("metadata", "spec");

constexpr auto pod_spec_names = names(
    "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig",
    "dnsPolicy", "enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC",
    "hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride", "imagePullSecrets",
    "initContainers", "nodeName", "nodeSelector", "os", "overhead", "preemptionPolicy", "priority",
    "priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy",
    "runtimeClassName", "schedulerName", "schedulingGates", "securityContext", "serviceAccount",
    "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain",
    "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes");

constexpr auto container_names = names(
    "name", "image", "command", "args", "workingDir", "env", "envFrom", "resources", "volumeMounts",
    "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe", "resizePolicy",
    "restartPolicy", "restartPolicyRules", "securityContext", "startupProbe", "stdin", "stdinOnce",
    "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices");

constexpr auto pod_security_context_names =
    names("runAsUser", "runAsGroup", "runAsNonRoot", "appArmorProfile", "fsGroup",
          "fsGroupChangePolicy", "seLinuxChangePolicy", "seLinuxOptions", "seccompProfile",
          "supplementalGroups", "supplementalGroupsPolicy", "sysctls", "windowsOptions");

constexpr auto container_security_context_names =
    names("runAsUser", "runAsGroup", "runAsNonRoot", "allowPrivilegeEscalation", "appArmorProfile",
          "capabilities", "privileged", "procMount", "readOnlyRootFilesystem", "seLinuxOptions",
          "seccompProfile", "windowsOptions");

constexpr auto resources_names = names("requests", "limits", "claims");
constexpr auto env_names = names("name", "value", "valueFrom");
constexpr auto env_source_names =
    names("secretKeyRef", "fieldRef", "configMapKeyRef", "resourceFieldRef", "fileKeyRef");
constexpr auto key_ref_names = names("name", "key", "optional");
constexpr auto field_ref_names = names("fieldPath", "apiVersion");
constexpr auto env_from_names = names("secretRef", "prefix", "configMapRef");
constexpr auto name_ref_names = names("name", "optional");
constexpr auto volume_mount_names = names("name", "mountPath", "subPath", "readOnly",
                                          "mountPropagation", "recursiveReadOnly", "subPathExpr");

constexpr auto volume_names =
    names("name", "persistentVolumeClaim", "emptyDir", "hostPath", "secret", "awsElasticBlockStore",
          "azureDisk", "azureFile", "cephfs", "cinder", "configMap", "csi", "downwardAPI",
          "ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs",
          "image", "iscsi", "nfs", "photonPersistentDisk", "portworxVolume", "projected", "quobyte",
          "rbd", "scaleIO", "storageos", "vsphereVolume");

constexpr auto claim_source_names = names("claimName", "readOnly");
constexpr auto empty_dir_source_names = names("medium", "sizeLimit");
constexpr auto host_path_source_names = names("path", "type");
constexpr auto secret_source_names = names("secretName", "items", "defaultMode", "optional");

}  // namespace

Names object_meta() { return object_meta_names; }
Names pod_template() { return pod_template_names; }
Names pod_spec() { return pod_spec_names; }
Names container() { return container_names; }
Names pod_security_context() { return pod_security_context_names; }
Names container_security_context() { return container_security_context_names; }
Names resources() { return resources_names; }
Names env() { return env_names; }
Names env_source() { return env_source_names; }
Names key_ref() { return key_ref_names; }
Names field_ref() { return field_ref_names; }
Names env_from() { return env_from_names; }
Names name_ref() { return name_ref_names; }
Names volume_mount() { return volume_mount_names; }
Names volume() { return volume_names; }
Names claim_source() { return claim_source_names; }
Names empty_dir_source() { return empty_dir_source_names; }
Names host_path_source() { return host_path_source_names; }
Names secret_source() { return secret_source_names; }

}  // namespace autotune::config::kubernetes
