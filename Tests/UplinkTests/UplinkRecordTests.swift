import Household
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

  @Test("a lease that was merely renewed is written once a minute, any other change at once")
  func writtenRarely() {
    var script = ClientScript()
    script.bind()
    let written = UplinkRecord(lease: script.client.held!.lease, device: "wan0", obtained: 1_000)
    #expect(written.isNews(after: nil))
    var record = written
    for seconds: Int64 in [0, 2, 59] {
      record.obtained = 1_000 + seconds
      #expect(!record.isNews(after: written))
    }
    record.obtained = 1_060
    #expect(record.isNews(after: written))
    record.obtained = 0
    #expect(record.isNews(after: written), "the wall clock was set")
    record = written
    record.lease.nameServers = []
    #expect(record.isNews(after: written))
    record = written
    record.lease.times = nil
    #expect(record.isNews(after: written))
  }

  @Test("the fact of a short lease is written when more than its times changes")
  func factWrittenRarely() {
    func fact(_ obtained: Int64, lease: Int64 = 4, _ state: String = "bound") -> UplinkFact {
      UplinkFact(
        name: "wan", interface: "wan0", addresses: [], gateways: [], nameServers: [], obtained: obtained,
        expires: obtained + lease, renews: obtained + lease / 2, rebinds: obtained + lease, state: state)
    }
    #expect(fact(0).isNews(after: nil))
    #expect(!fact(2).isNews(after: fact(0)) && !fact(2, "renewing").isNews(after: fact(0)))
    #expect(fact(60).isNews(after: fact(0)))
    #expect(fact(2, "rebinding").isNews(after: fact(0)) && fact(2).isNews(after: fact(0, "expired, kept")))
    #expect(fact(1_800, lease: 3_600).isNews(after: fact(0, lease: 3_600)), "a long lease is told as it is")
    #expect(fact(2, lease: 3_600).isNews(after: fact(0)))
  }
}
