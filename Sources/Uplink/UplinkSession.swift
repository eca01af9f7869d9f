import HostSystem
import Household
import Netlink
import Wire

/// One uplink at work: follows its interface, runs the DHCP client or holds the static addresses, and keeps the kernel
/// as planned.
final class UplinkSession {
  /// What all sessions share.
  struct Surroundings {
    var loop: EventLoop
    var log: Log
    var routes: RouteSession
    var timing: ProbeTiming
    /// Keeps the lease for the next process; nil removes it.
    var remember: (String, UplinkRecord?) -> Void
    /// Something that others see has changed.
    var changed: () -> Void
  }

  private(set) var settings: UplinkSettings
  private(set) var index: Int
  private let surroundings: Surroundings
  private var homePrefixes: [IPPrefix]
  /// Asked instead of the uplink's own name servers, where the household names its own.
  private var upstreams: [IPAddress]
  private var random = SystemRandomness()

  private(set) var link: Link?
  private(set) var client: DHCPClient?
  /// The lease as remembered; what a client that is made anew starts from.
  private var record: UplinkRecord?
  /// The same as it was written last.
  private var written: UplinkRecord?
  private var transport: DHCPTransport?
  private var conflictWatch: ConflictWatch?
  private var clientTimer: EventLoop.Timer?
  private var retryTimer: EventLoop.Timer?
  private var health: HealthMonitor!
  /// Why nothing could be sent, in a sentence.
  private var sendingFailure: String?
  /// Why the kernel is not as planned, in a sentence.
  private var planFailure: String?

  init(
    _ settings: UplinkSettings, index: Int, record: UplinkRecord?, homePrefixes: [IPPrefix], upstreams: [IPAddress],
    _ surroundings: Surroundings
  ) {
    self.settings = settings
    self.index = index
    self.record = record.flatMap { $0.device == settings.device && $0.isPlausible ? $0 : nil }
    self.homePrefixes = homePrefixes
    self.upstreams = upstreams
    self.surroundings = surroundings
    health = HealthMonitor(timing: surroundings.timing, loop: surroundings.loop) { [weak self] in
      self?.surroundings.changed()
    }
  }

  deinit { stop() }

  var isReady: Bool { link.map { $0.isUp && $0.hasCarrier } ?? false }

  /// Takes new settings that keep the interface and the way of addressing.
  func update(_ new: UplinkSettings, index: Int, homePrefixes: [IPPrefix], upstreams: [IPAddress]) {
    let speaksAnew = new.method != settings.method
    settings = new
    self.index = index
    self.upstreams = upstreams
    if homePrefixes != self.homePrefixes {
      self.homePrefixes = homePrefixes
      tell(.homePrefixes(homePrefixes))
    }
    if speaksAnew, client != nil { startClient() }
    applyPlan()
  }

  /// Takes the interface as the kernel has it now; nil: it is not there.
  func follow(_ new: Link?) {
    let old = link
    let wasReady = isReady
    link = new
    let isOther = old?.id.index != new?.id.index || old?.hardware != new?.hardware
    if isOther {
      closeSockets()
      client = nil
    }
    guard let new else { return surroundings.changed() }
    if isOther || client == nil { startClient() }
    // The kernel drops routes when an interface is switched off, so that they are set again each time.
    if isOther || new.isUp && old?.isUp != true || new.mtu != old?.mtu { applyPlan() }
    if !isOther, isReady != wasReady { tell(isReady ? .linkUp : .linkDown) }
    watchHealth()
    surroundings.changed()
  }

  func tell(_ event: DHCPClient.Event) {
    guard client != nil else { return }
    let actions = client!.handle(event, now: Clock.now, random: &random)
    carryOut(actions)
  }

  /// Takes everything of this uplink out of the kernel.
  func removeAll() {
    stop()
    if let link { carryOut(UplinkPlan(), on: link) }
  }

  /// Follows a jump of the wall clock, e.g. the first NTP answer on a machine without a battery.
  func followClock() {
    guard let held = client?.held, var corrected = record else { return }
    let obtained = Clock.wall - Clock.now.milliseconds(since: held.since) / 1_000
    guard (obtained &- corrected.obtained).magnitude > 5 else { return }
    corrected.obtained = obtained
    remember(corrected)
  }

  /// Asks again at once where `address` is a gateway of this uplink.
  func suspect(_ address: IPAddress) {
    if health.gateways.contains(where: { $0.address == address && $0.answer == .answers }) { health.probeNow() }
  }

  private func stop() {
    closeSockets()
    retryTimer?.cancel()
    health?.watch(nil)
  }
}

