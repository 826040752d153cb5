"""Who does not hold a certificate of the cluster learns nothing, changes nothing and costs little."""

import pathlib
import socket
import ssl
import struct
import unittest

from cluster import Cluster, free_port
from harness import wait_until


def memory_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Strangers(Cluster):
    def setUp(self):
        super().setUp()
        self.enroll = free_port()

    def certificate_of_another_cluster(self):
        """Key and certificate of a server that was started once in a home of its own."""
        home, self.home = self.home, self.folder / "other"
        port, self.port = self.port, self.port
        server = self.serve()
        self.end(server)
        self.home, self.port = home, port
        return self.folder / "other" / "tls" / "head"

    def context(self, folder=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if folder:
            context.load_cert_chain(folder / "node.pem", folder / "node.key")
        return context

    def answers(self, context):
        """What the port says to whoever gets that far; b"" where it hangs up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
                with context.wrap_socket(plain) as stream:
                    return stream.recv(1024)
        except (ssl.SSLError, ConnectionError):
            return b""

    def test_only_members_are_answered(self):
        foreign = self.certificate_of_another_cluster()
        self.serve()
        self.assertEqual(self.answers(self.context()), b"", "without a certificate")
        self.assertEqual(self.answers(self.context(foreign)), b"", "with one of another cluster")
        # A member is: so the two above were refused for what they are.
        self.assertNotEqual(self.answers(self.context(self.home / "tls" / "head")), b"")

    def test_an_agent_of_another_cluster_is_told_why(self):
        self.certificate_of_another_cluster()
        server = self.serve()
        home, self.home = self.home, self.folder / "other"
        agent = self.join("a")
        wait_until(lambda: "not connected" in self.output(agent), "the agent says so")
        self.assertRegex(self.output(agent), r"does not accept us .*another cluster")
        self.assertIsNone(agent.poll(), "it goes on trying")
        self.end(agent)
        self.home = home
        self.assertIsNone(self.node("a"))
        self.end(server)

    def test_an_agent_without_a_certificate_is_told_how_to_get_one(self):
        self.home = self.folder / "new"
        done = self.run_it("agent", "--join", self.address(), "--name", "a", code=2)
        self.assertIn("autotune token create", done.stderr)

    def test_a_token_lets_one_machine_in_once(self):
        server = self.serve("--enroll", f"127.0.0.1:{self.enroll}")
        token = self.run_it("token", "create", "--enroll", f"127.0.0.1:{self.enroll}", code=0).stdout.strip()
        head_home, self.home = self.home, self.folder / "elsewhere"
        agent = self.join("far", "--token", token)
        wait_until(lambda: "connected" in self.output(agent), "it is let in")
        self.end(agent)
        # The same command again, as a service would give it: the certificate is there, and the token is not needed.
        agent = self.join("far", "--token", token)
        wait_until(lambda: "connected" in self.output(agent), "it comes back")
        self.home = self.folder / "a-thief"
        thief = self.run_it("agent", "--join", self.address(), "--name", "thief", "--token", token, code=2)
        self.assertIn("token", thief.stderr)
        self.home = head_home
        self.wait_for_node("far", "Ready")
        self.assertIsNone(self.node("thief"))
        self.submit("far-away")
        self.gate.touch()
        self.wait_for_phase("far-away", "DONE")
        self.assertEqual({trial["node"] for trial in self.database.trials("far-away")}, {"far"})
        self.end(agent, server)

    def test_noise_costs_little(self):
        server = self.serve()
        self.join("a")
        self.wait_for_node("a", "Ready")
        before = memory_kib(server.pid)
        # A header that announces two gigabytes, in the clear and after a handshake without a certificate; and nothing at
        # all, which is kept open.
        huge = struct.pack(">IIQIIQQ", 0, 0x7FFFFFFF, 0, 0, 0, 0, 0)
        kept = []
        for _ in range(20):
            stream = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            stream.sendall(huge)
            kept.append(stream)
            kept.append(socket.create_connection(("127.0.0.1", self.port), timeout=10))
            self.assertEqual(self.answers(self.context()), b"")
        self.assertLess(memory_kib(server.pid) - before, 60 * 1024)
        self.submit("goes-on")
        self.gate.touch()
        self.check_done("goes-on")
        for stream in kept:
            stream.close()

    def test_two_agents_do_not_share_a_name(self):
        self.serve("--with-agent")
        own = [line.split()[0] for line in self.run_it("get", "nodes", code=0).stdout.splitlines()[1:]]
        agent = self.join(own[0])
        wait_until(lambda: "refused" in self.output(agent), "it is refused")
        self.assertIn("--name", self.output(agent))
        self.end(agent)

    def test_an_address_without_a_server_is_said_once(self):
        self.end(self.serve())  # makes the authority that the agent needs
        agent = self.join("a")
        wait_until(lambda: "no server answers at" in self.output(agent), "the agent says so")
        self.serve()
        self.wait_for_node("a", "Ready")
        self.assertEqual(self.output(agent).count("no server answers"), 1)


if __name__ == "__main__":
    unittest.main()
