import HostSystem
import Testing

/// Each fault of the `faults` guest ends it, says where it happened, and names the address that it wanted.
@Suite struct FaultTests {
  @Test(arguments: [
    (1, "trap: null pointer at 0x", ", address 0x0000000000000008, "),
    (2, "trap: page fault at 0x", ", error code 0x0000000000000003"),
    (3, "trap: page fault at 0x", ", error code 0x0000000000000003"),
    (4, "trap: page fault at 0x", ", error code 0x0000000000000011"),
    (5, "trap: page fault at 0x", ", address 0x0000000000100"),
    (6, "trap: a Swift runtime check failed at 0x", ""),
    (7, "heap: out of memory", ""),
    (8, "faults: no such fault", ""),
  ])
  func endsTheGuest(fault: Int, start: String, part: String) throws {
    let guest = try boot(fault)
    let console = try #require(try guest.console())
    #expect(console.hasPrefix(start) && console.contains(part), "\(console)")
    #expect(console.split(separator: "\n").count == 1, "\(console)")
    #expect(try guest.wait() == .exited(3))
  }

  @Test func withoutFaultItEndsWell() throws {
    let guest = try boot(0)
    #expect(try guest.console() == "faults: survived\n")
    #expect(try guest.wait() == .exited(1))
  }

  private func boot(_ fault: Int) throws -> Guest {
    try Guest(image: Guest.image("faults"), arguments: "fault=\(fault)", hardwareAddress: "02:00:00:00:00:50")
  }
}
