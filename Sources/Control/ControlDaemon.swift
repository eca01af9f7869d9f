import Configuration
public import HostSystem
public import Household
import VersionedStore
import Wire

/// The daemon that decides: keeps the configuration's history, puts commits in force, and answers the API.
public final class ControlDaemon {
  /// Daemons that apply commits.
  static let appliers = ["network", "addresses", "names"]

  let folders: Folders
  let candidate: CandidateFiles
  let secrets: SecretStore
  let ownerUser: UInt32
  var change: ChangeControl<StoreHistory>
  /// The model of the commit in force.
  private(set) var model: HouseholdModel?
  let facts: FactsInUse
  let logKeeper: LogKeeper
  let historyPusher: HistoryPusher
  /// What daemons know to be wrong with a household that the configuration's own rules accept.
  let furtherCheck: (HouseholdModel) throws -> Void

  let loop: EventLoop
  let log: Log
  /// For what must last and belongs to control alone.
  let stateFolder: String
  /// Keeps others from changing what is in there, as `lares restore` does where no control runs.
  private let lock: FileLock?
  /// The program that serves one Git client each, as `lares` with its hidden subcommand.
  let sessionProgram: String
  /// Git clients that are being served.
  var sessions = 0
  private let configuration: FactWriter<ConfigurationFact>
  let pauses: FactWriter<PauseFact>
  private let status: FactWriter<DaemonFact>
  private(set) var own: DaemonFact
  /// Why no configuration, or not the newest, is in force; and why metrics are not served.
  private var headProblem: String?
  private var metricsProblem: String?
  /// What the process was started with to say of itself.
  private let startNotes: [String]
  var server: HTTPServer?
  private var metricsServer: HTTPServer?
  private var metricsSettings: MetricsSettings?
  private var windowTimer: EventLoop.Timer?
  private var pauseTimer: EventLoop.Timer?
  private var storeTimer: EventLoop.Timer?
  /// The checks as they were when the provisional commit was made.
  private(set) var checksBefore: [String: Check] = [:]

  /// Takes up history, pauses and an open window, imports lares.toml as the first commit where there is none, and
  /// starts to serve.
  ///
  /// - Parameters:
  ///   - configurationFolder: holds lares.toml.
  ///   - ownerUser: besides root, who may change things.
  ///   - notes: what `status` is to say of this process, e.g. of its privileges.
  ///   - sessionProgram: the executable of `lares`, which serves each Git client in a process of its own, and pushes the
  ///     history in another.
  ///   - furtherCheck: throws what a daemon would refuse in a household that the configuration's own rules accept.
  public init(
    folders: Folders, configurationFolder: String, ownerUser: UInt32, loop: EventLoop, log: Log, notes: [String] = [],
    sessionProgram: String = "/proc/self/exe", historyPushes: HistoryPushSettings = HistoryPushSettings(),
    furtherCheck: @escaping (HouseholdModel) throws -> Void = { _ in }
  ) throws {
    self.furtherCheck = furtherCheck
    self.sessionProgram = sessionProgram
    startNotes = notes
    self.folders = folders
    self.loop = loop
    self.log = log
    self.ownerUser = ownerUser
    logKeeper = LogKeeper(folders: folders, loop: loop, log: log)
    candidate = CandidateFiles(folder: configurationFolder)
    let state = folders.state(of: "control")
    stateFolder = state
    try File.makeFolder(state, mode: 0o700)
    lock = try RouterState.lock(state)
    secrets = try SecretStore(folder: state + "/secrets")
    historyPusher = HistoryPusher(
      folder: state, secrets: secrets, program: sessionProgram, settings: historyPushes, loop: loop, log: log)
    configuration = try FactWriter(FactKinds.configuration, in: folders, loop: loop)
    pauses = try FactWriter(FactKinds.pauses, in: folders, loop: loop)
    status = try FactWriter(FactKinds.daemon("control"), in: folders, loop: loop)
    facts = FactsInUse(folders: folders, loop: loop)
    own = DaemonFact(processIdentifier: ProcessIdentity.current, started: Clock.wall, notes: notes)
    let (change, reverted) = try ChangeControl.resume(
      StoreHistory(folder: state), boot: Clock.bootIdentifier, now: Clock.now, wall: Clock.wall)
    self.change = change
    if let reverted { log.warning(reverted.reason, ["commit": String(reverted.number)]) }
    if let note = pauses.recoveryNote { log.warning(note) }
    for note in change.history.notes { log.warning(note) }
    completeRestore()
    importFirstCommit()
    publishHead()
    retryStore()
    for reader in facts.daemons.values { reader.onChange = { [unowned self] _ in checkApplied() } }
    schedulePauseEnd()
    try File.makeFolder(File.folderName(of: folders.controlSocket), mode: 0o750)
    server = HTTPServer(
      try StreamListener(path: folders.controlSocket, kind: .bytes, mode: 0o660, loop: loop), loop: loop
    ) { [unowned self] in answer($0) }
  }

