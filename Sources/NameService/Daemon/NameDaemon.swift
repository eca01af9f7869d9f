import CNameService
import Glibc
public import HostSystem
public import Household
public import Wire

/// The name service as a daemon: keeps the cores going, makes their rules from configuration and facts, and publishes what they count.
///
/// Belongs to the thread of its loop. The cores answer on threads of their own, so nothing that is done here delays an answer.
public final class NameDaemon {
  /// What tests and benchmarks set otherwise.
  public struct Options: Sendable {
    /// UDP and TCP port on every address; 0: one that is free.
    public var port: UInt16
    /// Threads that answer; nil: one for each core of the machine.
    public var cores: Int?

    public init(port: UInt16 = 53, cores: Int? = nil) {
      self.port = port
      self.cores = cores
    }
  }

  /// What is wrong now, a sentence each.
  public private(set) var problems: [String] = []
  /// Called when `problems` changed.
  public var onProblemsChanged: (() -> Void)?
  /// The commit whose plan is in force; 0: none yet.
  public private(set) var appliedCommit = 0
  /// The port that is listened on; 0 while none is.
  public private(set) var port: UInt16 = 0

  private let folders: Folders
  private let loop: EventLoop
  private let log: Log
  private let options: Options
  private let hashKey: NameHashKey
  private let secret: HashSecret
  private let mail: Mailbox<DaemonMessage>
  private let names: FactWriter<NameFact>
  private let metrics: FactWriter<MetricFact>

  private var model: HouseholdModel?
  private var zone: HouseholdZone?
  private var blockLists: BlockListFiles
  private var leases: [Lease] = []
  private var neighbours: [NeighbourFact] = []
  private var uplinkServers: [IPAddress] = []
  private var leaseNames: LeaseNames
  private var rules: NameRules?
  private var generation: UInt32 = 0

  private var threads: [WorkerThread] = []
  private var runningEntries = 0
  private var counters: [Int: WorkerCounters] = [:]
  private var dumpParts: [Int: [UInt8]] = [:]
  private var bindProblem: String?
  private var zoneProblem: String?
  private var coreProblems: [Int: String] = [:]
  private var storeProblem: String?
  private var retry: EventLoop.Timer?
  private var timers: [EventLoop.Timer?] = []

  /// Descriptors that the daemon asks for: every question under way may hold two, every connection one.
  static let mostDescriptors: UInt64 = 16_384
  private static let metricsMilliseconds: Int64 = 5_000
  private static let dumpMilliseconds: Int64 = 600_000
  private static let bindRetryMilliseconds: Int64 = 3_000

  /// - Parameters:
  ///   - folders: where facts are published and the cache is kept.
  ///   - loop: serves the daemon's own work; the cores have loops of their own.
  public init(folders: Folders, loop: EventLoop, log: Log, options: Options = Options()) throws(SystemError) {
    self.folders = folders
    self.loop = loop
    self.log = log
    self.options = options
    _ = lares_raise_descriptor_limit(Self.mostDescriptors)
    var randomness = SystemRandomness()
    hashKey = NameHashKey(using: &randomness)
    secret = HashSecret(using: &randomness)
    mail = try Mailbox()
    names = try FactWriter(FactKinds.names, in: folders, loop: loop)
    metrics = try FactWriter(FactKinds.metrics(of: "names"), in: folders, loop: loop)
    leaseNames = LeaseNames(facts: names.values.values)
    blockLists = BlockListFiles(key: hashKey)
    try File.makeFolder(folders.state(of: "names"))
    try loop.watch(mail.descriptor) { [unowned self] _ in
      for message in mail.take() { handle(message) }
    }
    every(Self.metricsMilliseconds, slot: 0) { [unowned self] in broadcast(.report) }
    every(Self.dumpMilliseconds, slot: 1) { [unowned self] in broadcast(.dump) }
  }

  // MARK: Configuration and facts