// The client and its sockets.
extension UplinkSession {
  private func startClient() {
    closeSockets()
    client = nil
    guard case .dhcp(let own) = settings.method, let hardware = link?.hardware else { return }
    client = DHCPClient(
      device: settings.device, identity: DHCPClientIdentity(hardware: hardware, settings: own),
      homePrefixes: homePrefixes, restored: record?.held(now: Clock.now, wall: Clock.wall))
    if isReady { tell(.linkUp) }
  }

  private func closeSockets() {
    clientTimer?.cancel()
    closeTransport()
    closeConflictWatch()
  }

  private func closeTransport() {
    transport?.close()
    transport = nil
  }

  private func closeConflictWatch() {
    conflictWatch?.close()
    conflictWatch = nil
  }

  private func received(_ payload: RawSpan) {
    guard client != nil else { return }
    let actions = client!.receive(payload, now: Clock.now, random: &random)
    if !actions.isEmpty { carryOut(actions) }
  }

  private func carryOut(_ actions: [DHCPClient.Action]) {
    guard let link, let client else { return }
    sendingFailure = nil
    attempt { () throws(SystemError) in
      if client.isListening { transport = try path(client, link) }
    }
    for action in actions {
      attempt { () throws(SystemError) in try carryOut(action, client, link) }
    }
    if client.state != .checking { closeConflictWatch() }
    if !client.isListening { closeTransport() }
    clientTimer?.cancel()
    clientTimer = client.deadline.map { deadline in
      surroundings.loop.schedule(at: deadline) { [weak self] in self?.tell(.timer) }
    }
    watchHealth()
    surroundings.changed()
  }

  /// What cannot be sent now is sent again by the client's own timer.
  private func attempt(_ body: () throws(SystemError) -> Void) {
    do throws(SystemError) {
      try body()
    } catch {
      sendingFailure = "\(error)"
      surroundings.log.warning("\(error)", ["uplink": settings.name])
    }
  }

  /// DHCPDECLINE and DHCPRELEASE go out, too, though no answer is awaited: by a transport that ends at once.
  private func path(_ client: DHCPClient, _ link: Link) throws(SystemError) -> DHCPTransport {
    if let transport { return transport }
    return try DHCPTransport(
      link: link, hardware: client.identity.hardware, loop: surroundings.loop
    ) { [weak self] payload in self?.received(payload) }
  }

  private func carryOut(_ action: DHCPClient.Action, _ client: DHCPClient, _ link: Link) throws(SystemError) {
    switch action {
    case .broadcast(let message):
      try path(client, link).broadcast(message)
    case .unicast(let message, let own, let server):
      try path(client, link).unicast(message, from: own, to: server)
    case .probe(let address):
      if conflictWatch == nil {
        conflictWatch = try ConflictWatch(
          link: link, hardware: client.identity.hardware, candidate: address, loop: surroundings.loop
        ) { [weak self] other in self?.tell(.conflict(other)) }
      }
      try conflictWatch?.probe(address)
    case .configure(let lease):
      configured(lease, client, link)
    case .deconfigure(let reason):
      surroundings.log.warning("\(reason)", ["uplink": settings.name])
      remember(nil)
      applyPlan()
    }
  }

  /// Keeps the lease, on storage no more often than is worth it.
  private func remember(_ new: UplinkRecord?) {
    record = new
    guard new?.isNews(after: written) ?? true else { return }
    written = new
    surroundings.remember(settings.name, new)
  }

  private func configured(_ lease: DHCPLease, _ client: DHCPClient, _ link: Link) {
    guard let held = client.held else { return }
    let isNew = record?.lease.address != lease.address
    let obtained = Clock.wall - Clock.now.milliseconds(since: held.since) / 1_000
    remember(UplinkRecord(lease: lease, device: settings.device, obtained: obtained))
    applyPlan()
    guard isNew, let address = lease.address.address.v4 else { return }
    surroundings.log.info("\(settings.device) has \(lease.address) from \(lease.server)", ["uplink": settings.name])
    // RFC 5227 section 2.3, so that neighbours forget who had the address before.
    let announcement = NeighbourFrame.frame(.announcement(of: address, at: client.identity.hardware))
    let socket = try? PacketSocket(
      interface: link.id.index, named: link.id.name, filter: .arp, loop: surroundings.loop, { _, _ in })
    try? socket?.send(announcement)
  }
}

