import ArgumentParser
import Configuration
import Control
import HostSystem
import Household
import NameService
import Wire

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a configuration file without a running router.",
    discussion: "Names every mistake with file, line and column. Exit status 0: it can be committed.")
  @Argument(help: "The file, usually lares.toml; files that it includes are read beside it.", completion: .file())
  var file: String
  @Flag(help: "Print the findings as JSON.") var json = false

  func run() throws {
    let report = try readConfiguration(file).check()
    if let model = report.model { try checkWithDaemons(model) }
    if json {
      print(try JSON.encodeForReading(report.diagnostics))
    } else {
      for diagnostic in report.diagnostics { printError(diagnostic.description) }
      if report.model != nil { print("\(file): good") }
    }
    if report.model == nil { throw ExitCode.failure }
  }
}

struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the configuration, or one key of it.",
    discussion: "Secrets stand in it by name only; their values are never printed.")
  @Argument(help: "A key such as network.home.address.", completion: .custom(completeKey))
  var key: String?
  @Flag(help: "What is edited and not committed yet, instead of what is in force.") var candidate = false
  @OptionGroup var connection: Connection

  func run() throws {
    let target = candidate ? "/v1/configuration/candidate" : "/v1/configuration"
    let files = try connection.client.get(target, as: [String: String].self)
    guard let key else {
      return try connection.output(files) { files in
        guard files.count > 1 else { return files[ConfigurationText.mainFile] ?? "" }
        let included = files.keys.filter { $0 != ConfigurationText.mainFile }.sorted()
        return ([ConfigurationText.mainFile] + included).map { "# \($0)\n\(files[$0] ?? "")" }.joined(separator: "\n")
      }
    }
    try connection.output(ConfigurationText(files: files).show(key, defaults: true)) { values in
      values.map { $0.path == key ? $0.value : "\($0.path) = \($0.value)" }.joined(separator: "\n")
    }
  }
}

struct SetKey: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Change one key in lares.toml; lares commit puts it in force.",
    discussion: """
      Only the bytes concerned change; comments and order stay. Examples:
        lares set network.guest.isolated true
        lares set device.nas.address 192.168.77.10
      """)
  @Argument(help: "The key.", completion: .custom(completeKey)) var key: String
  @Argument(help: "The value, as TOML or as a bare word.") var value: String
  @OptionGroup var connection: Connection

  func run() throws { try edit(connection, key: key, value: value) }
}

struct Delete: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Remove one key or table from lares.toml.")
  @Argument(help: "The key.", completion: .custom(completeKey)) var key: String
  @OptionGroup var connection: Connection

  func run() throws { try edit(connection, key: key, value: nil) }
}

private func edit(_ connection: Connection, key: String, value: String?) throws {
  struct Edit: Encodable {
    var path: String
    var value: String?
  }
  let report: EditReport = try connection.client.send(
    "PATCH", "/v1/configuration/candidate", Edit(path: key, value: value))
  try connection.output(report) { report in
    let first = report.changed ? "Changed in lares.toml; not in force yet: lares commit" : "lares.toml says so already."
    return ([first] + report.diagnostics).joined(separator: "\n")
  }
}

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell in words what differs between what runs and lares.toml, or between two commits.")
  @Argument(
    help: """
      The older commit: its number, its name's beginning, a branch or a tag, or candidate for lares.toml; default: \
      the one in force.
      """) var from: String?
  @Argument(help: "The newer commit; default: candidate.") var to: String?
  @OptionGroup var connection: Connection

  func run() throws {
    let query = [from.map { "from=\(percentEncoded($0))" }, to.map { "to=\(percentEncoded($0))" }].compactMap(\.self)
      .joined(separator: "&")
    let changes = try connection.client.get("/v1/configuration/diff?\(query)", as: [ConfigurationDiff.Change].self)
    try connection.output(changes) { $0.isEmpty ? "No difference." : $0.map(\.words).joined(separator: "\n") }
  }
}

/// How long a change may stay unconfirmed.
struct Window: ParsableArguments {
  @Option(
    help: ArgumentHelp("Revert after so many seconds unless confirmed, 10 to 3600 (default 120).", valueName: "seconds")
  )
  var confirm: Int?
  @Flag(help: "Keep the change at once, without a window to confirm it in.") var now = false

  func validate() throws {
    if now, confirm != nil { throw ValidationError("--now and --confirm exclude each other.") }
    if let confirm, !(10...3_600).contains(confirm) {
      throw ValidationError("--confirm takes 10 to 3600 seconds; --now asks for no window.")
    }
  }

  var seconds: Int? { now ? 0 : confirm }
}

struct Commit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put lares.toml in force, provisionally: it reverts by itself unless confirmed.")
  @Option(name: .shortAndLong, help: "Why, for the history.") var message: String = ""
  @Option(name: .shortAndLong, help: "Commit this file instead of lares.toml.", completion: .file()) var file: String?
  @OptionGroup var window: Window
  @OptionGroup var connection: Connection

  func run() throws {
    struct Request: Encodable {
      var reason: String
      var window: Int?
      var files: [String: String]?
    }
    let request = Request(reason: message, window: window.seconds, files: try file.map(committableFiles))
    try report(connection, connection.client.send("POST", "/v1/configuration/commit", request))
  }
}