  /// Serves what `model` says from now on. Applying the same again changes nothing.
  ///
  /// A configuration whose records cannot be served changes nothing at all and stands in `problems`.
  ///
  /// - Parameter configurationFolder: what blocklists' names are relative to.
  public func apply(model: HouseholdModel, commit: Int, configurationFolder: String) {
    do throws(ZoneError) {
      zone = try HouseholdZone(model)
      zoneProblem = nil
    } catch {
      zoneProblem = "commit \(commit) is not in force: \(error)"
      return updateProblems()
    }
    let hasNewLists = blockLists.update(model.names, folder: configurationFolder)
    if hasNewLists { for report in blockLists.reports { log.info("read blocklist \(report)") } }
    let isNew = self.model != model || hasNewLists
    self.model = model
    appliedCommit = commit
    if isNew || rules == nil { renewRules() }
    startCores()
    updateProblems()
  }

  /// Takes over what other daemons know now.
  ///
  /// - Parameters:
  ///   - leases: all leases; active ones have names and tell whose address is whose.
  ///   - uplinkServers: the provider's name servers in order of preference, used where the configuration names none.
  ///   - neighbours: tell whose the addresses are that devices gave themselves.
  public func update(leases: [Lease], uplinkServers: [IPAddress], neighbours: [NeighbourFact] = []) {
    let leases = leases.map(\.withoutRenewals).sorted { $0.address < $1.address }
    let neighbours = neighbours.filter { $0.device != nil }.map(\.withoutTimes).sorted { $0.address < $1.address }
    guard leases != self.leases || uplinkServers != self.uplinkServers || neighbours != self.neighbours else { return }
    (self.leases, self.uplinkServers, self.neighbours) = (leases, uplinkServers, neighbours)
    if model != nil { renewRules() }
  }

  private func renewRules() {
    guard let model, let zone else { return }
    generation += 1
    let snapshot = zone.snapshot(
      leases: leases, keeping: leaseNames, serial: UInt32(truncatingIfNeeded: Clock.wall), key: hashKey)
    leaseNames = snapshot.leaseNames
    let settings = model.names
    let servers =
      settings.upstreams.isEmpty ? uplinkServers.map { SocketAddress($0, port: 53) } : settings.upstreams
    var resolver = ResolverSettings()
    resolver.staleSeconds = settings.serveStaleSeconds
    let rules = NameRules(
      generation: generation, zone: snapshot, groups: PolicyGroups(model, leases: leases, neighbours: neighbours),
      scopes: NameScopes(model, leases: leases),
      answers: AnswerPolicy(rebinding: RebindingGuard(settings, key: hashKey), blocks: blockLists.list),
      forwards: ForwardTable(servers: servers, zones: settings.forwardZones), resolver: resolver)
    self.rules = rules
    broadcast(.rules(rules))
    publish(snapshot.facts)
  }

