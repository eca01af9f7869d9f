import Configuration
import Firewall
import HostSystem
import Household
import Interfaces
import Netlink
import Uplink
import Wire

/// The daemon that writes the kernel's network state: packet filter first, then interfaces, then uplinks.
final class NetworkDaemon {
  private let loop: EventLoop
  private let log: Log
  private let firewall: FirewallManager
  private let session: RouteSession
  private let interfaces: InterfaceManager
  private let uplinks: UplinkManager
  private let monitor: RouteMonitor
  private let leases: FactReader<Lease>
  private let pauses: FactReader<PauseFact>
  private let linkFacts: FactWriter<LinkFact>
  private let neighbourFacts: FactWriter<NeighbourFact>
  private let ruleFacts: FactWriter<RuleFact>
  private let metricFacts: FactWriter<MetricFact>
  private let dropped: DroppedPackets
  private var model: HouseholdModel?
  private var neighbours = NeighbourBook()
  private var interfaceProblems: [String] = []
  /// Why the filter could not follow what changes from minute to minute, and why it could not be checked or put right.
  private var followProblem: String?
  private var checkProblem: String?
  /// What the kernel has is not known to be as wanted: the next look applies everything.
  private var isFilterUnsure = false
  /// The generation of all tables in which ours were looked at last, after others had changed some.
  private var checkedGeneration: UInt32?
  private var followRetry: EventLoop.Timer?
  private var followDelay = RetryDelay()
  /// Netlink events come in bursts: one look at the kernel answers all of a burst.
  private var refresh: EventLoop.Timer?
  private var refreshed = Clock.now
  /// Something has happened to interfaces that the next look puts right.
  private var areInterfacesAffected = false

  private static let burstMilliseconds: Int64 = 200
  /// The least time between two looks, however many events come.
  private static let refreshMilliseconds: Int64 = 1_000
  private static let countersMilliseconds: Int64 = 2_000
  private static let verifyMilliseconds: Int64 = 30_000
  /// How long somebody else's change of our tables goes unseen; the longer time is for a kernel whose tables others change all the time.
  private static let watchMilliseconds: Int64 = 500
  private static let slowWatchMilliseconds: Int64 = 2_000
  private static let afterApplyMilliseconds: Int64 = 1_000

  var problems: [String] {
    [followProblem, checkProblem].compactMap(\.self) + interfaceProblems + uplinks.problems + dropped.problems
  }

  /// Closes the packet filter before anything else, unless rules of an earlier run are in place.
  init(_ runtime: DaemonRuntime) throws {
    loop = runtime.loop
    log = runtime.log
    firewall = try FirewallManager()
    try firewall.closed()
    session = try RouteSession()
    interfaces = InterfaceManager(session)
    monitor = try RouteMonitor([.links, .addresses, .neighbours])
    let folders = runtime.folders
    uplinks = try UplinkManager(folders: folders, loop: loop, log: log)
    linkFacts = try FactWriter(FactKinds.links, in: folders, loop: loop)
    neighbourFacts = try FactWriter(FactKinds.neighbours, in: folders, loop: loop)
    ruleFacts = try FactWriter(FactKinds.rules, in: folders, loop: loop)
    metricFacts = try FactWriter(FactKinds.metrics(of: "network"), in: folders, loop: loop)
    leases = FactReader(FactKinds.leases, in: folders, loop: loop)
    pauses = FactReader(FactKinds.pauses, in: folders, loop: loop)
    dropped = try DroppedPackets(folders: folders, loop: loop, log: log)
    leases.onChange = { [unowned self] _ in updateDynamics() }
    pauses.onChange = { [unowned self] _ in updateDynamics() }
    uplinks.onChange = { [unowned self] in scheduleRefresh() }
    // The rules in force report as long as, and only if, the kernel has a log.
    dropped.onChange = { [unowned self] in
      isFilterUnsure = true
      verify()
    }
    try loop.watch(monitor.fileDescriptor) { [unowned self] _ in readEvents() }
    publishCounters()
    verifyRegularly()
    watchOthers()
  }

