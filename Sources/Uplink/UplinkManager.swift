public import HostSystem
public import Household
import Netlink
public import Wire

/// All uplinks of the household: gives them addresses and routes, and says why the Internet is away when it is.
///
/// It writes the facts `uplinks` and, of `checks`, the paths below `uplink.`. It belongs to the event loop's thread and
/// to the network namespace that this thread is in when it is made. Ending the process changes nothing in the kernel:
/// addresses, routes and the lease stay, and the next process goes on with them.
///
/// Sockets need CAP_NET_ADMIN, CAP_NET_RAW and, to renew a lease from port 68, CAP_NET_BIND_SERVICE.
public final class UplinkManager {
  /// Called after the facts or the problems have changed; not during `apply`.
  public var onChange: (() -> Void)?
  /// The commit whose settings are applied; 0: none.
  public private(set) var appliedCommit = 0

  private let loop: EventLoop
  private let log: Log
  private let timing: ProbeTiming
  private let routes: RouteSession
  private let monitor: RouteMonitor
  private var watch: EventLoop.Watch?
  private let uplinkFacts: FactWriter<UplinkFact>
  private let checkFacts: FactWriter<Check>
  private let leases: FactWriter<UplinkRecord>
  private var sessions: [UplinkSession] = []
  /// Changes come in bursts; the facts are written once for each.
  private var publishing: EventLoop.Timer?
  private var repairing: EventLoop.Timer?
  private var writeFailure: String?

  /// - Parameters:
  ///   - folders: where the facts and the leases of the uplinks are kept.
  ///   - timing: how often gateways and name servers are asked.
  /// - Throws: `SystemError` or `NetlinkError`, where a socket or a folder cannot be had.
  public init(folders: Folders, loop: EventLoop, log: Log, timing: ProbeTiming = ProbeTiming()) throws {
    self.loop = loop
    self.log = log
    self.timing = timing
    routes = try RouteSession()
    monitor = try RouteMonitor([.links, .addresses, .routes, .neighbours])
    uplinkFacts = try FactWriter(FactKinds.uplinks, in: folders, loop: loop)
    checkFacts = try FactWriter(FactKinds.checks, in: folders, loop: loop)
    leases = try FactWriter(FactKinds.uplinkLeases, in: folders, loop: nil)
    watch = try loop.watch(monitor.fileDescriptor) { [unowned self] _ in readEvents() }
  }

  deinit {
    watch?.cancel()
    publishing?.cancel()
    repairing?.cancel()
  }

  /// Makes `settings` the household's uplinks, in order of preference. Applied twice, the second time writes nothing.
  ///
  /// Uplinks that are gone lose their addresses and routes; their leases are forgotten, not given back. An interface that
  /// is missing is reported in `problems` and taken up when it appears.
  ///
  /// - Parameters:
  ///   - homePrefixes: a lease that overlaps one of them is refused.
  ///   - upstreams: name servers that the household asks instead of the uplinks' own; these are checked then.
  public func apply(
    settings: [UplinkSettings], homePrefixes: [IPPrefix], upstreams: [IPAddress] = [], commit: Int
  ) {
    let present = (try? routes.links()) ?? []
    var old = Dictionary(sessions.map { ($0.settings.name, $0) }, uniquingKeysWith: { $1 })
    var next: [UplinkSession] = []
    var fresh: [UplinkSession] = []
    for (index, wanted) in settings.enumerated() {
      if let session = old[wanted.name], session.settings.isSameKind(as: wanted) {
        old[wanted.name] = nil
        session.update(wanted, index: index, homePrefixes: homePrefixes, upstreams: upstreams)
        next.append(session)
      } else {
        let session = UplinkSession(
          wanted, index: index, record: record(for: wanted), homePrefixes: homePrefixes, upstreams: upstreams,
          surroundings)
        next.append(session)
        fresh.append(session)
      }
    }
    // What goes is removed before what comes is set: it may be the same address.
    for session in old.values { session.removeAll() }
    sessions = next
    for session in fresh { session.follow(present.first { $0.id.name == session.settings.device }) }
    forgetLeases(except: settings)
    appliedCommit = commit
    publishing?.cancel()
    publish()
  }

  /// Asks the DHCP server of an uplink now. False where there is no such uplink.
  @discardableResult
  public func renew(_ name: String) -> Bool {
    guard let session = sessions.first(where: { $0.settings.name == name }) else { return false }
    session.tell(.renew)
    return true
  }

  /// Gives the lease of an uplink back; it has none until `renew`. False where there is no such uplink.
  @discardableResult
  public func release(_ name: String) -> Bool {
    guard let session = sessions.first(where: { $0.settings.name == name }) else { return false }
    session.tell(.release)
    return true
  }

  /// Takes addresses and routes of all uplinks away: for `lares teardown`.
  ///
  /// - Parameter givingBack: tell the DHCP servers, too (DHCPRELEASE).
  public func removeAll(givingBack: Bool = false) {
    for session in sessions {
      if givingBack { session.tell(.release) }
      session.removeAll()
    }
    sessions = []
    publishing?.cancel()
    publish()
  }

  /// What is wrong now and needs a person, a sentence each.
  public var problems: [String] { sessions.flatMap(\.problems) + [writeFailure].compactMap(\.self) }

