import CAddressService
import Glibc
public import HostSystem
public import Household
import Wire

/// The process that gives addresses: `DHCPServer` between sockets and lease files.
///
/// Belongs to the thread of its event loop. Killed at any time, it loses no lease that a client was told of.
public final class AddressDaemon {
  /// The commit that is applied; 0: none yet.
  public private(set) var appliedCommit = 0
  /// What is wrong now, a sentence each.
  public private(set) var problems: [String] = []
  /// Called when `problems` changed.
  public var onProblemsChange: (() -> Void)?

  private let loop: EventLoop
  private let log: Log
  private let store: LeaseStore
  private let metrics: FactWriter<MetricFact>?
  private var server: DHCPServer
  private var ports: [String: DHCPPort] = [:]
  /// Why a network has no port, by network.
  private var portFailures: [String: SystemError] = [:]
  private var sendFailures: UInt64 = 0
  private var dueTimer: (deadline: Instant, timer: EventLoop.Timer)?
  private var retryTimer: EventLoop.Timer?
  private var reportTimer: EventLoop.Timer?
  private var interfaceEvents: InterfaceEvents?

  /// Milliseconds between attempts to do what failed: opening a port, storing leases.
  private static let retryMilliseconds: Int64 = 2_000
  /// Milliseconds that counters may be behind.
  private static let reportMilliseconds: Int64 = 2_000

  /// Takes up the leases that are stored. Serves nobody before the first `apply`.
  ///
  /// - Parameters:
  ///   - folders: where leases and metrics are kept.
  ///   - limits: times and bounds of the server.
  public init(
    folders: Folders, loop: EventLoop, log: Log, limits: DHCPServer.Limits = DHCPServer.Limits()
  ) throws(SystemError) {
    self.loop = loop
    self.log = log
    store = LeaseStore(folders, loop: loop)
    metrics = try? FactWriter(FactKinds.metrics(of: "addresses"), in: folders, loop: loop)
    server = DHCPServer(DHCPConfiguration(), leases: store.found, now: Self.now, limits: limits)
    server.isReadOnly = !store.isWorking
    interfaceEvents = try InterfaceEvents(loop) { [unowned self] in updatePorts() }
    if let note = store.recoveryNote { log.warning(note) }
    if let failure = store.failure { storingFailed(failure) }
    scheduleReport()
  }

  deinit {
    dueTimer?.timer.cancel()
    retryTimer?.cancel()
    reportTimer?.cancel()
  }

  /// Serves the networks of `model` from now on. Applying the same again changes nothing.
  public func apply(model: HouseholdModel, commit: Int) {
    var output = DHCPOutput()
    server.reconfigure(DHCPConfiguration(model), now: Self.now, into: &output)
    appliedCommit = commit
    updatePorts()
    carryOut(output)
  }

  private static var now: DHCPTime { DHCPTime(instant: Clock.now, wall: Clock.wall) }

  // MARK: Work

  private func received(_ datagrams: ArraySlice<lares_dhcp_datagram>, _ buffer: RawSpan, on network: String) {
    var output = DHCPOutput()
    let now = Self.now
    for datagram in datagrams {
      let start = Int(datagram.offset)
      let local = IPv4Address(value: datagram.local)
      let isOwnAddress = server.configuration.scopes.contains { $0.excluded.contains(local) }
      server.receive(
        buffer.extracting(start..<start + Int(datagram.length)),
        DHCPArrival(network: network, wasBroadcast: !isOwnAddress), now: now, into: &output)
    }
    carryOut(output)
  }

  /// Replies that promise nothing leave at once, the others after one sync for the whole batch.
  private func carryOut(_ output: DHCPOutput) {
    send(output.replies.filter { !$0.isPromise })
    if output.changes.isEmpty || keep(output.changes) {
      send(output.replies.filter(\.isPromise))
    }
    for probe in output.probes { ports[probe.network]?.ask(about: probe.address) }
    for port in ports.values { port.listensForAnswers = server.isProbing(on: port.network) }
    scheduleDue()
    scheduleReport()
  }

  private func keep(_ changes: [LeaseChange]) -> Bool {
    // While storing fails there are no promises among the changes, and `retry` writes the rest.
    guard !server.isReadOnly else { return true }
    if store.store(changes) { return true }
    server.undo(changes)
    server.isReadOnly = true
    if let failure = store.failure { storingFailed(failure) }
    return false
  }

  private func send(_ replies: [DHCPReply]) {
    guard let first = replies.first else { return }
    let isOfOneNetwork = replies.allSatisfy { $0.network == first.network }
    let groups = isOfOneNetwork ? [first.network: replies] : Dictionary(grouping: replies, by: \.network)
    for (network, replies) in groups {
      sendFailures += UInt64(ports[network]?.send(replies) ?? replies.count)
    }
  }

