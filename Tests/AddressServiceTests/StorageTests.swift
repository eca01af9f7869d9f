import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import AddressService

/// Where leases cannot be stored nothing new is promised, what is stored is kept up, and it ends by itself.
@Suite struct StorageTests {
  @Test func aFullDisk() throws {
    let network = try ServedNetwork(probes: 0, stateSize: "64k")
    try network.client.shell("ip address add 192.168.77.2/24 dev eth0")
    let client = try network.client.run { try HurriedClient() }
    func ask(_ count: Int, firstHardware: UInt64) throws -> [IPv4Address: MACAddress] {
      client.forget()
      client.begin(count, firstHardware: firstHardware)
      try client.run(microseconds: 300_000)
      return client.acknowledged
    }
    let first = try ask(3, firstHardware: 0x0200_0000_0100)
    #expect(first.count == 3)
    // The file's last page may take some more; what follows does not fit.
    _ = try? runCommand(["dd", "if=/dev/zero", "of=\(network.stateFolder)/fill", "bs=4096"])
    let second = try ask(40, firstHardware: 0x0200_0000_0200)
    #expect(second.count < 40)
    #expect(network.log.contains("leases cannot be stored, so no new ones are given"))
    #expect(network.log.contains("No space left on device"))
    #expect(try ask(3, firstHardware: 0x0200_0000_0100) == first, "what is stored is promised again")
    let stored = try network.storedLeases()
    for (address, hardware) in first.merging(second, uniquingKeysWith: { $1 }) {
      #expect(stored[address.description]?.hardware == hardware)
    }
    try File.remove(network.stateFolder + "/fill")
    #expect(eventually { network.log.contains("leases can be stored again") })
    #expect(try ask(10, firstHardware: 0x0200_0000_0300).count == 10)
    let lines = network.log.split(separator: "\n").filter { $0.contains("no new ones are given") }
    #expect(lines.count == 1, "one line, however many requests")
  }

  @Test func aStateFolderThatCannotBeMade() throws {
    let folder = try TemporaryFolder()
    // A file stands where the folder should be: fails for root too.
    try File.replace(folder.path + "/state", with: [], durable: false)
    let loop = try EventLoop()
    let daemon = try AddressDaemon(folders: folder.folders, loop: loop, log: Log(daemon: "addresses", minimum: .error))
    func turn(until condition: () -> Bool) throws {
      let end = Clock.now.advanced(milliseconds: 10_000)
      while !condition(), Clock.now < end { try loop.runOnce(limitMilliseconds: 100) }
    }
    try turn { !daemon.problems.isEmpty }
    #expect(daemon.problems.contains { $0.hasPrefix("leases cannot be stored: ") })
    try File.remove(folder.path + "/state")
    try turn { daemon.problems.isEmpty }
    #expect(daemon.problems.isEmpty)
  }

  @Test func aPortInUseAndAMissingInterfaceAreProblemsWithNames() throws {
    let folder = try TemporaryFolder()
    let namespace = try NetworkNamespace()
    try namespace.run {
      _ = try runCommand(["ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"])
      let other = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(other) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(67).bigEndian
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      #expect(result == 0)
      let loop = try EventLoop()
      let log = Log(daemon: "addresses", minimum: .error)
      let daemon = try AddressDaemon(folders: folder.folders, loop: loop, log: log)
      func network(_ name: String, _ device: String, _ third: UInt8) throws -> Network {
        Network(
          name: name, interfaces: [device], addresses: [try #require(InterfaceAddress("192.168.\(third).1/24"))],
          dhcp: DHCPSettings(pool: IPv4Address(192, 168, third, 100)...IPv4Address(192, 168, third, 199)))
      }
      let model = HouseholdModel(
        domain: try #require(DomainName("home.arpa")),
        networks: [try network("home", "lan0", 77), try network("guest", "gone0", 78)])
      daemon.apply(model: model, commit: 3)
      #expect(daemon.appliedCommit == 3)
      let end = Clock.now.advanced(milliseconds: 5_000)
      while daemon.problems.isEmpty, Clock.now < end { try loop.runOnce(limitMilliseconds: 100) }
      #expect(
        daemon.problems == [
          "network guest gets no addresses: finding interface gone0: No such device",
          "network home gets no addresses: listening on lan0, UDP port 67: Address already in use",
        ])
    }
  }
}
