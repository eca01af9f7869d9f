import HostSystem
import Household

extension ControlDaemon {
  /// Puts a configuration in force that `lares restore` has brought into the store, with its secrets.
  func restore(_ wanted: RestoreRequest, by author: String) throws -> ChangeReport {
    let window = window(wanted.window)
    try change.requireNoWindow(now: Clock.now)
    try ChangeControl<StoreHistory>.check(window)
    let files = try usingStore { try change.history.files(at: wanted.commit) }
    if wanted.discard != true, let edited = try? candidate.read(), edited != files,
      let head = try change.head(), edited != head.files
    {
      throw ControlError.candidateDiffers
    }
    let model = try checkedPush(files)
    let reason = wanted.reason ?? "Restore a backup"
    let report = try putInForce(model, by: author, window: window, reason: reason) {
      try KnownHosts.add(wanted.hostKeys, to: stateFolder)
      return try change.restore(
        wanted.commit, secrets: wanted.secrets, author: author, reason: reason, window: window, now: Clock.now)
    }
    try change.finishRestore(candidate)
    for name in wanted.secrets.keys { historyPusher.secretHasChanged(name) }
    return report
  }

  /// Does what is left of a restore that was cut off.
  func completeRestore() {
    do { try change.finishRestore(candidate) } catch { log.error("lares.toml could not be restored: \(error)") }
  }
}

/// The keys of SSH servers as they were at the first contact, in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
enum KnownHosts {
  static let file = "known_hosts"
  private static let mostBytes = 1 << 20

  static func read(_ stateFolder: String) throws -> String? {
    try File.readIfPresent("\(stateFolder)/\(file)").map { String(decoding: $0, as: UTF8.self) }
  }

  /// Adds those of servers that are not known yet. A server that is known keeps its key.
  static func add(_ text: String?, to stateFolder: String) throws {
    guard let text, text.utf8.count <= mostBytes else { return }
    var lines = try read(stateFolder)?.split(separator: "\n") ?? []
    let known = Set(lines.map(host))
    let new = text.split(separator: "\n").filter { !known.contains(host($0)) }
    guard !new.isEmpty else { return }
    lines += new
    try File.replace(
      "\(stateFolder)/\(file)", with: lines.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }, mode: 0o600,
      durable: true)
  }

  private static func host(_ line: Substring) -> Substring { line.prefix { $0 != " " && $0 != "\t" } }
}
