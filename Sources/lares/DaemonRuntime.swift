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
  private var applyProblems: [String] = []

  init(_ name: DaemonName, folders: Folders, loop: EventLoop, log: Log, notes: [String]) throws {
    self.name = name
    self.folders = folders
    self.loop = loop
    self.log = log
    status = try FactWriter(FactKinds.daemon(name.rawValue), in: folders, loop: loop)
    own = DaemonFact(processIdentifier: ProcessIdentity.current, started: Clock.wall, notes: notes)
  }

  /// Calls `apply` with each commit that comes into force, from the one in force now. An error it throws leaves the
  /// commit unapplied, which control learns from this daemon's fact.
  func follow(_ apply: @escaping (HouseholdModel, ConfigurationFact) throws -> Void) {
    let reader = FactReader(FactKinds.configuration, in: folders, loop: loop)
    configuration = reader
    let take = { [unowned self, unowned reader] in
      guard let head = reader.values["head"], head.commit != own.triedCommit else { return }
      own.triedCommit = head.commit
      do {
        try apply(ConfigurationText(files: head.files).parse(), head)
        own.appliedCommit = head.commit
        applyProblems = []
        log.info("applied commit \(head.commit)")
      } catch {
        applyProblems = ["commit \(head.commit) could not be applied: \(error)"]
        log.error(applyProblems[0])
      }
      publish()
    }
    reader.onChange = { _ in take() }
    take()
    publish()
    refreshEverySecond()
  }

  private func refreshEverySecond() {
    loop.schedule(afterMilliseconds: 1_000) { [unowned self] in
      publish()
      log.flush()
      refreshEverySecond()
    }
  }

  private func publish() {
    own.problems = applyProblems + problems()
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