  private func importFirstCommit() {
    guard change.history.newest == 0, change.history.problem == nil else { return }
    do {
      let files = try candidate.read()
      _ = try checked(files)
      _ = try change.commit(
        files, author: "lares", reason: "Import lares.toml", window: nil, now: Clock.now, wall: Clock.wall)
    } catch {
      log.error("no configuration is in force, so everything stays closed: \(error)")
      headProblem = "no configuration is in force: \(error)"
    }
  }

  // MARK: - Putting commits in force

  /// The model of files that may be committed.
  func checked(_ files: [String: String]) throws -> HouseholdModel {
    let model = try ConfigurationText(files: files).parse()
    try furtherCheck(model)
    return model
  }

  /// Validates files, makes them a commit and puts it in force.
  func commit(_ files: [String: String], author: String, reason: String, window: Int?, undoes: Int? = nil) throws
    -> ChangeReport
  {
    let wanted = try checked(files)
    return try putInForce(wanted, by: author, window: window, reason: reason) {
      try change.commit(
        files, author: author, reason: reason, window: window, now: Clock.now, wall: Clock.wall, undoes: undoes)
    }
  }

  /// Changes the history by `write`, puts what is its head then in force, and tells what that changes.
  func putInForce(
    _ wanted: HouseholdModel, by author: String, window: Int?, reason: String, _ write: () throws -> Commit
  ) throws -> ChangeReport {
    let before = model
    let checks = facts.checks.values
    let commit = try usingStore(write)
    checksBefore = checks
    log.notice(
      "commit \(commit.number) by \(author)\(window.map { ", provisional for \($0) s" } ?? "")", ["reason": reason])
    publishHead()
    let left = change.window(now: Clock.now)?.secondsLeft
    return ChangeReport(
      commit: commit.number, id: commit.id,
      changes: before.map { ConfigurationDiff(from: $0, to: wanted).changes.map(\.words) } ?? [], confirmWithin: left)
  }

  func confirm(connectionOpened: Instant, by author: String) throws -> Int {
    let number = try change.confirm(connectionOpened: connectionOpened)
    windowTimer?.cancel()
    keepLastGood()
    log.notice("commit \(number) confirmed by \(author)")
    return number
  }

  /// Announces the commit in force to the other daemons, and arms the window's end.
  func publishHead() {
    guard let head = try? change.head() else { return publishStatus() }
    do {
      try announce(head.files, as: head.number)
      headProblem = nil
      keepLastGood()
    } catch {
      let problem = "commit \(head.number) could not be put in force: \(error)"
      headProblem = problem
      log.error(problem)
      // Somebody changed the repository behind our back. Nothing may be in force yet after a start.
      if own.appliedCommit == 0, let good = change.history.lastGood {
        headProblem = problem + "; the last good configuration, commit \(good.number), is in force instead"
        try? announce(good.files, as: head.number)
      }
    }
    own.triedCommit = head.number
    publishStatus()
    windowTimer?.cancel()
    if let deadline = change.deadline {
      windowTimer = loop.schedule(at: deadline) { [unowned self] in endWindow() }
    }
  }

  private func announce(_ files: [String: String], as number: Int) throws {
    let parsed = try ConfigurationText(files: files).parse()
    model = parsed
    own.appliedCommit = number
    try configuration.set("head", ConfigurationFact(commit: number, files: files, folder: candidate.folder))
    logKeeper.apply(parsed.log, host: "\(parsed.routerName).\(parsed.domain)")
    serveMetrics(parsed.metrics)
    historyPusher.apply(parsed.history)
  }

  /// Keeps what is in force for good beside the store, so that the router can run without it, and has it pushed.
  private func keepLastGood() {
    guard change.window(now: Clock.now) == nil, headProblem == nil, let head = try? change.head() else { return }
    do {
      try change.history.keepLastGood(head)
    } catch {
      log.error("a copy of the configuration in force could not be kept: \(error)")
    }
    if change.history.problem == nil, let id = head.id { historyPusher.want(id) }
  }