  /// Puts a configuration in force. The filter is changed first, so that no interface is ever up without its rules.
  ///
  /// - Throws: where the filter refuses; then nothing else is touched.
  func apply(_ model: HouseholdModel, commit: Int) throws {
    let dynamics = dynamics(for: model)
    try firewall.apply(model: filterable(model), dynamic: dynamics)
    (checkProblem, isFilterUnsure) = (nil, false)
    hasFollowed()
    self.model = model
    dropped.recognise(model: model, dynamic: dynamics)
    interfaceProblems = interfaces.apply(model)
    uplinks.apply(
      settings: model.uplinks, homePrefixes: model.networks.flatMap(\.prefixes),
      upstreams: model.names.upstreams.map(\.address), commit: commit)
    publishLinks()
    publishNeighbours()
    // Long lists are not read back while the change waits.
    loop.schedule(afterMilliseconds: Self.afterApplyMilliseconds) { [unowned self] in verify() }
  }

  /// What the kernel can take of a model: where it has no packet log, rules that report would be refused and the house have none.
  private func filterable(_ model: HouseholdModel) -> HouseholdModel {
    var model = model
    if !dropped.isSupported { model.firewall.logRate = 0 }
    return model
  }

  // MARK: - What changes from minute to minute

  private func dynamics(for model: HouseholdModel) -> FirewallDynamics {
    let active = leases.values.values.filter { $0.state == .active }
    var dynamics = FirewallDynamics(paused: Set(pauses.values.keys))
    for lease in active {
      dynamics.bindings.insert(
        LeaseBinding(address: lease.address, hardware: lease.hardware, network: lease.network))
      guard let device = lease.device else { continue }
      dynamics.addresses[device, default: []].insert(.v4(lease.address))
      dynamics.hardware[device, default: []].insert(lease.hardware)
    }
    for neighbour in neighbours.facts.values {
      guard let device = neighbour.device, model.device(named: device) != nil else { continue }
      dynamics.addresses[device, default: []].insert(neighbour.address)
    }
    return dynamics
  }

  private func updateDynamics() {
    guard let model else { return }
    do {
      let dynamics = dynamics(for: model)
      try firewall.update(dynamic: dynamics)
      dropped.recognise(model: model, dynamic: dynamics)
      hasFollowed()
    } catch {
      let problem = "the packet filter could not follow: \(error)"
      if followProblem != problem { log.error(problem) }
      followProblem = problem
      followRetry?.cancel()
      followRetry = loop.schedule(afterMilliseconds: followDelay.afterFailure()) { [unowned self] in updateDynamics() }
    }
  }

  private func hasFollowed() {
    followProblem = nil
    followRetry?.cancel()
    followDelay = RetryDelay()
  }

  private func readEvents() {
    let events = (try? monitor.events()) ?? [.overrun]
    if interfaces.isAffected(by: events) { areInterfacesAffected = true }
    scheduleRefresh()
  }

  private func scheduleRefresh() {
    guard refresh == nil else { return }
    let sinceLast = Clock.now.milliseconds(since: refreshed)
    let wait = max(Self.burstMilliseconds, Self.refreshMilliseconds - sinceLast)
    refresh = loop.schedule(afterMilliseconds: wait) { [unowned self] in
      refresh = nil
      refreshed = Clock.now
      repairInterfaces()
      publishLinks()
      publishNeighbours()
    }
  }

  private func repairInterfaces() {
    guard areInterfacesAffected, let model else { return }
    areInterfacesAffected = false
    let writes = interfaces.writes
    interfaceProblems = interfaces.apply(model)
    if interfaces.writes > writes { log.notice("interfaces were not as configured, and are put right") }
  }

  // MARK: - Facts

  private func publish(_ what: String, _ write: () throws -> Void) {
    do {
      try write()
    } catch {
      log.warning("\(what): \(error)")
    }
  }

  private func publishLinks() {
    publish("the facts on interfaces") {
      let links = try interfaces.snapshot()
      try linkFacts.replaceAll(with: Dictionary(links.map { ($0.interface, $0) }) { first, _ in first })
    }
  }