struct Rollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put an earlier commit's configuration back in force, as a new commit.",
    discussion: "Needs no restart, and reverts by itself unless confirmed, like any commit.")
  @Argument(
    help: """
      The commit to go back to: its number or its name's beginning (lares history); default: the one before the one \
      in force. While that is provisional, it ends at once.
      """) var commit: String?
  @Option(name: .shortAndLong, help: "Why, for the history.") var message: String?
  @Flag(help: "Lose changes in lares.toml that were never committed.") var discard = false
  @OptionGroup var window: Window
  @OptionGroup var connection: Connection

  func run() throws {
    struct Request: Encodable {
      var commit: String?
      var reason: String?
      var window: Int?
      var discard: Bool
    }
    let request = Request(commit: commit, reason: message, window: window.seconds, discard: discard)
    try report(connection, connection.client.send("POST", "/v1/configuration/rollback", request))
  }
}

/// Waits until the daemons have applied a change, and tells what came of it.
func report(_ connection: Connection, _ change: ChangeReport, from client: ControlClient? = nil) throws {
  let status = try waitUntilApplied(client ?? connection.client, change)
  try connection.output(change) { change in
    var lines = change.changes + ["Commit \(change.commit) is in force."]
    lines += status.problems.map { "! \($0)" }
    if let seconds = change.confirmWithin { lines.append("It reverts in \(seconds) s unless you run: lares confirm") }
    return lines.joined(separator: "\n")
  }
}

/// Waits until every daemon that runs has applied a change, at most ten seconds.
///
/// - Throws: where it did not last.
func waitUntilApplied(_ client: ControlClient, _ change: ChangeReport) throws -> StatusReport {
  var status = try client.get("/v1/status", as: StatusReport.self)
  let deadline = Clock.now.advanced(milliseconds: 10_000)
  while status.commit?.number == change.commit, Clock.now < deadline,
    status.daemons.contains(where: { $0.isRunning && $0.appliedCommit < change.commit })
  {
    sleep(milliseconds: 50)
    status = try client.get("/v1/status", as: StatusReport.self)
  }
  if let newer = status.commit, newer.number != change.commit {
    throw ControlError.failed("commit \(change.commit) did not last. \(newer.reason)")
  }
  return status
}

struct Confirm: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep the provisional commit: you could reach the router after the change.")
  @OptionGroup var connection: Connection

  func run() throws {
    let change: ChangeReport = try connection.client.send(
      "POST", "/v1/configuration/confirm", [String: String]())
    try connection.output(change) { "Commit \($0.commit) stays." }
  }
}

struct History: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the commits of the configuration: who, when and why.")
  @Argument(help: "Print the files of this commit instead: its number or its name's beginning.") var commit: String?
  @OptionGroup var connection: Connection

  func run() throws {
    if let commit {
      let found = try connection.client.get(
        "/v1/configuration/history/\(percentEncoded(commit))", as: Control.Commit.self)
      return try connection.output(found) { $0.files.sorted { $0.key < $1.key }.map(\.value).joined(separator: "\n") }
    }
    let commits = try connection.client.get("/v1/configuration/history", as: [CommitSummary].self)
    try connection.output(commits) { commits in
      var table = Table(["COMMIT", "NAME", "WHEN", "WHO", "WHY"])
      for commit in commits {
        table.add([
          String(commit.number), commit.id.map { String($0.prefix(12)) } ?? "-",
          Words.ago(commit.time, now: Clock.wall), commit.author,
          commit.reason.isEmpty ? "-" : String(commit.reason.prefix { !$0.isNewline }),
        ])
      }
      return table.text(empty: "Nothing has been committed yet.")
    }
  }
}

/// A configuration whose main file may have any name; the files that it includes are beside it.
private func readConfiguration(_ path: String) throws -> ConfigurationText {
  let name = path.split(separator: "/").last.map(String.init) ?? path
  let text = try ConfigurationText.text(of: File.read(path), file: name)
  var files = [name: text]
  for included in ConfigurationText.includedFiles(of: text) {
    let bytes = try File.readIfPresent(File.folderName(of: path) + "/" + included)
    files[included] = try bytes.map { try ConfigurationText.text(of: $0, file: included) }
  }
  return ConfigurationText(files: files, main: name)
}

/// The files of a configuration as the history names them, with the main file as lares.toml.
private func committableFiles(_ path: String) throws -> [String: String] {
  let text = try readConfiguration(path)
  var files = text.files
  files[text.main] = nil
  files[ConfigurationText.mainFile] = text.files[text.main]
  return files
}

/// What a daemon would refuse in a household that the configuration's own rules accept.
func checkWithDaemons(_ model: HouseholdModel) throws { _ = try HouseholdZone(model) }

/// The keys that a half-typed word may become: of the schema, and the names that the configuration in force has.
private func completeKey(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
  let client = ControlClient(folders: Connection.defaultFolders)
  let files = (try? client.get("/v1/configuration", as: [String: String].self)) ?? [ConfigurationText.mainFile: ""]
  let completions = ConfigurationText(files: files).completions(ofPath: prefix)
  return completions.map { $0.isTable ? $0.text + "." : $0.text }
}