  private func publish(_ facts: [NameFact]) {
    let wanted = [String: NameFact](facts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    store { () throws(SystemError) in try names.replaceAll(with: wanted) }
  }

  // MARK: Cores

  private func startCores() {
    guard let model, let rules else { return }
    if !threads.isEmpty, runningEntries != model.names.cacheEntries { stopCores() }
    guard threads.isEmpty else { return }
    let count = max(1, min(options.cores ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)), 64))
    do throws(SystemError) {
      let mailboxes = try (0..<count).map { _ throws(SystemError) in try Mailbox<WorkerMessage>() }
      let sockets = try NameSockets(cores: count, port: port == 0 ? options.port : port)
      port = sockets.port
      let inherited = readCache()
      for core in 0..<count {
        threads.append(
          try WorkerThread(
            Worker.Start(
              core: core, datagramSockets: sockets.datagrams[core], streamSockets: sockets.streams[core],
              cacheEntries: model.names.cacheEntries / count, secret: secret, rules: rules, inherited: inherited,
              mailboxes: mailboxes,
              daemon: mail)))
      }
      runningEntries = model.names.cacheEntries
      bindProblem = nil
      log.info("answering on port \(port)", ["cores": String(count)])
    } catch {
      bindProblem = describe(error)
      log.error(bindProblem ?? "")
      retry = loop.schedule(afterMilliseconds: Self.bindRetryMilliseconds) { [unowned self] in
        startCores()
        updateProblems()
      }
    }
  }

  private func describe(_ error: SystemError) -> String {
    switch error.code {
    case EADDRINUSE:
      let holder = PortHolder.find(port: options.port) ?? "another program"
      return "port \(options.port) is in use by \(holder): no names are answered until it is stopped"
    case EACCES, EPERM:
      return "port \(options.port) cannot be used without the capability CAP_NET_BIND_SERVICE; start Lares as root"
    default: return "no names are answered: \(error)"
    }
  }

  /// Ends the cores, keeps their caches in the file.
  private func stopCores() {
    broadcast(.stop)
    for thread in threads { thread.join() }
    for message in mail.take() { handle(message) }
    threads = []
    counters = [:]
  }

  /// Stops answering and keeps the cache. The last call.
  public func stop() {
    for timer in timers { timer?.cancel() }
    retry?.cancel()
    stopCores()
  }

  private func broadcast(_ message: WorkerMessage) { for thread in threads { thread.mailbox.post(message) } }

  private func handle(_ message: DaemonMessage) {
    switch message {
    case .counters(let core, let values):
      counters[core] = values
      guard counters.count == threads.count else { return }
      let total = counters.values.reduce(WorkerCounters(), +)
      counters = [:]
      store { () throws(SystemError) in try metrics.replaceAll(with: total.metrics) }
    case .dump(let core, let part):
      dumpParts[core] = part
      guard dumpParts.count == threads.count else { return }
      let file = CacheDump.file(dumpParts.sorted { $0.key < $1.key }.map(\.value))
      dumpParts = [:]
      store { () throws(SystemError) in try File.replace(cacheFile, with: file, durable: false) }
    case .stopped: break
    case .problem(let core, let text):
      log.error(text)
      coreProblems[core] = text
      updateProblems()
    }
  }

  // MARK: Files

  private var cacheFile: String { folders.state(of: "names") + "/cache" }

  private func readCache() -> [DumpedAnswer] {
    guard let bytes = try? File.readIfPresent(cacheFile) else { return [] }
    guard let answers = CacheDump.read(bytes) else {
      log.notice("\(cacheFile) is damaged; starting with an empty cache")
      return []
    }
    log.info("took over \(answers.count) answers of the last run")
    return answers
  }

  /// Writes something; a disk that is full or read-only costs memory across restarts, not answers.
  private func store(_ write: () throws(SystemError) -> Void) {
    do throws(SystemError) {
      try write()
      storeProblem = nil
    } catch {
      storeProblem = "what the name service knows cannot be stored: \(error)"
    }
    updateProblems()
  }

  private func updateProblems() {
    let own = [bindProblem, zoneProblem, storeProblem].compactMap(\.self)
    let problems = own + coreProblems.sorted { $0.key < $1.key }.map(\.value) + blockLists.problems
    guard problems != self.problems else { return }
    self.problems = problems
    onProblemsChanged?()
  }

  private func every(_ milliseconds: Int64, slot: Int, _ body: @escaping () -> Void) {
    while timers.count <= slot { timers.append(nil) }
    timers[slot] = loop.schedule(afterMilliseconds: milliseconds) { [unowned self] in
      body()
      every(milliseconds, slot: slot, body)
    }
  }
}

extension Lease {
  /// The lease without what changes with every renewal and says nothing about names.
  fileprivate var withoutRenewals: Lease {
    var lease = self
    (lease.renewed, lease.expires) = (0, 0)
    return lease
  }
}

extension NeighbourFact {
  /// The neighbour without when it was seen.
  fileprivate var withoutTimes: NeighbourFact {
    var neighbour = self
    (neighbour.firstSeen, neighbour.lastSeen) = (0, 0)
    return neighbour
  }
}
