public import Household
public import Wire

/// What is known about an uplink at one moment. Everything that the checks are evaluated from.
public struct UplinkObservation: Sendable, Equatable {
  public enum LinkState: Sendable, Equatable { case missing, switchedOff, noCarrier, ready }

  /// Where the addresses come from, and how well that goes.
  public enum Addressing: Sendable, Equatable {
    /// Static.
    case fixed
    /// A DHCP server was asked a moment ago.
    case asking
    /// No lease; `refusal` says why the last offer was not taken.
    case searching(refusal: String?)
    /// Given back by hand.
    case released
    case leased(InterfaceAddress, server: IPAddress)
    /// The lease of `address` ended, and no server has answered since.
    case expiredAndKept(InterfaceAddress)
  }

  /// A host that the monitor asks, and what came of it.
  public struct Responder: Sendable, Equatable {
    public enum Answer: Sendable, Equatable {
      /// Not known yet.
      case pending
      case answers
      case silent
      /// Answers that it cannot do its work, e.g. `SERVFAIL`.
      case fails
    }
    public var address: IPAddress
    public var answer: Answer

    public init(_ address: IPAddress, _ answer: Answer) {
      self.address = address
      self.answer = answer
    }
  }

  public var uplink: String
  public var device: String
  public var link: LinkState
  public var addressing: Addressing
  public var gateways: [Responder]
  public var nameServers: [Responder]

  public init(
    uplink: String, device: String, link: LinkState, addressing: Addressing, gateways: [Responder] = [],
    nameServers: [Responder] = []
  ) {
    self.uplink = uplink
    self.device = device
    self.link = link
    self.addressing = addressing
    self.gateways = gateways
    self.nameServers = nameServers
  }
}

/// The checks of one uplink, each standing on the ones before it: link, lease, gateway, dns, internet. Pure.
///
/// At most one of them is bad: the diagnosis. What stands on it is skipped.
public enum CheckTree {
  /// The checks in order. One whose result is as in `previous` keeps its `since`; others begin `now`.
  public static func evaluate(
    _ observation: UplinkObservation, previous: [String: Check] = [:], now: UnixTime
  ) -> [Check] {
    var obstacle: String?
    return findings(observation).map { name, finding in
      let (result, detail) = judge(finding, after: &obstacle)
      let path = "uplink.\(observation.uplink).\(name)"
      let before = previous[path]
      let since = before?.result == result ? before?.since : nil
      return Check(path: path, result: result, detail: detail, since: since ?? now)
    }
  }

  /// The check that says why the Internet is away; nil where nothing is bad.
  public static func diagnosis(of checks: some Sequence<Check>) -> Check? { checks.first { $0.result == .bad } }

  private enum Finding {
    case good(String)
    case bad(String)
    /// Nothing is known yet.
    case pending(String)
  }

  private static func judge(_ finding: Finding, after obstacle: inout String?) -> (Check.Result, String) {
    if let obstacle { return (.skipped, obstacle) }
    switch finding {
    case .good(let detail): return (.good, detail)
    case .pending(let detail):
      obstacle = detail
      return (.skipped, detail)
    case .bad(let detail):
      obstacle = "not tried, because \(detail)"
      return (.bad, detail)
    }
  }

  private static func findings(_ observation: UplinkObservation) -> [(String, Finding)] {
    var findings = [("link", link(observation))]
    if observation.addressing != .fixed { findings.append(("lease", lease(observation))) }
    findings.append(("gateway", gateway(observation)))
    findings.append(("dns", nameService(observation)))
    findings.append(("internet", internet(observation)))
    return findings
  }

  private static func link(_ observation: UplinkObservation) -> Finding {
    let device = observation.device
    return switch observation.link {
    case .missing: .bad("there is no interface \(device)")
    case .switchedOff: .bad("\(device) is switched off")
    case .noCarrier: .bad("\(device) has no link; is the cable to the provider's equipment plugged in?")
    case .ready: .good("\(device) has a link")
    }
  }

  private static func lease(_ observation: UplinkObservation) -> Finding {
    switch observation.addressing {
    case .fixed: return .good("the address is static")
    case .asking: return .pending("asking for an address on \(observation.device)")
    case .released: return .bad("the lease was given back by hand")
    case .searching(let refusal?): return .bad(refusal)
    case .searching: return .bad("no DHCP server has answered on \(observation.device)")
    case .leased(let address, let server): return .good("\(address) from the DHCP server \(server)")
    case .expiredAndKept(let address):
      let what = "the lease of \(address) ran out and no DHCP server has answered on \(observation.device)"
      // A kept address that still reaches its gateway is no outage.
      return reaches(observation.gateways) ? .good("\(what); the address is kept and works") : .bad(what)
    }
  }

  private static func gateway(_ observation: UplinkObservation) -> Finding {
    let gateways = observation.gateways
    guard !gateways.isEmpty else {
      return .bad("no gateway is known for \(observation.device): the provider named none and none is configured")
    }
    let silent = gateways.filter { $0.answer == .silent }
    if !silent.isEmpty {
      return .bad("the gateway \(names(silent)) does not answer on \(observation.device)")
    }
    return reaches(gateways) ? .good("\(names(gateways)) answers") : .pending("waiting for \(names(gateways))")
  }

  private static func nameService(_ observation: UplinkObservation) -> Finding {
    let servers = observation.nameServers
    guard !servers.isEmpty else {
      return .bad("no DNS server is known: the provider named none and none is configured")
    }
    let heard = servers.filter { $0.answer == .answers || $0.answer == .fails }
    if !heard.isEmpty { return .good("\(names(heard)) answers") }
    if servers.contains(where: { $0.answer == .pending }) { return .pending("waiting for \(names(servers))") }
    return .bad(
      servers.count == 1
        ? "the DNS server \(names(servers)) does not answer"
        : "none of the DNS servers \(names(servers)) answers")
  }

  private static func internet(_ observation: UplinkObservation) -> Finding {
    let heard = observation.nameServers.filter { $0.answer == .answers || $0.answer == .fails }
    if heard.isEmpty { return .pending("waiting for a DNS server") }
    if heard.allSatisfy({ $0.answer == .fails }) {
      return .bad("the DNS server \(names(heard)) answers, but cannot reach the Internet itself (SERVFAIL)")
    }
    return .good("names of the Internet are answered through \(observation.device)")
  }

  private static func reaches(_ responders: [UplinkObservation.Responder]) -> Bool {
    !responders.isEmpty && responders.allSatisfy { $0.answer == .answers }
  }

  private static func names(_ responders: [UplinkObservation.Responder]) -> String {
    responders.map(\.address.description).joined(separator: ", ")
  }
}
