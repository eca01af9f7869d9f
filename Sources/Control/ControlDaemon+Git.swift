import Configuration
import HostSystem
import Household
import Wire

/// Git clients: each is served by a process of its own, which alone looks at the bytes they send.
extension ControlDaemon {
  /// So many at once.
  private static var sessionLimit: Int { 16 }

  /// Answers 101, and gives the connection to a new session.
  func openSession(_ service: String, _ request: APIRequest, _ caller: Caller) throws -> APIResponse {
    guard service == "upload-pack" || service == "receive-pack" else {
      throw ControlError.notFound("service \(service) (upload-pack, receive-pack)")
    }
    guard request.head.value(of: "upgrade")?.lowercased() == "git" else {
      throw ControlError.badRequest("the connection goes on as Git's: the call needs Connection: Upgrade, Upgrade: git")
    }
    guard sessions < Self.sessionLimit else {
      throw ControlError.historyClosed("\(sessions) Git clients are being served; try again later")
    }
    let folder = try usingStore { try change.history.published() }
    let parameters = request.head.value(of: "git-protocol") ?? ""
    let arguments = [
      sessionProgram, "store-session", service, "--store", folder, "--person", caller.name, "--parent",
      String(ProcessIdentity.current), "--parameters", String(parameters.prefix(256)),
    ]
    return APIResponse(
      status: 101,
      upgrade: (
        "git",
        { [unowned self] client in
          do {
            try startSession(arguments, client: client.number, user: caller.user)
          } catch {
            log.error("no process for a Git client: \(error)")
          }
        }
      ))
  }

  /// The session asks the API on a connection of its own, in the name of the person at the other end of the client's.
  private func startSession(_ arguments: [String], client: Int32, user: UInt32?) throws {
    let connection = try SocketPair()
    let process = try ChildProcess(arguments, descriptors: [client, connection.theirs.number, nil])
    sessions += 1
    // Without it the session fails by itself.
    let stream = try StreamSocket(connection.keepingOurs(), loop: loop)
    server?.serve(stream, for: user) { [unowned self] in reap(process) }
  }

  /// A session that has closed its connection has ended, or is about to.
  private func reap(_ process: ChildProcess) {
    do {
      guard let ending = try process.poll() else {
        loop.schedule(afterMilliseconds: 50) { [weak self] in self?.reap(process) }
        return
      }
      if case .signalled(let signal) = ending { log.warning("a Git session died of signal \(signal)") }
    } catch {
      log.warning("\(error)")
    }
    sessions -= 1
  }

  /// Decides about a push to main: first about its files alone, then, when the store has the commits, puts them in force.
  func push(_ wanted: PushRequest, by author: String) throws -> ChangeReport {
    try change.requireNoWindow(now: Clock.now)
    let edited = try? candidate.read()
    if let edited, let head = try change.head(), edited != head.files { throw ControlError.candidateInTheWay }
    try ChangeControl<StoreHistory>.check(window(wanted.window))
    if let files = wanted.files {
      _ = try checkedPush(files)
      return ChangeReport(commit: change.history.newest, changes: [], confirmWithin: nil)
    }
    let commits = try usingStore { try change.history.commits(upTo: wanted.commit) }
    guard let last = commits.last else { throw ControlError.nothingToCommit }
    let model = try checkedPush(last.files)
    let window = window(wanted.window)
    let report = try putInForce(model, by: author, window: window, reason: last.reason) {
      try change.adopt(commits, owner: author, window: window, now: Clock.now)
      return last
    }
    try candidate.write(last.files, before: edited ?? [:])
    return report
  }

  func checkedPush(_ files: [String: String]) throws -> HouseholdModel {
    guard files[ConfigurationText.mainFile] != nil else {
      throw ControlError.invalidConfiguration(["\(ConfigurationText.mainFile):1:1: the file is missing"])
    }
    return try checked(files)
  }
}
