import HostSystem
import Household
import Netlink
import Wire

/// Asks the gateways and name servers of one uplink, and nobody else, how they are.
///
/// Name servers are left alone while a gateway is silent: their silence would say nothing.
final class HealthMonitor {
  /// Whom to ask, through what.
  struct Targets: Equatable {
    var link: Link
    var addresses: [InterfaceAddress]
    var gateways: [IPAddress]
    var nameServers: [IPAddress]
  }

  /// Who is asked as what: one box is often both gateway and name server, and may fail as one of them.
  private enum Role: Hashable {
    case gateway(IPAddress)
    case nameServer(IPAddress)
  }

  private struct Subject {
    var track = ProbeTrack()
    /// The last answer said that the server cannot do its work.
    var isFailing = false

    var answer: UplinkObservation.Responder.Answer {
      switch track.verdict {
      case .unknown: .pending
      case .good: isFailing ? .fails : .answers
      case .bad: .silent
      }
    }
  }

  private let timing: ProbeTiming
  private let loop: EventLoop
  private let onChange: () -> Void
  private var targets: Targets?
  private var subjects: [Role: Subject] = [:]
  private var gatewayQuestions: [IPAddress: NeighbourQuestion] = [:]
  private var serverQuestions: [IPAddress: ServerQuestion] = [:]
  private var gatewayTimer: EventLoop.Timer?
  private var serverTimer: EventLoop.Timer?

  init(timing: ProbeTiming, loop: EventLoop, onChange: @escaping () -> Void) {
    self.timing = timing
    self.loop = loop
    self.onChange = onChange
  }

  deinit { stop() }

  var gateways: [UplinkObservation.Responder] {
    (targets?.gateways ?? []).map { UplinkObservation.Responder($0, answer(of: .gateway($0))) }
  }
  var nameServers: [UplinkObservation.Responder] {
    (targets?.nameServers ?? []).map { UplinkObservation.Responder($0, answer(of: .nameServer($0))) }
  }

  /// Watches these from now on; nil: nobody. What is known of a host that stays is kept.
  func watch(_ wanted: Targets?) {
    guard wanted != targets else { return }
    stop()
    // A new link is a new world.
    if wanted?.link.id != targets?.link.id { subjects = [:] }
    targets = wanted
    let asked = Set(
      (wanted?.gateways ?? []).map(Role.gateway) + (wanted?.nameServers ?? []).map(Role.nameServer))
    subjects = subjects.filter { asked.contains($0.key) }
    probeNow()
  }

  /// Asks everybody at once, because somebody has a reason to doubt.
  func probeNow() {
    guard targets != nil else { return }
    askGateways()
    askServers()
  }

  private func stop() {
    gatewayTimer?.cancel()
    serverTimer?.cancel()
    gatewayQuestions = [:]
    serverQuestions = [:]
  }

  private func answer(of role: Role) -> UplinkObservation.Responder.Answer { subjects[role]?.answer ?? .pending }

  private func record(_ role: Role, success: Bool, isFailing: Bool = false) {
    var subject = subjects[role] ?? Subject()
    let before = subject.answer
    subject.track.record(success: success, now: Clock.now)
    subject.isFailing = isFailing
    subjects[role] = subject
    if subject.answer != before { onChange() }
  }

  private func isUncertain(_ roles: [Role]) -> Bool {
    roles.contains { subjects[$0]?.track.isUncertain ?? true }
  }
}

// Gateways.
extension HealthMonitor {
  private func askGateways() {
    gatewayTimer?.cancel()
    guard let targets, !targets.gateways.isEmpty else { return }
    for gateway in targets.gateways where gatewayQuestions[gateway] == nil { ask(gateway, targets) }
    let delay = isUncertain(targets.gateways.map(Role.gateway)) ? timing.quick : timing.gatewayGood
    gatewayTimer = loop.schedule(afterMilliseconds: delay) { [weak self] in self?.askGateways() }
  }

  private func ask(_ gateway: IPAddress, _ targets: Targets) {
    guard let source = targets.source(towards: gateway) else { return }
    do throws(SystemError) {
      gatewayQuestions[gateway] = try NeighbourQuestion(
        gateway, from: source, link: targets.link, timeout: timing.gatewayTimeout, loop: loop
      ) { [weak self] isThere in self?.gatewayAnswered(gateway, isThere) }
    } catch {
      record(.gateway(gateway), success: false)
    }
  }

