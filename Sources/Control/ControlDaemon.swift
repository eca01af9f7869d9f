import Configuration
public import HostSystem
public import Household
import Wire

/// The daemon that decides: keeps the configuration's history, puts commits in force, and answers the API.
public final class ControlDaemon {
  /// Daemons that apply commits.
  static let appliers = ["network", "addresses", "names"]

  let folders: Folders
  let candidate: CandidateFiles
  let secrets: SecretStore
  let ownerUser: UInt32
  var change: ChangeControl<FileHistory>
  /// The model of the commit in force.
  private(set) var model: HouseholdModel?
  let facts: FactsInUse
  let logKeeper: LogKeeper
  /// What daemons know to be wrong with a household that the configuration's own rules accept.
  let furtherCheck: (HouseholdModel) throws -> Void

  private let loop: EventLoop
  private let log: Log
  private let configuration: FactWriter<ConfigurationFact>
  let pauses: FactWriter<PauseFact>
  private let status: FactWriter<DaemonFact>
  private(set) var own: DaemonFact
  /// Why no configuration, or not the newest, is in force; and why metrics are not served.
  private var headProblem: String?
  private var metricsProblem: String?
  private var server: HTTPServer?
  private var metricsServer: HTTPServer?
  private var metricsSettings: MetricsSettings?
  private var windowTimer: EventLoop.Timer?
  private var pauseTimer: EventLoop.Timer?
  /// The checks as they were when the provisional commit was made.
  private(set) var checksBefore: [String: Check] = [:]

  /// Takes up history, pauses and an open window, imports lares.toml as the first commit where there is none, and
  /// starts to serve.
  ///
  /// - Parameters:
  ///   - configurationFolder: holds lares.toml.
  ///   - ownerUser: besides root, who may change things.
  ///   - notes: what `status` is to say of this process, e.g. of its privileges.
  ///   - furtherCheck: throws what a daemon would refuse in a household that the configuration's own rules accept.
  public init(
    folders: Folders, configurationFolder: String, ownerUser: UInt32, loop: EventLoop, log: Log, notes: [String] = [],
    furtherCheck: @escaping (HouseholdModel) throws -> Void = { _ in }
  ) throws {
    self.furtherCheck = furtherCheck
    self.folders = folders
    self.loop = loop
    self.log = log
    self.ownerUser = ownerUser
    logKeeper = LogKeeper(folders: folders, loop: loop, log: log)
    candidate = CandidateFiles(folder: configurationFolder)
    let state = folders.state(of: "control")
    secrets = try SecretStore(folder: state + "/secrets")
    configuration = try FactWriter(FactKinds.configuration, in: folders, loop: loop)
    pauses = try FactWriter(FactKinds.pauses, in: folders, loop: loop)
    status = try FactWriter(FactKinds.daemon("control"), in: folders, loop: loop)
    facts = FactsInUse(folders: folders, loop: loop)
    own = DaemonFact(processIdentifier: ProcessIdentity.current, started: Clock.wall, notes: notes)
    let (change, reverted) = try ChangeControl.resume(
      FileHistory(folder: state + "/history"), boot: Clock.bootIdentifier, now: Clock.now, wall: Clock.wall)
    self.change = change
    if let reverted { log.warning(reverted.reason, ["commit": String(reverted.number)]) }
    if let note = pauses.recoveryNote { log.warning(note) }
    importFirstCommit()
    publishHead()
    for reader in facts.daemons.values { reader.onChange = { [unowned self] _ in checkApplied() } }
    schedulePauseEnd()
    try File.makeFolder(File.folderName(of: folders.controlSocket), mode: 0o750)
    server = HTTPServer(
      try StreamListener(path: folders.controlSocket, kind: .bytes, mode: 0o660, loop: loop), loop: loop
    ) { [unowned self] in answer($0) }
  }

  private func importFirstCommit() {
    guard change.history.newest == 0 else { return }
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
  private func checked(_ files: [String: String]) throws -> HouseholdModel {
    let model = try ConfigurationText(files: files).parse()
    try furtherCheck(model)
    return model
  }

  /// Validates files, makes them a commit and puts it in force.
  func commit(_ files: [String: String], author: String, reason: String, window: Int?, undoes: Int? = nil) throws
    -> ChangeReport
  {
    let wanted = try checked(files)
    let before = model
    let checks = facts.checks.values
    let commit = try change.commit(
      files, author: author, reason: reason, window: window, now: Clock.now, wall: Clock.wall, undoes: undoes)
    checksBefore = checks
    log.notice(
      "commit \(commit.number) by \(author)\(window.map { ", provisional for \($0) s" } ?? "")", ["reason": reason])
    publishHead()
    let left = change.window(now: Clock.now)?.secondsLeft
    return ChangeReport(
      commit: commit.number, changes: before.map { ConfigurationDiff(from: $0, to: wanted).changes.map(\.words) } ?? [],
      confirmWithin: left)
  }

  func confirm(connectionOpened: Instant, by author: String) throws -> Int {
    let number = try change.confirm(connectionOpened: connectionOpened)
    windowTimer?.cancel()
    log.notice("commit \(number) confirmed by \(author)")
    return number
  }

  /// Announces the commit in force to the other daemons, and arms the window's end.
  private func publishHead() {
    guard let head = try? change.head() else { return publishStatus() }
    do {
      let parsed = try ConfigurationText(files: head.files).parse()
      model = parsed
      headProblem = nil
      own.appliedCommit = head.number
      try configuration.set(
        "head", ConfigurationFact(commit: head.number, files: head.files, folder: candidate.folder))
      logKeeper.apply(parsed.log, host: "\(parsed.routerName).\(parsed.domain)")
      serveMetrics(parsed.metrics)
    } catch {
      let problem = "commit \(head.number) could not be put in force: \(error)"
      headProblem = problem
      log.error(problem)
    }
    own.triedCommit = head.number
    publishStatus()
    windowTimer?.cancel()
    if let deadline = change.deadline {
      windowTimer = loop.schedule(at: deadline) { [unowned self] in endWindow() }
    }
  }

  private func endWindow() {
    do {
      guard let reverted = try change.expire(now: Clock.now, wall: Clock.wall) else { return }
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
        guard let reverted = try change.revert(why: why, now: Clock.now, wall: Clock.wall) else { return }
        log.warning(reverted.reason, ["commit": String(reverted.number)])
        publishHead()
      } catch {
        log.error("the revert could not be written; the window's end will try again: \(error)")
      }
      return
    }
  }

  private func publishStatus() {
    own.problems = [headProblem, metricsProblem].compactMap(\.self)
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
