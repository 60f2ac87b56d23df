package agent_policy

import future.keywords.in

default AllowRequestsFailingPolicy := false
policy_data_version := 1

policy_data := {
  "containers": [
    {
      "OCI": {
        "Version": "1.1.0",
        "Process": {
          "Terminal": false,
          "User": {"UID": 65535, "GID": 65535, "AdditionalGids": [], "Username": ""},
          "Args": ["/pause"],
          "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
          "Cwd": "/",
          "Capabilities": {"Ambient": [], "Bounding": ["$(default_caps)"], "Effective": ["$(default_caps)"], "Inheritable": [], "Permitted": ["$(default_caps)"]},
          "NoNewPrivileges": true
        },
        "Root": {"Path": "$(root_path)", "Readonly": true},
        "Mounts": [],
        "Hooks": null,
        "Annotations": {"io.kubernetes.cri.container-type": "sandbox"},
        "Linux": {"Namespaces": [], "MaskedPaths": [], "ReadonlyPaths": [], "Devices": [], "Sysctl": {}}
      },
      "storages": [],
      "devices": [],
      "sandbox_pidns": false,
      "exec_commands": [],
      "runtime_anno_patterns": {}
    },
    {
      "OCI": {
        "Version": "1.1.0",
        "Process": {
          "Terminal": false,
          "User": {"UID": 1000, "GID": 3000, "AdditionalGids": [3000, 2000], "Username": ""},
          "Args": ["/bin/app", "--pod=$(sandbox-name)", "a$$b"],
          "Env": ["PATH=/bin", "HOSTNAME=$(host-name)", "NODE=$(node-name)", "URL=http://$(pod-ip):80"],
          "Cwd": "/srv",
          "Capabilities": {"Ambient": [], "Bounding": ["$(default_caps)", "CAP_SYS_TIME"], "Effective": ["$(default_caps)"], "Inheritable": [], "Permitted": ["$(default_caps)"]},
          "NoNewPrivileges": false
        },
        "Root": {"Path": "$(root_path)", "Readonly": true},
        "Mounts": [
          {"destination": "/proc", "source": "proc", "type_": "proc", "options": ["nosuid", "noexec", "nodev"]},
          {"destination": "/etc/resolv.conf", "source": "$(sfprefix)resolv.conf$", "type_": "bind", "options": ["rbind", "ro"]},
          {"destination": "/etc/hosts", "source": "$(sfprefix)hosts$", "type_": "bind", "options": ["rbind", "rw"]},
          {"destination": "/cache", "source": "^/run/kata-containers/sandbox/ephemeral/cache$", "type_": "local", "options": ["rbind", "rw"]},
          {"destination": "/data", "source": "$(spath)/$(b64_device_id)", "type_": "bind", "options": ["rbind", "ro"]},
          {"destination": "/scratch", "source": "tmpfs", "type_": "tmpfs", "options": ["nosuid"]},
          {"destination": "/odd", "source": "^/var/odd$", "type_": "bind", "options": []}
        ],
        "Hooks": null,
        "Annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.image-name": "registry.example/app@sha256:0d5f"},
        "Linux": {"Namespaces": [{"Type": "ipc", "Path": ""}], "MaskedPaths": [], "ReadonlyPaths": [], "Devices": [], "Sysctl": {"net.core.somaxconn": "1024"}}
      },
      "storages": [],
      "devices": [{"container_path": "/dev/xvda"}],
      "sandbox_pidns": true,
      "exec_commands": [["/bin/app", "health"]],
      "runtime_anno_patterns": {}
    }
  ],
  "common": {
    "cpath": "/run/kata-containers/shared/containers(?:/passthrough)?",
    "ipv4_a": "((25[0-5]|(2[0-4]|1\\d|[1-9]|)\\d)\\.?\\b){4}",
    "ip_p": "[0-9]{1,5}",
    "svc_name_downward_env": "[A-Z_][A-Z0-9_]*",
    "dns_label": "[a-zA-Z0-9_\\.\\-]+",
    "default_caps": ["CAP_CHOWN", "CAP_KILL", "$(default_caps)"],
    "privileged_caps": ["CAP_SYS_ADMIN"]
  },
  "sandbox": {"storages": []},
  "request_defaults": {
    "CreateContainerRequest": {"allow_env_regex": ["^HOSTNAME=$(dns_label)$", "^$(svc_name_downward_env)_SERVICE_HOST=$(ipv4_a)$", "^$(svc_name_downward_env)_SERVICE_PORT=$(ip_p)$"]},
    "CopyFileRequest": ["$(sfprefix)"],
    "ExecProcessRequest": {"allowed_commands": [["ls", "-l"]], "regex": ["^echo .*$"]},
    "CloseStdinRequest": false,
    "ReadStreamRequest": true,
    "UpdateEphemeralMountsRequest": false,
    "WriteStreamRequest": false
  }
}