  private func gatewayAnswered(_ gateway: IPAddress, _ isThere: Bool) {
    gatewayQuestions[gateway] = nil
    let wasSilent = isGatewaySilent
    record(.gateway(gateway), success: isThere)
    guard let targets else { return }
    // A first doubt shortens the wait that was set while all was well.
    if !isThere, subjects[.gateway(gateway)]?.track.verdict == .good {
      gatewayTimer?.cancel()
      gatewayTimer = loop.schedule(afterMilliseconds: timing.quick) { [weak self] in self?.askGateways() }
    }
    if wasSilent, !isGatewaySilent, !targets.nameServers.isEmpty { askServers() }
  }

  private var isGatewaySilent: Bool { gateways.contains { $0.answer == .silent } }
}

// Name servers.
extension HealthMonitor {
  private func askServers() {
    serverTimer?.cancel()
    guard let targets, !targets.nameServers.isEmpty, !isGatewaySilent else { return }
    for server in targets.nameServers where serverQuestions[server] == nil { ask(server: server, targets) }
    scheduleServers(targets)
  }

  private func scheduleServers(_ targets: Targets) {
    serverTimer?.cancel()
    let delay = isUncertain(targets.nameServers.map(Role.nameServer)) ? timing.quick : timing.nameServerGood
    serverTimer = loop.schedule(afterMilliseconds: delay) { [weak self] in self?.askServers() }
  }

  private func ask(server: IPAddress, _ targets: Targets) {
    do throws(SystemError) {
      serverQuestions[server] = try ServerQuestion(
        server, device: targets.link.id.name, timeout: timing.nameServerTimeout, loop: loop
      ) { [weak self] code in self?.serverAnswered(server, code) }
    } catch {
      serverAnswered(server, nil)
    }
  }

  private func serverAnswered(_ server: IPAddress, _ code: NameServerQuery.ResponseCode?) {
    serverQuestions[server] = nil
    record(.nameServer(server), success: code != nil, isFailing: code == .serverFailure)
    if let targets, subjects[.nameServer(server)]?.track.verdict == .good { scheduleServers(targets) }
  }
}

extension HealthMonitor.Targets {
  /// The own address to ask a gateway from: one in its network, or else any of its family.
  fileprivate func source(towards gateway: IPAddress) -> IPAddress? {
    let family = addresses.filter { $0.address.family == gateway.family }
    return (family.first { $0.prefix.contains(gateway) } ?? family.first)?.address
  }
}

/// One question to one name server, from a random port, with a random identifier.
private final class ServerQuestion {
  private let socket: UDPSocket
  private let query: NameServerQuery
  private var timer: EventLoop.Timer?
  private var completion: ((NameServerQuery.ResponseCode?) -> Void)?

  init(
    _ server: IPAddress, device: String, timeout: Int64, loop: EventLoop,
    completion: @escaping (NameServerQuery.ResponseCode?) -> Void
  ) throws(SystemError) {
    var random = SystemRandomness()
    query = NameServerQuery(identifier: .random(in: 0...(.max), using: &random))
    socket = try UDPSocket(server.family, device: device)
    self.completion = completion
    try socket.connect(to: server, port: 53)
    try socket.onReadable(loop) { [unowned self] in receive() }
    try socket.send(query.bytes)
    timer = loop.schedule(afterMilliseconds: timeout) { [weak self] in self?.finish(nil) }
  }

  deinit { timer?.cancel() }

  private func receive() {
    while completion != nil {
      switch socket.receive() {
      case .nothing: return
      // An ICMP error; the time-out counts it, so that a forged one is no shorter than silence.
      case .refused: continue
      case .datagram(let bytes):
        if let code = query.responseCode(of: bytes.span.bytes) { finish(code) }
      }
    }
  }

  private func finish(_ code: NameServerQuery.ResponseCode?) {
    let completion = completion
    self.completion = nil
    timer?.cancel()
    completion?(code)
  }
}
