import Configuration
import Control
import Glibc
import HostSystem
import Household

/// What every daemon that applies commits has in common: rights given up, signals, the configuration it follows, and
/// the fact that tells how it is.
final class DaemonRuntime {
  let name: DaemonName
  let folders: Folders
  let loop: EventLoop
  let log: Log
  /// What is wrong now, asked for every second.
  var problems: () -> [String] = { [] }
  /// Called before the process ends in good order.
  var willStop: () -> Void = {}

  private let status: FactWriter<DaemonFact>
  private var configuration: FactReader<ConfigurationFact>?
  private var own: DaemonFact
  private var applyProblem: String?
  private var retry: EventLoop.Timer?
  private var retryDelay = RetryDelay()

  init(_ name: DaemonName, folders: Folders, loop: EventLoop, log: Log, notes: [String]) throws {
    self.name = name
    self.folders = folders
    self.loop = loop
    self.log = log
    status = try FactWriter(FactKinds.daemon(name.rawValue), in: folders, loop: loop)
    own = DaemonFact(processIdentifier: ProcessIdentity.current, started: Clock.wall, notes: notes)
  }

  /// Calls `apply` with each commit that comes into force, from the one in force now. An error it throws leaves the
  /// commit unapplied, which control learns from this daemon's fact: it reverts a provisional commit at once. One that
  /// stays in force is tried again, ever later.
  func follow(_ apply: @escaping (HouseholdModel, ConfigurationFact) throws -> Void) {
    let reader = FactReader(FactKinds.configuration, in: folders, loop: loop)
    configuration = reader
    let take = { [unowned self, unowned reader] in
      guard let head = reader.values["head"], head.commit != own.triedCommit else { return }
      retryDelay = RetryDelay()
      attempt(head, apply)
    }
    reader.onChange = { _ in take() }
    take()
    publish()
    refreshEverySecond()
  }

  private func attempt(
    _ head: ConfigurationFact, _ apply: @escaping (HouseholdModel, ConfigurationFact) throws -> Void
  ) {
    retry?.cancel()
    own.triedCommit = head.commit
    do {
      try apply(ConfigurationText(files: head.files).parse(), head)
      own.appliedCommit = head.commit
      applyProblem = nil
      log.info("applied commit \(head.commit)")
    } catch {
      let problem = "commit \(head.commit) could not be applied: \(error)"
      if applyProblem != problem { log.error(problem) }
      applyProblem = problem
      retry = loop.schedule(afterMilliseconds: retryDelay.afterFailure()) { [unowned self] in attempt(head, apply) }
    }
    publish()
  }

  private func refreshEverySecond() {
    loop.schedule(afterMilliseconds: 1_000) { [unowned self] in
      publish()
      log.flush()
      refreshEverySecond()
    }
  }

  private func publish() {
    own.problems = [applyProblem].compactMap(\.self) + problems()
    do {
      try status.set("self", own)
    } catch {
      log.error("\(error)")
    }
  }

  /// Serves until a signal asks for the end.
  func run() throws {
    try loop.handleSignals([SIGTERM, SIGINT]) { [unowned self] _ in loop.stop() }
    try loop.run()
    willStop()
  }
}

/// How long to wait before what has failed is tried again: a second, and twice as long with each failure in a row, up to a minute.
struct RetryDelay {
  private var milliseconds: Int64 = 1_000

  mutating func afterFailure() -> Int64 {
    defer { milliseconds = min(milliseconds * 2, 60_000) }
    return milliseconds
  }
}