  private func advance() {
    var output = DHCPOutput()
    server.advance(Self.now, into: &output)
    carryOut(output)
  }

  private func scheduleDue() {
    let deadline = server.nextDeadline(after: Self.now)
    guard deadline != dueTimer?.deadline else { return }
    // An early call does no harm, so a later deadline leaves the timer as it is.
    if let deadline, let dueTimer, dueTimer.deadline <= deadline { return }
    dueTimer?.timer.cancel()
    dueTimer = deadline.map { deadline in
      (
        deadline,
        loop.schedule(at: deadline) { [weak self] in
          self?.dueTimer = nil
          self?.advance()
        }
      )
    }
  }

  // MARK: Failures

  private func storingFailed(_ error: SystemError) {
    log.error(
      "leases cannot be stored, so no new ones are given (\(error)); clients that renew keep what is stored of theirs. "
        + "Free space in the state directory or make it writable")
    scheduleRetry()
  }

  private func scheduleRetry() {
    guard retryTimer == nil else { return }
    retryTimer = loop.schedule(afterMilliseconds: Self.retryMilliseconds) { [weak self] in self?.retry() }
  }

  private func retry() {
    retryTimer = nil
    if server.isReadOnly {
      if store.recover(server.leases) {
        server.isReadOnly = false
        log.notice("leases can be stored again")
      } else {
        scheduleRetry()
      }
    }
    updatePorts()
    report()
  }

  /// Opens what is missing and closes what is not served any more, or is bound to an interface that has gone.
  private func updatePorts() {
    let wanted = Dictionary(server.configuration.scopes.map { ($0.name, $0.device) }) { $1 }
    for (network, port) in ports where wanted[network] != port.device || !port.isCurrent {
      port.close()
      ports[network] = nil
    }
    portFailures = portFailures.filter { wanted[$0.key] != nil }
    for (network, device) in wanted where ports[network] == nil {
      do {
        ports[network] = try makePort(network, device)
        if portFailures.removeValue(forKey: network) != nil { log.notice("network \(network): serving on \(device)") }
      } catch {
        if portFailures.updateValue(error, forKey: network) != error {
          log.warning("network \(network) gets no addresses: \(error)")
        }
        // A missing interface announces itself when it comes.
        if error.code != ENODEV { scheduleRetry() }
      }
    }
    scheduleReport()
  }

  private func makePort(_ network: String, _ device: String) throws(SystemError) -> DHCPPort {
    let port = try DHCPPort(network: network, device: device, loop: loop) { [unowned self] address, hardware in
      var output = DHCPOutput()
      server.probeAnswered(address, by: hardware, on: network, now: Self.now, into: &output)
      carryOut(output)
    }
    port.onDatagrams = { [unowned self] in received($0, $1, on: network) }
    port.onFailure = { [unowned self] in updatePorts() }
    return port
  }

  // MARK: Reports

  private func scheduleReport() {
    guard reportTimer == nil else { return }
    reportTimer = loop.schedule(afterMilliseconds: appliedCommit == 0 ? 0 : Self.reportMilliseconds) { [weak self] in
      self?.reportTimer = nil
      self?.report()
    }
  }

  private func report() {
    let now = Clock.wall
    _ = try? metrics?.replaceAll(with: server.metrics(now: now, sendFailures: sendFailures))
    var problems = server.configuration.problems
    problems += portFailures.sorted { $0.key < $1.key }.map { "network \($0.key) gets no addresses: \($0.value)" }
    if let failure = store.failure { problems.append("leases cannot be stored: \(failure)") }
    problems += server.exhaustionProblems(now: now)
    guard problems != self.problems else { return }
    for problem in problems where !self.problems.contains(problem) && problem.hasPrefix("the pool") {
      log.warning(problem)
    }
    self.problems = problems
    onProblemsChange?()
  }
}

/// Calls back when interfaces or their IPv4 addresses come, change or go.
private final class InterfaceEvents {
  private let descriptor: Descriptor
  private let watch: EventLoop.Watch

  init(_ loop: EventLoop, _ handler: @escaping () -> Void) throws(SystemError) {
    let number = try systemCall("listening for interfaces") { lares_interface_events() }
    descriptor = Descriptor(owning: number)
    watch = try loop.watch(number) { _ in
      // What happened is not read: the names are looked up again, and a message that got lost (ENOBUFS) is one too.
      var buffer = [UInt8](repeating: 0, count: 16_384)
      while recv(number, &buffer, buffer.count, 0) >= 0 || errno == ENOBUFS {}
      handler()
    }
  }

  deinit { watch.cancel() }
}