  /// Runs what reads or changes the history. Where the store turns out to be damaged, it is opened again, which moves a
  /// damaged one aside, and the error goes on.
  func usingStore<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as StoreError where error.needsReopening {
      reopenStore(because: "\(error)")
      throw error
    }
  }

  private func reopenStore(because why: String) {
    if !why.isEmpty { log.error("the history could not be used, opening it again: \(why)") }
    change.history.reopen()
    do {
      let resumed = try ChangeControl.resume(
        change.history, boot: Clock.bootIdentifier, now: Clock.now, wall: Clock.wall)
      change = resumed.control
      for note in change.history.notes { log.warning(note) }
      completeRestore()
      publishHead()
    } catch {
      log.error("the history could not be taken up again: \(error)")
    }
    retryStore()
  }

  /// Tries again and again while the store cannot be opened.
  private func retryStore() {
    storeTimer?.cancel()
    guard let problem = change.history.problem else { return }
    log.error("the history cannot be used; the last good configuration is in force: \(problem)")
    storeTimer = loop.schedule(afterMilliseconds: 10_000) { [unowned self] in reopenStore(because: "") }
  }

  private func endWindow() {
    do {
      guard let reverted = try usingStore({ try change.expire(now: Clock.now, wall: Clock.wall) }) else { return }
      log.warning(reverted.reason, ["commit": String(reverted.number)])
      publishHead()
    } catch {
      // A full disk must not keep a change that nobody confirmed: try again until it can be undone.
      log.error("the revert could not be written, trying again in 5 s: \(error)")
      windowTimer = loop.schedule(afterMilliseconds: 5_000) { [unowned self] in endWindow() }
    }
  }

  /// Reverts a provisional commit at once where a daemon could not apply it.
  private func checkApplied() {
    guard let window = change.window(now: Clock.now) else { return }
    for (name, reader) in facts.daemons {
      guard let daemon = reader.values["self"], daemon.triedCommit == window.provisional.commit,
        daemon.appliedCommit != daemon.triedCommit
      else { continue }
      let why = "\(name) could not apply it: \(daemon.problems.joined(separator: "; "))"
      do {
        guard let reverted = try usingStore({ try change.revert(why: why, now: Clock.now, wall: Clock.wall) }) else {
          return
        }
        log.warning(reverted.reason, ["commit": String(reverted.number)])
        publishHead()
      } catch {
        log.error("the revert could not be written; the window's end will try again: \(error)")
      }
      return
    }
  }

  private func publishStatus() {
    let store = change.history.problem.map {
      "the history cannot be used, so nothing can be changed; the last good configuration is in force: \($0)"
    }
    own.problems = [store, headProblem, metricsProblem].compactMap(\.self)
    own.notes = startNotes + change.history.notes
    do {
      try status.set("self", own)
    } catch {
      log.error("\(error)")
    }
  }

  // MARK: - Pauses

  func pause(_ device: String, seconds: Int?, by author: String) throws {
    let now = Clock.wall
    try pauses.set(
      device, PauseFact(device: device, since: now, until: seconds.map { now + Int64($0) }, by: author))
    log.notice("\(device) paused by \(author)")
    schedulePauseEnd()
  }

  func resume(_ device: String, by author: String) throws {
    guard pauses.values[device] != nil else { throw ControlError.notPaused(device) }
    try pauses.remove(device)
    log.notice("\(device) resumed by \(author)")
  }

  /// Ends pauses whose time is over, and wakes up for the next. Looks at the wall clock at least once a minute, for it
  /// may be set meanwhile.
  private func schedulePauseEnd() {
    pauseTimer?.cancel()
    let now = Clock.wall
    let over = pauses.values.values.filter { ($0.until ?? .max) <= now }
    do {
      try pauses.apply(over.map { ($0.device, nil) })
    } catch {
      log.error("\(error)")
    }
    guard let next = pauses.values.values.compactMap(\.until).min() else { return }
    let wait = min(max(1, next - now), 60) * 1_000
    pauseTimer = loop.schedule(afterMilliseconds: wait) { [unowned self] in schedulePauseEnd() }
  }

  // MARK: - Metrics over HTTP

  /// Listens where the configuration says. The token is read for each request, so that setting it needs no restart.
  private func serveMetrics(_ settings: MetricsSettings?) {
    guard settings != metricsSettings else { return }
    metricsServer = nil
    metricsProblem = nil
    metricsSettings = settings
    guard let settings else { return }
    do {
      let address = SocketAddress(settings.address, port: settings.port)
      metricsServer = HTTPServer(try StreamListener(tcp: address, loop: loop), loop: loop) { [unowned self] request in
        answerMetrics(request, token: settings.token)
      }
    } catch {
      metricsProblem = "metrics are not served: \(error)"
      log.error("metrics are not served: \(error)")
      loop.schedule(afterMilliseconds: 10_000) { [weak self] in
        guard let self, metricsSettings == settings, metricsServer == nil else { return }
        metricsSettings = nil
        serveMetrics(settings)
        publishStatus()
      }
    }
  }
}