  private func publishNeighbours() {
    guard let model else { return }
    publish("the facts on neighbours") {
      let devices = Dictionary(model.networks.map { ($0.device, $0.name) }) { first, _ in first }
      let networks = try session.links().reduce(into: [Int32: String]()) { $0[$1.id.index] = devices[$1.id.name] }
      let before = neighbours.deviceAddresses
      let strangers = neighbours.update(
        try session.neighbours(), networks: networks, devices: model.devices, leases: Array(leases.values.values),
        now: Clock.wall)
      for stranger in strangers {
        log.notice("a new device is on network \(stranger.network): \(stranger.hardware) at \(stranger.address)")
      }
      try neighbourFacts.replaceAll(
        with: Dictionary(neighbours.facts.map { ($0.key.description, $0.value) }) { first, _ in first })
      if neighbours.deviceAddresses != before { updateDynamics() }
    }
  }

  private func publishCounters() {
    publish("the filter's counters") {
      let rules = try firewall.counters()
      try ruleFacts.replaceAll(with: Dictionary(rules.map { ($0.name, $0) }) { first, _ in first })
      try metricFacts.replaceAll(with: uplinks.metrics.merging(Self.metrics(of: rules)) { first, _ in first })
    }
    loop.schedule(afterMilliseconds: Self.countersMilliseconds) { [unowned self] in publishCounters() }
  }

  private static func metrics(of rules: [RuleFact]) -> [String: MetricFact] {
    rules.reduce(into: [:]) { metrics, rule in
      let label = "{rule=\"\(rule.name)\"}"
      metrics["lares_firewall_packets_total" + label] = MetricFact(
        type: "counter", help: "Packets that met a rule of the packet filter.", value: Double(rule.packets))
      metrics["lares_firewall_bytes_total" + label] = MetricFact(
        type: "counter", help: "Bytes of the packets that met a rule of the packet filter.", value: Double(rule.bytes))
    }
  }

  private func verifyRegularly() {
    loop.schedule(afterMilliseconds: Self.verifyMilliseconds) { [unowned self] in
      verify()
      verifyRegularly()
    }
  }

  /// Looks at once where others have changed tables: `nft flush ruleset`, with which Debian's nftables.service starts, takes ours, too.
  private func watchOthers() {
    var wait = Self.watchMilliseconds
    do {
      let generation = try firewall.generation()
      if isFilterUnsure || generation != firewall.ownGeneration && generation != checkedGeneration {
        checkedGeneration = generation
        if !verify() { wait = Self.slowWatchMilliseconds }
      }
    } catch {
      checkFailed(error)
      wait = Self.slowWatchMilliseconds
    }
    loop.schedule(afterMilliseconds: wait) { [unowned self] in watchOthers() }
  }

  /// Compares everything with what the kernel has, and puts right what differs: somebody else may have changed it.
  ///
  /// - Returns: whether something was put right.
  @discardableResult
  private func verify() -> Bool {
    do {
      let isRepaired = try repair()
      (checkProblem, isFilterUnsure) = (nil, false)
      return isRepaired
    } catch {
      isFilterUnsure = true
      checkFailed(error)
      return false
    }
  }

  private func repair() throws -> Bool {
    guard let model else { return try firewall.closed().changed }
    let differences = isFilterUnsure ? [] : try firewall.verify()
    guard isFilterUnsure || !differences.isEmpty else { return false }
    if !differences.isEmpty {
      log.warning("the packet filter is not as it was set, and is put right: \(differences.joined(separator: "; "))")
      // Whatever happens now, the next look does not take the kernel's word for it.
      isFilterUnsure = true
    }
    return try firewall.apply(model: filterable(model), dynamic: dynamics(for: model)).changed
  }

  private func checkFailed(_ error: any Error) {
    let problem = "the packet filter could not be checked: \(error)"
    if checkProblem != problem { log.error(problem) }
    checkProblem = problem
  }
}

/// Runs the daemon until it is asked to end. Rules, addresses and routes stay.
func serveNetwork(_ runtime: DaemonRuntime) throws {
  let daemon = try NetworkDaemon(runtime)
  runtime.problems = { daemon.problems }
  runtime.follow { model, fact in try daemon.apply(model, commit: fact.commit) }
  try runtime.run()
}
