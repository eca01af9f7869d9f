import Testing
import Wire

@testable import Uplink

/// A lease that was remembered counts on from when it was got, whatever the clocks did.
@Suite struct UplinkRecordTests {
  private func held(obtained: Int64, wall: Int64) -> DHCPClient.Held {
    var script = ClientScript()
    script.bind()
    let record = UplinkRecord(lease: script.client.held!.lease, device: "wan0", obtained: obtained)
    return record.held(now: .seconds(50), wall: wall)
  }

  /// When it was got, the wall clock now, and what the monotonic clock makes of it, in seconds.
  private static let cases: [(Int64, Int64, Int64)] = [
    // Ten minutes ago; a wall clock that stands before the lease; two years ago; clocks beyond all reason.
    (1_000_000, 1_000_600, -550), (1_000_000, 0, 50), (0, 63_072_000, -63_071_950), (.min, .max, 50),
    (0, .max, -3_162_239_950),
  ]

  @Test(arguments: cases)
  func countsOn(obtained: Int64, wall: Int64, since: Int64) {
    #expect(held(obtained: obtained, wall: wall).since == .seconds(since))
  }

  @Test("an expired lease is in use after a restart, too, and says so")
  func expired() {
    let client = DHCPClient(
      device: "wan0", identity: DHCPClientIdentity(hardware: ClientScript.hardware),
      restored: held(obtained: 0, wall: 1_000_000))
    #expect(client.held != nil && client.words(now: .seconds(50)) == "expired, kept")
  }
}