  /// The uplinks as they are now, in order of preference. The fact of a lease of less than a minute may have older times.
  public var uplinks: [UplinkFact] { sessions.map { $0.fact(previous: uplinkFacts.values[$0.settings.name]) } }

  /// The checks as published, in the order in which they stand on each other.
  public var checks: [Check] {
    sessions.flatMap { CheckTree.evaluate($0.observation, previous: checkFacts.values, now: Clock.wall) }
  }

  /// The writer of the facts `checks`, so that the same process can add checks that are not of uplinks.
  public var checkWriter: FactWriter<Check> { checkFacts }

  /// What the DHCP clients have sent and heard, by uplink.
  var clientCounters: [(uplink: String, counters: DHCPClientCounters)] {
    sessions.compactMap { session in session.client.map { (session.settings.name, $0.counters) } }
  }

  /// Netlink requests that changed something, since the start.
  public var netlinkWrites: Int { routes.writes }
}

// Events.
extension UplinkManager {
  private var surroundings: UplinkSession.Surroundings {
    UplinkSession.Surroundings(
      loop: loop, log: log, routes: routes, timing: timing,
      remember: { [unowned self] name, record in
        write { () throws(SystemError) in try leases.apply([(name, record)]) }
      },
      changed: { [weak self] in self?.publishSoon() })
  }

  private func readEvents() {
    do throws(NetlinkError) {
      for event in try monitor.events() { take(event) }
    } catch {
      log.error("\(error)")
    }
  }

  private func take(_ event: RouteEvent) {
    switch event {
    case .link(let link):
      let named = session(named: link.id.name)
      // An interface that was renamed is another one for its uplink.
      if let before = session(on: link.id.index), before !== named { before.follow(nil) }
      named?.follow(link)
    case .linkRemoved(let id): session(on: id.index)?.follow(nil)
    case .addressRemoved(let address):
      if address.origin == .lares, session(on: address.link) != nil { repairSoon() }
    case .routeRemoved(let route):
      if route.origin == .lares, let link = route.link, session(on: link) != nil { repairSoon() }
    case .neighbour(let neighbour):
      // The kernel has just failed to reach somebody: perhaps the gateway.
      if neighbour.state.contains(.failed) { session(on: neighbour.link)?.suspect(neighbour.address) }
    case .overrun: readAgain()
    case .address, .route, .neighbourRemoved: break
    }
  }

  /// The remembered lease; of an uplink that was renamed, the one of its interface.
  private func record(for settings: UplinkSettings) -> UplinkRecord? {
    leases.values[settings.name] ?? leases.values.values.first { $0.device == settings.device }
  }

  private func session(named device: String) -> UplinkSession? { sessions.first { $0.settings.device == device } }
  private func session(on index: Int32) -> UplinkSession? { sessions.first { $0.link?.id.index == index } }

  /// Events were lost: the links as they are now.
  private func readAgain() {
    guard let present = try? routes.links() else { return }
    for session in sessions { session.follow(present.first { $0.id.name == session.settings.device }) }
    repairSoon()
  }

  /// Somebody took something away. What is ours is put back, once for a burst; what this process removed by itself is
  /// not in the plan any more, and nothing is written.
  private func repairSoon() {
    repairing?.cancel()
    repairing = loop.schedule(afterMilliseconds: 100) { [weak self] in
      for session in self?.sessions ?? [] { session.applyPlan() }
    }
  }
}

// Publishing.
extension UplinkManager {
  private func publishSoon() {
    publishing?.cancel()
    publishing = loop.schedule(afterMilliseconds: 0) { [weak self] in
      guard let self else { return }
      publish()
      onChange?()
    }
  }

  private func publish() {
    var wanted: [String: UplinkFact] = [:]
    for session in sessions {
      session.followClock()
      let name = session.settings.name
      let written = uplinkFacts.values[name]
      let fact = session.fact(previous: written)
      wanted[name] = fact.isNews(after: written) ? fact : written
    }
    let evaluated = checks
    let paths = Set(evaluated.map(\.path))
    let gone = checkFacts.values.keys.filter { $0.hasPrefix("uplink.") && !paths.contains($0) }
    write { () throws(SystemError) in
      try uplinkFacts.replaceAll(with: wanted)
      try checkFacts.apply(gone.map { ($0, nil) } + evaluated.map { ($0.path, $0) })
    }
  }

  private func forgetLeases(except settings: [UplinkSettings]) {
    let names = Set(settings.filter { if case .dhcp = $0.method { true } else { false } }.map(\.name))
    write { () throws(SystemError) in
      try leases.apply(leases.values.keys.filter { !names.contains($0) }.map { ($0, nil) })
    }
  }

  /// A full disk or a read-only state directory costs the memory of the lease, not the Internet.
  private func write(_ body: () throws(SystemError) -> Void) {
    do throws(SystemError) {
      try body()
      writeFailure = nil
    } catch {
      writeFailure = "\(error)"
      log.error("\(error)")
    }
  }
}

extension UplinkSettings {
  /// Whether one session can go on with the other settings: the same interface, addressed in the same way.
  fileprivate func isSameKind(as other: UplinkSettings) -> Bool {
    guard device == other.device else { return false }
    return switch (method, other.method) {
    case (.dhcp, .dhcp), (.fixed, .fixed): true
    default: false
    }
  }
}
