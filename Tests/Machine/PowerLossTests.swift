import HostSystem
import Household
import TestSupport
import Testing
import Wire

extension LinuxGuestTests {
  /// "The ACK leaves after the group's fsync": whoever was promised an address has it after any loss of power.
  ///
  /// One run is recorded: a router whose state is on a disk with a log, clients on its network card, and for each ACK that
  /// has come out of the machine the place that the log had come to. Then the power fails as often as one likes, at any
  /// place of the log.
  @Suite struct PowerLossTests {
    private static let configuration = """
      [network.home]
      interfaces = ["eth0"]
      address = "10.77.0.1/16"
      dhcp = { pool = "10.77.1.0-10.77.250.255" }
      """

    @Test(arguments: Soak.seeds(1...1, soak: 5))
    func whatWasPromisedSurvives(seed: UInt64) throws {
      var random = SeededGenerator(seed)
      let disk = try LoggedDisk()
      let promises = try record(on: disk, leases: Soak.count(150, soak: 1_000), &random)
      let log = try disk.entries()
      try #require(promises.count > 50)

      // Where an ACK has just come out it is hardest; anywhere else it must hold too.
      var lacking = 0
      for _ in 0..<Soak.count(12, soak: 200) {
        let promise = try #require(promises.randomElement(using: &random))
        let cut = Bool.random(using: &random) ? promise.time : Int.random(in: promise.time...log.count, using: &random)
        let image = try disk.image(after: log[..<cut]) { LoggedDisk.torn($0, using: &random) }
        #expect(try missing(from: leases(on: image), promises, before: cut) == [], "power lost after \(cut) writes")
        // The same without the flush before the ACK: this test would see that it is not there.
        let early = try disk.image(after: log[..<(promise.time - 1)]) { Array(repeating: false, count: $0) }
        lacking += try missing(from: leases(on: early), promises, before: promise.time).isEmpty ? 0 : 1
      }
      #expect(lacking > 0)

      try checkRestart(on: disk.image(after: log[...]) { LoggedDisk.torn($0, using: &random) }, promises)
    }

    /// Runs a router and its clients until it loses its power while clients are being served.
    private func record(
      on disk: LoggedDisk, leases: Int, _ random: inout SeededGenerator
    ) throws -> [DHCPCrowd.Promise] {
      let machine = try LinuxGuest(disk: disk.arguments, seconds: 600)
      try machine.succeed("mkdir -p /var/lib/lares && mount /dev/vda /var/lib/lares")
      try machine.configure(Self.configuration)
      try machine.startRouter()
      let crowd = DHCPCrowd(on: machine.hardware, time: disk.position)
      try crowd.arrive(0..<UInt64(leases), limit: leases - Int.random(in: 1...25, using: &random), seconds: 500)
      try machine.hardware.cutPower()
      return crowd.promises
    }

    /// The kernel and the router themselves come up on the disk, and know every client.
    private func checkRestart(on image: String, _ promises: [DHCPCrowd.Promise]) throws {
      let machine = try LinuxGuest(disk: ["-drive", "if=virtio,format=raw,file=\(image)"], seconds: 600)
      try machine.succeed("mkdir -p /var/lib/lares && mount /dev/vda /var/lib/lares")
      try machine.configure(Self.configuration)
      try machine.startRouter()
      let crowd = DHCPCrowd(on: machine.hardware)
      try crowd.returnWith(promises, seconds: Soak.count(60, soak: 300))
      let known = Dictionary(crowd.promises.map { ($0.hardware, $0.address) }) { $1 }
      #expect(promises.filter { known[$0.hardware] != $0.address }.map(\.address) == [], "unknown after the restart")
    }

    private func missing(
      from leases: [String: Lease], _ promises: [DHCPCrowd.Promise], before cut: Int
    ) -> [IPv4Address] {
      promises.filter { promise in
        let lease = leases[promise.address.description]
        return promise.time <= cut && !(lease?.hardware == promise.hardware && lease?.state == .active)
      }.map(\.address)
    }

    /// What the router's files hold on a disk that has lost its power, after ext4's journal was replayed.
    private func leases(on image: String) throws -> [String: Lease] {
      let check = try runCommand(["/usr/sbin/e2fsck", "-p", image])
      #expect([.exited(0), .exited(1)].contains(check.ending), "\(check.output)")
      let folder = try TemporaryFolder()
      return try withExtendedLifetime(folder) {
        let dump = try runCommand(["/usr/sbin/debugfs", "-R", "rdump /facts \(folder.path)", image])
        #expect(dump.isSuccess, "\(dump.output)")
        return try FactReader.readOnce(FactKinds.leases, in: Folders(state: folder.path, run: folder.path))
      }
    }
  }
}
