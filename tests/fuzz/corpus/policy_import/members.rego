package agent_policy

policy_data := {
  "containers": [
    {
      "OCI": {
        "Process": {"User": {"UID": 1, "GID": 2, "AdditionalGids": [3]}, "Args": ["$(sandbox-name)", "$(odd)"], "Env": ["A=$(pod-ip)", "B"],
          "Capabilities": {"Bounding": ["$(privileged_caps)"]}, "Rlimits": [1]},
        "Mounts": [
          {"destination": "/sys", "source": "sysfs", "type_": "sysfs", "options": ["rw"]},
          {"destination": "/a", "source": "^$(cpath)/$(sandbox-id)/local/scratch$", "type_": "local", "options": ["rbind"]},
          {"destination": "/b", "source": "^$(cpath)/$(sandbox-id)/rootfs/local/scratch/below$", "type_": "local", "options": ["ro"]},
          {"destination": "/c", "source": "^$(cpath)/watchable/$(bundle-id)-[a-z0-9]{16}-c$", "type_": "bind", "options": []},
          {"destination": "/dev/x", "source": "/dev/x", "type_": "bind", "options": []}
        ],
        "Annotations": {"io.katacontainers.pkg.oci.container_type": "pod_container", "io.kubernetes.cri.image-name": "r.example/i:1",
          "io.kubernetes.cri.sandbox-name": "^web-[a-z0-9]{5}$", "io.kubernetes.cri.sandbox-namespace": "shop"}
      },
      "storages": [{"driver": "blk", "fstype": "tar", "mount_point": "$(layer0)"}],
      "devices": [{"container_path": "/dev/v", "type": "vfio-pci"}],
      "exec_commands": ["echo joined words"]
    }
  ],
  "common": {"privileged_caps": ["CAP_SYS_ADMIN"]},
  "sandbox": {"storages": [{"mount_point": "/elsewhere"}]},
  "request_defaults": {"ExecProcessRequest": {"commands": ["ls -l"], "regex": ["^a+$"]}, "SetPolicyRequest": true}
}
