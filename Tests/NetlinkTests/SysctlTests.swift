import Glibc
import HostSystem
import Netlink
import TestSupport
import Testing
import Wire

@Suite struct SysctlTests {
  @Test func readsAndWritesInTheThreadsNamespace() throws {
    let namespace = try NetworkNamespace()
    let forward = try #require(Sysctl.Key("net.ipv4.ip_forward"))
    try namespace.run {
      for value in ["1", "0", "1"] {
        try Sysctl.write(forward, value)
        #expect(try Sysctl.read(forward) == value)
      }
    }
    #expect(try namespace.shell("cat /proc/sys/net/ipv4/ip_forward") == "1\n")
  }

  @Test func anInterfacesNameMayHaveDots() throws {
    let namespace = try NetworkNamespace()
    try namespace.shell("ip link add lan0.20 type veth peer name pc0")
    try namespace.run {
      let key = try #require(Sysctl.Key(.v4, interface: "lan0.20", "rp_filter"))
      #expect(key.description == "net.ipv4.conf.lan0/20.rp_filter")
      #expect(Sysctl.Key("net.ipv4.conf.lan0/20.rp_filter") == key)
      #expect(Sysctl.Key("net/ipv4/conf/lan0.20/rp_filter") == key)
      try Sysctl.write(key, "2")
      #expect(try Sysctl.read(key) == "2")
    }
  }

  @Test(arguments: ["", ".", "net..ipv4", "net/../kernel", "net.ipv4.conf.//.x", "net.ipv4.a\0b"])
  func namesThatLeadElsewhereAreRefused(text: String) { #expect(Sysctl.Key(text) == nil) }

  @Test func whatIsMissingIsNamed() throws {
    let key = try #require(Sysctl.Key(.v6, interface: "nowhere", "accept_ra"))
    let error = #expect(throws: SystemError.self) { try Sysctl.write(key, "0") }
    #expect(error?.code == ENOENT)
    #expect(
      error?.description
        == "setting net.ipv6.conf.nowhere.accept_ra to 0: No such file or directory")
  }

  @Test func aValueThatTheKernelRefusesIsNamed() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let key = try #require(Sysctl.Key("net.ipv4.ip_forward"))
      let error = #expect(throws: SystemError.self) { try Sysctl.write(key, "perhaps") }
      #expect(error?.description == "setting net.ipv4.ip_forward to perhaps: Invalid argument")
    }
  }
}