// The kernel.
extension UplinkSession {
  private func plan(on link: Link) -> UplinkPlan {
    let metric = UplinkPlan.metric(ofUplink: index)
    switch settings.method {
    case .fixed(let addresses, let gateways):
      return UplinkPlan(addresses: addresses, gateways: gateways, link: link, metric: metric)
    case .dhcp:
      return client?.held.map {
        UplinkPlan(lease: $0.lease, link: link, metric: metric, configuredMTU: settings.mtu)
      } ?? UplinkPlan()
    }
  }

  /// Makes the kernel's addresses and routes of the interface as planned; where they are, nothing is written.
  func applyPlan() {
    guard let link, link.isUp else { return }
    carryOut(plan(on: link), on: link)
    watchHealth()
  }

  private func carryOut(_ plan: UplinkPlan, on link: Link) {
    retryTimer?.cancel()
    do throws(NetlinkError) {
      let session = surroundings.routes
      for request in plan.addressRequests(actual: try session.addresses(of: link.id.index), link: link.id) {
        try session.perform(request)
      }
      let families: [IPFamily] = [.v4, .v6]
      for family in families {
        var part = plan
        part.routes = plan.routes.filter { $0.destination.family == family }
        for request in part.routeRequests(actual: try session.routes(family), link: link.id) {
          try session.perform(request)
        }
      }
      planFailure = nil
    } catch {
      planFailure = "\(error)"
      surroundings.log.error("\(error)", ["uplink": settings.name])
      retryTimer = surroundings.loop.schedule(afterMilliseconds: 5_000) { [weak self] in self?.applyPlan() }
    }
  }

  private func watchHealth() {
    guard let link, isReady else { return health.watch(nil) }
    let fact = fact(previous: nil)
    guard !fact.addresses.isEmpty else { return health.watch(nil) }
    health.watch(
      HealthMonitor.Targets(
        link: link, addresses: fact.addresses, gateways: fact.gateways,
        nameServers: upstreams.isEmpty ? fact.nameServers : upstreams))
  }
}

// What others see.
extension UplinkSession {
  /// - Parameter previous: the fact of an earlier process, which knows since when static addresses are there.
  func fact(previous: UplinkFact?) -> UplinkFact {
    var fact = UplinkFact(
      name: settings.name, interface: settings.device, addresses: [], gateways: [], nameServers: settings.nameServers,
      obtained: previous?.obtained ?? Clock.wall, state: "")
    switch settings.method {
    case .fixed(let addresses, let gateways):
      fact.addresses = link == nil ? [] : addresses
      fact.gateways = link == nil ? [] : gateways
      fact.state = link == nil ? "no interface" : "static"
    case .dhcp:
      fact.state = link == nil ? "no interface" : client?.words(now: Clock.now) ?? "searching"
      if let lease = client?.held?.lease, let record { fact.fill(lease, obtained: record.obtained) }
    }
    return fact
  }

  var observation: UplinkObservation {
    UplinkObservation(
      uplink: settings.name, device: settings.device, link: linkState, addressing: addressing,
      gateways: health.gateways, nameServers: health.nameServers)
  }

  /// What is wrong and needs a person, a sentence each.
  var problems: [String] {
    var problems: [String] = []
    if link == nil { problems.append("uplink \(settings.name): there is no interface \(settings.device)") }
    for sentence in [planFailure, sendingFailure, client?.refusal].compactMap(\.self) {
      problems.append("uplink \(settings.name): \(sentence)")
    }
    return problems
  }

  private var linkState: UplinkObservation.LinkState {
    guard let link else { return .missing }
    return !link.isUp ? .switchedOff : link.hasCarrier ? .ready : .noCarrier
  }

  private var addressing: UplinkObservation.Addressing {
    guard case .dhcp = settings.method else { return .fixed }
    guard let client else { return .searching(refusal: nil) }
    if client.state == .released { return .released }
    guard let held = client.held else { return client.isFresh ? .asking : .searching(refusal: client.refusal) }
    return client.isExpired(now: Clock.now)
      ? .expiredAndKept(held.lease.address) : .leased(held.lease.address, server: .v4(held.lease.server))
  }
}

extension UplinkFact {
  fileprivate mutating func fill(_ lease: DHCPLease, obtained: UnixTime) {
    addresses = [lease.address]
    gateways = lease.gateways.map { .v4($0) }
    if nameServers.isEmpty { nameServers = lease.nameServers.map { .v4($0) } }
    domain = lease.domain
    server = .v4(lease.server)
    self.obtained = obtained
    expires = lease.times.map { obtained + UnixTime($0.expiry) }
    renews = lease.times.map { obtained + UnixTime($0.renewal) }
    rebinds = lease.times.map { obtained + UnixTime($0.rebinding) }
  }
}
