import Household
import Testing
import Wire

@testable import Uplink

/// The tree names exactly one cause, and what stands on it is skipped.
@Suite struct CheckTreeTests {
  private static let address = InterfaceAddress("203.0.113.77/24")!
  private static let gateway = IPAddress("203.0.113.1")!
  private static let server = IPAddress("203.0.113.53")!

  private static let healthy = UplinkObservation(
    uplink: "wan", device: "wan0", link: .ready, addressing: .leased(address, server: gateway),
    gateways: [.init(gateway, .answers)], nameServers: [.init(server, .answers)])

  private static func with(_ change: (inout UplinkObservation) -> Void) -> UplinkObservation {
    var observation = healthy
    change(&observation)
    return observation
  }

  @Test("all is well: five checks, all good")
  func healthy() {
    let checks = CheckTree.evaluate(Self.healthy, now: 100)
    #expect(checks.map(\.path) == ["link", "lease", "gateway", "dns", "internet"].map { "uplink.wan.\($0)" })
    #expect(checks.allSatisfy { $0.result == .good && $0.since == 100 })
    #expect(CheckTree.diagnosis(of: checks) == nil)
  }

  @Test(
    "each cause is named, before it all is good, after it all is skipped",
    arguments: [
      (0, "there is no interface wan0", with { $0.link = .missing }),
      (0, "wan0 is switched off", with { $0.link = .switchedOff }),
      (0, "wan0 has no link", with { $0.link = .noCarrier }),
      (1, "no DHCP server has answered on wan0", with { $0.addressing = .searching(refusal: nil) }),
      (1, "overlaps", with { $0.addressing = .searching(refusal: "the offer overlaps the home") }),
      (1, "given back", with { $0.addressing = .released }),
      (
        1, "ran out",
        with {
          $0.addressing = .expiredAndKept(address)
          $0.gateways[0].answer = .silent
        }
      ),
      (2, "203.0.113.1 does not answer", with { $0.gateways[0].answer = .silent }),
      (2, "no gateway is known", with { $0.gateways = [] }),
      (3, "203.0.113.53 does not answer", with { $0.nameServers[0].answer = .silent }),
      (3, "no DNS server is known", with { $0.nameServers = [] }),
      (4, "SERVFAIL", with { $0.nameServers[0].answer = .fails }),
    ])
  func causes(index: Int, words: String, observation: UplinkObservation) throws {
    let checks = CheckTree.evaluate(observation, now: 100)
    #expect(checks.map(\.result) == (0..<5).map { $0 < index ? .good : $0 == index ? .bad : .skipped })
    let diagnosis = try #require(CheckTree.diagnosis(of: checks))
    #expect(diagnosis.detail.contains(words))
    #expect(checks.dropFirst(index + 1).allSatisfy { $0.detail.contains(diagnosis.detail) })
  }

  @Test("an expired lease that still works is no outage, but says so")
  func keptLease() {
    let checks = CheckTree.evaluate(Self.with { $0.addressing = .expiredAndKept(Self.address) }, now: 1)
    #expect(CheckTree.diagnosis(of: checks) == nil)
    #expect(checks[1].detail.contains("ran out") && checks[1].detail.contains("kept"))
  }

  @Test("a static uplink has no lease")
  func staticUplink() {
    let checks = CheckTree.evaluate(Self.with { $0.addressing = .fixed }, now: 1)
    #expect(checks.map(\.path) == ["link", "gateway", "dns", "internet"].map { "uplink.wan.\($0)" })
  }

  @Test("one of several name servers is enough; before the first answers nothing is bad")
  func severalServers() {
    let other = IPAddress("203.0.113.54")!
    let one = Self.with { $0.nameServers = [.init(Self.server, .silent), .init(other, .answers)] }
    #expect(CheckTree.diagnosis(of: CheckTree.evaluate(one, now: 1)) == nil)
    let pending = Self.with { $0.nameServers = [.init(Self.server, .silent), .init(other, .pending)] }
    #expect(CheckTree.evaluate(pending, now: 1).map(\.result) == [.good, .good, .good, .skipped, .skipped])
  }

  @Test("while the first answer may still come, nothing is bad")
  func asking() {
    let asking = Self.with {
      $0.addressing = .asking
      $0.gateways = []
      $0.nameServers = []
    }
    #expect(CheckTree.evaluate(asking, now: 1).map(\.result) == [.good, .skipped, .skipped, .skipped, .skipped])
  }

  @Test("since is the time of the last change of the result")
  func since() {
    let before = Dictionary(
      uniqueKeysWithValues: CheckTree.evaluate(Self.healthy, now: 100).map { ($0.path, $0) })
    let after = CheckTree.evaluate(Self.with { $0.gateways[0].answer = .silent }, previous: before, now: 200)
    #expect(after.map(\.since) == [100, 100, 200, 200, 200])
  }
}

/// One lost packet is no outage, and a host that comes and goes does not make the verdict flap.
@Suite struct ProbeTrackTests {
  private func track(_ outcomes: String) -> ProbeTrack {
    var track = ProbeTrack()
    for (second, outcome) in outcomes.enumerated() {
      track.record(success: outcome == "+", now: .seconds(Int64(second)))
    }
    return track
  }

  @Test(
    arguments: [
      ("", ProbeTrack.Verdict.unknown), ("+", .good), ("-", .unknown), ("--", .unknown), ("---", .bad),
      ("+--", .good), ("+---", .bad), ("+--+--+--", .good), ("+---+", .good),
      // The second fall within two minutes: now it takes five in a row.
      ("+---+---+", .bad), ("+---+---++++-", .bad), ("+---+---+++++", .good), ("---+", .good), ("---+---+", .good),
    ])
  func verdicts(outcomes: String, verdict: ProbeTrack.Verdict) {
    #expect(track(outcomes).verdict == verdict)
  }

  @Test("falls are forgotten after two minutes")
  func forgets() {
    var track = track("+---+---")
    track.record(success: true, now: .seconds(200))
    #expect(track.verdict == .good)
  }

  @Test(arguments: [("+", false), ("+-", true), ("+-+", false), ("", true), ("---", true)])
  func uncertainty(outcomes: String, isUncertain: Bool) {
    #expect(track(outcomes).isUncertain == isUncertain)
  }
}
