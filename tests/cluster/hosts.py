"""Three hosts on a bridge, in network namespaces: a head and two or more agents. Needs root and iproute2."""

import os
import shutil
import subprocess

from cluster import Cluster


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


def may_make_namespaces():
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    name = f"at-probe-{os.getpid()}"
    made = ip("netns", "add", name, check=False).returncode == 0
    ip("netns", "del", name, check=False)
    return made


class Hosts(Cluster):
    """`on(host, start, ...)` starts something on one of them."""

    HOSTS = ("head", "a", "b")

    def setUp(self):
        super().setUp()
        self.spaces = {name: f"at-{name}-{os.getpid()}" for name in ("switch", *self.HOSTS)}
        self.within = None
        for space in self.spaces.values():
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        ip("-n", self.spaces["switch"], "link", "add", "br0", "type", "bridge")
        ip("-n", self.spaces["switch"], "link", "set", "br0", "up")
        for host in self.HOSTS:
            ip("-n", self.spaces["switch"], "link", "add", "p" + host, "type", "veth", "peer", "name", "eth0",
               "netns", self.spaces[host])
            ip("-n", self.spaces["switch"], "link", "set", "p" + host, "master", "br0", "up")
            ip("-n", self.spaces[host], "addr", "add", self.host_address(host) + "/24", "dev", "eth0")
            ip("-n", self.spaces[host], "link", "set", "eth0", "up")

    def tearDown(self):
        super().tearDown()
        for space in self.spaces.values():
            ip("netns", "del", space, check=False)

    def host_address(self, host):
        return f"10.77.0.{self.HOSTS.index(host) + 1}"

    def command(self, *arguments):
        prefix = ["ip", "netns", "exec", self.spaces[self.within]] if self.within else []
        return prefix + super().command(*arguments)

    def address(self):
        return f"{self.host_address('head')}:{self.port}"

    def on(self, host, start, *arguments):
        self.within = host
        try:
            return start(*arguments)
        finally:
            self.within = None

    def cut(self, host):
        """No reset, no answer: as when a switch dies."""
        ip("-n", self.spaces["switch"], "link", "set", "p" + host, "down")

    def heal(self, host):
        ip("-n", self.spaces["switch"], "link", "set", "p" + host, "up")
