import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import StoreSync
import VersionedStore

/// `lares store forget`.
struct ForgetCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Take paths or people out of the whole history, for good.",
    discussion: """
      Every commit that has one of the paths, and every one after it, is made anew without it, under another name and \
      without its signature. Then the contents are removed from all files of the repository. Whoever sends them again \
      from a clone is refused, and an old backup is restored without them.

      With --person a name and address are replaced in authors, committers, tags, reflogs, and addresses in messages. \
      What is in files stays, as do names in messages.

      What other places have cannot be forgotten from here: clones, backups, snapshots of the file system. Those that \
      are known are listed; each has to be made anew or deleted by its owner. The disk's freed blocks are not \
      overwritten; a disk that is encrypted and thrown away keeps no secrets.
      """)
  @OptionGroup var store: StoreOptions
  @Option(
    name: .customLong("pattern"),
    help: ArgumentHelp("Paths with wildcards in their names: people/*/phone.", valueName: "pattern"))
  var patterns: [String] = []
  @Option(
    name: .customLong("person"), help: ArgumentHelp("Whose name and address to replace.", valueName: "name <mail>"))
  var people: [String] = []
  @Flag(name: [.customShort("n"), .long], help: "Only show what would go.")
  var dryRun = false
  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false
  @Flag(help: "Print what was done as JSON.")
  var json = false
  @Argument(help: "Files and directories.")
  var paths: [PathArgument] = []

  func validate() throws {
    guard !paths.isEmpty || !patterns.isEmpty || !people.isEmpty else {
      throw ValidationError("Name a path, a --pattern or a --person to forget.")
    }
    for person in people where Signature(line: person.utf8) == nil {
      throw ValidationError("--person \(person) is not of the form: Name <mail>")
    }
  }

  private func request() throws(StoreError) -> ForgetRequest {
    var request = ForgetRequest()
    for path in paths { request.paths.append(try ForgottenPath(path.path)) }
    for pattern in patterns { request.paths.append(try ForgottenPath(pattern: pattern)) }
    request.people = people.compactMap { Signature(line: $0.utf8) }.map {
      ForgottenPerson(name: $0.name.isEmpty ? nil : $0.name, email: $0.email.isEmpty ? nil : $0.email)
    }
    return request
  }

  func perform(_ output: Output) throws {
    let backend = try store.openBackend()
    let request = try request()
    let expected = try backend.wouldForget(request)
    guard expected.commits + expected.tags + expected.forgottenObjects > 0 else {
      throw CommandFailure(.absent, "nothing in the history is of that name")
    }
    if dryRun { return try report(expected, isDone: false, to: output) }
    if !yes {
      try report(expected, isDone: false, to: output)
      try output.flush()
      try Confirmation.ask("This cannot be undone.")
    }
    try report(try backend.forget(request, who: Person().authorNow), isDone: true, to: output)
  }

  // MARK: - Words

  private struct JSONResult: Encodable {
    struct Survivor: Encodable {
      var forgotten: JSONPath
      var kept: JSONPath
    }
    struct Copy: Encodable {
      var kind: String
      var who: String
    }
    var isDone: Bool
    var paths: [JSONPath]
    var commits: Int
    var tags: Int
    var references: [String]
    var objects: Int
    var survivors: [Survivor]
    var unsigned: [String]
    var copies: [Copy]
    var leftovers: [String]

    init(_ result: ForgetResult, isDone: Bool) {
      self.isDone = isDone
      paths = result.paths.map { JSONPath($0) }
      (commits, tags, objects) = (result.commits, result.tags, result.forgottenObjects)
      references = result.references.map(\.text)
      survivors = result.survivors.map { Survivor(forgotten: JSONPath($0.forgotten), kept: JSONPath($0.kept)) }
      unsigned = result.unsigned.map(\.hex)
      copies = result.copies.map { Copy(kind: $0.kind.rawValue, who: $0.who) }
      leftovers = result.leftovers
    }
  }

  private static let mostPaths = 20

  private func report(_ result: ForgetResult, isDone: Bool, to output: Output) throws {
    guard !json else { return try output.json(JSONResult(result, isDone: isDone)) }
    for path in result.paths.prefix(Self.mostPaths) {
      try output.line("\(isDone ? "Forgot" : "Would forget") \(path.words)")
    }
    if result.paths.count > Self.mostPaths { try output.line("and \(result.paths.count - Self.mostPaths) more paths") }
    try output.line(
      "\(isDone ? "Made" : "Would make") \(result.commits) commits and \(result.tags) tags anew, and "
        + "\(isDone ? "moved" : "move") \(result.references.count) references; \(result.forgottenObjects) objects "
        + "\(isDone ? "are gone" : "would go").")
    if !result.unsigned.isEmpty {
      try output.line("\(result.unsigned.count) of them \(isDone ? "lost" : "would lose") their signatures.")
    }
    for survivor in result.survivors {
      try output.line(
        "The contents of \(survivor.forgotten.words) stay: \(survivor.kept.words) has the same.")
    }
    for copy in result.copies { try output.line(Self.words(of: copy)) }
    try output.line("Copies elsewhere, also such as nobody knows of, cannot be forgotten from here.")
    for path in result.leftovers { printWarning("Note: \(path) was left by another program and may have a part of it") }
  }

  private static func words(of copy: ForgetResult.KnownCopy) -> String {
    let who = Words.line(copy.who)
    return switch copy.kind {
    case .remote: "A copy is known: remote \(who)"
    case .pushed: "A copy is known: \(who) pushed from one"
    case .fetched: "A copy is known: \(who) fetched one"
    }
  }
}

extension StoreOptions {
  /// The repository on disk, for what only such one can.
  func openBackend() throws -> GitBackend {
    guard let backend = try open().backend as? GitBackend else {
      throw CommandFailure(.failed, "\(folder) is no repository on disk")
    }
    return backend
  }
}
