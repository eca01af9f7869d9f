import GitFormat
import HostSystem
import VersionedStore
import Wire

/// Answers requests for values: reads and changes of one repository in somebody's name.
struct ValueService {
  let served: ServedRepositories.Served
  let target: ValueTarget
  let request: WebRequest
  private let repository: Repository

  private static let longestLog = 1_000
  private static let longestList = 100_000

  init(_ served: ServedRepositories.Served, _ target: ValueTarget, _ request: WebRequest) {
    self.served = served
    self.target = target
    self.request = request
    let policy = served.policy
    repository = Repository(served.backend, as: served.access, mail: policy.person.email, now: policy.now)
  }

  /// What is sent.
  enum Answer {
    case short(WebAnswer)
    /// A file's bytes.
    case value(ValueReader, [HTTPField])
    /// The client has it already.
    case notModified([HTTPField])
    case events(ValueEvents)
  }

  func answer(_ body: WebRequestBody) throws(ValueRefusal) -> Answer {
    do throws(StoreError) {
      switch (target.resource, target.method) {
      case (.branches, _): return .short(try branches())
      case (.log, _): return .short(try log())
      case (.watch, _): return .events(try events())
      case (.files, "GET"): return try file()
      case (.files, "PUT"): return .short(try put(body))
      default: return .short(try delete())
      }
    } catch {
      throw refusal(for: error)
    }
  }

  /// What a client is told; what is wrong with the repository is for who runs the server.
  private func refusal(for error: StoreError) -> ValueRefusal {
    switch error {
    case .denied: ValueRefusal(403, "\(error)")
    case .notFound, .noBranch, .missing: ValueRefusal(404, "\(error)")
    case .testFailed: ValueRefusal(412, "\(error)")
    case .badName, .invalid, .malformed: ValueRefusal(400, "\(error)")
    case .tooLarge: ValueRefusal(413, "\(error)")
    case .locked, .tooManyRetries, .refChanged, .conflict:
      ValueRefusal(503, "others change this now; try again", [HTTPField("Retry-After", "1")])
    default: ValueRefusal(500, "this repository cannot be used now", cause: error)
    }
  }

  // MARK: - Branches and trees

  private func branch() throws(StoreError) -> Branch {
    if let name = target.parameters["branch"] { return try repository.branch(name) }
    guard let name = try repository.backend.headTarget.branchName else {
      throw .invalid("HEAD names no branch; say branch=NAME")
    }
    return try repository.branch(name)
  }

  /// A branch that has a commit.
  private func existingBranch() throws(StoreError) -> (Branch, Commit) {
    let branch = try branch()
    guard let head = try branch.head() else { throw .noBranch(branch.name) }
    return (branch, head)
  }

  private func commit() throws(StoreError) -> Commit {
    guard let text = target.parameters["commit"] else { return try existingBranch().1 }
    guard target.parameters["branch"] == nil else { throw .invalid("branch and commit exclude each other") }
    guard let id = ObjectID(repository.format, hex: text) else {
      throw .invalid("\(text) is no whole name of a commit")
    }
    return try repository.commit(id)
  }

  private struct JSONBranch: Encodable {
    var name: String
    var commit: String
  }

  private func branches() throws(StoreError) -> WebAnswer {
    var list: [JSONBranch] = []
    for branch in try repository.branches() {
      if let head = try branch.head() { list.append(JSONBranch(name: branch.name, commit: head.id.hex)) }
    }
    return try WebAnswer(200, json: list)
  }

  private func log() throws(StoreError) -> WebAnswer {
    var options = LogOptions(limit: 100, path: target.path.isRoot ? nil : target.path)
    if let text = target.parameters["count"] {
      guard let count = Int(text), (1...Self.longestLog).contains(count) else {
        throw .invalid("count is a number from 1 to \(Self.longestLog)")
      }
      options.limit = count
    }
    var commits: [JSONCommit] = []
    let history = repository.history(shallow: try repository.backend.shallowCommits)
    try history.forEachCommit(from: [try existingBranch().1.id], options) { (commit) throws(StoreError) in
      commits.append(JSONCommit(commit))
      return true
    }
    return try WebAnswer(200, json: commits)
  }

  private func events() throws(StoreError) -> ValueEvents {
    let branch = try branch()
    // A branch that is yet to come can be waited for by those who will see it.
    guard served.access.may(.read, branch.reference) else { throw .noBranch(branch.name) }
    var since: ValueEvents.Start = .now
    if let text = request.head.value(of: "last-event-id") {
      guard let id = ObjectID(repository.format, hex: text) else {
        throw .invalid("Last-Event-ID is no name of a commit")
      }
      since = .commit(id)
    } else if let text = target.parameters["initial"] {
      guard text == "true" || text == "false" else { throw .invalid("initial is true or false") }
      if text == "true" { since = .nothing }
    }
    return try ValueEvents(of: branch, in: repository, below: target.path, since: since)
  }

  // MARK: - Files

  private func file() throws(StoreError) -> Answer {
    let commit = try commit()
    let tree = commit.tree
    guard let (mode, id) = try tree.entry(target.path) else { throw .notFound(target.path) }
    // `no-cache`: to be kept, and asked for again each time. What a browser shows is never run.
    var fields = [
      HTTPField("ETag", "\"\(id)\""), HTTPField("Lares-Commit", commit.id.hex), HTTPField("Lares-Mode", mode.word),
      HTTPField("Cache-Control", "private, no-cache"), HTTPField("X-Content-Type-Options", "nosniff"),
      HTTPField("Content-Security-Policy", "sandbox; default-src 'none'"),
    ]
    if !mode.isTree, try !tree.conflicts(at: target.path).isEmpty {
      fields.append(HTTPField("Lares-Conflict", "both sides of a merge changed this; it is ours"))
    }
    if let tags = request.head.value(of: "if-none-match"), Self.names(tags, id) {
      return .notModified(fields)
    }
    guard mode.isTree else {
      guard let value = try tree.value(target.path) else { throw .invalid("\(target.path) is a submodule") }
      return .value(value, fields + [HTTPField("Content-Type", "application/octet-stream")])
    }
    let items = try tree.list(target.path)
    guard items.count <= Self.longestList else {
      throw .tooLarge("a directory of \(items.count) entries; \(Self.longestList) are told at most")
    }
    let list = items.map { JSONEntry(target.path / $0.name, $0.mode, $0.id) }
    return .short(try WebAnswer(200, json: list, fields))
  }

  /// Whether a list of entity tags has one (RFC 9110 section 8.8.3). Ours are all strong; a weak one is compared as one.
  private static func names(_ tags: String, _ id: ObjectID) -> Bool {
    tags.split(separator: ",").contains { tag in
      let tag = tag.filter { $0 != " " && $0 != "\t" }
      return tag == "*" || tag == "\"\(id)\"" || tag == "W/\"\(id)\""
    }
  }

  private struct JSONChange: Encodable {
    var commit: String
    var changed: Bool
  }

  private func put(_ body: WebRequestBody) throws(StoreError) -> WebAnswer {
    var mode: FileMode?
    if let text = target.parameters["mode"] {
      guard let known = FileMode.allCases.first(where: { $0.kind == .blob && $0.word == text }) else {
        throw .invalid("mode is file, executable or link")
      }
      mode = known
    }
    let branch = try branch()
    try checkMayWrite(on: branch)
    var source = BodySource(body, limit: served.policy.limits.packBytes)
    let value = try repository.stage(&source)
    return try change(branch, "Set") { (tree, found) throws(StoreError) in
      var way = target.path.parent
      while !way.isRoot {
        if let kind = try tree.kind(way), !kind.isTree { throw .invalid("\(way) is a \(kind.word), not a directory") }
        way = way.parent
      }
      try tree.set(target.path, value, mode: mode ?? found ?? .file)
    }
  }

  private func delete() throws(StoreError) -> WebAnswer {
    let branch = try branch()
    try checkMayWrite(on: branch)
    return try change(branch, "Remove") { (tree, found) throws(StoreError) in
      guard found != nil else { throw .notFound(target.path) }
      try tree.remove(target.path)
    }
  }

  /// Before a body is taken; what is changed is looked at once more when it is stored.
  private func checkMayWrite(on branch: Branch) throws(StoreError) {
    let path = target.path
    try path.checkAllowed()
    guard served.access.writable(branch.reference).contains(path) else {
      throw .denied("\(served.access.principal) may not write \(path) in \(branch.reference)")
    }
  }

  /// Makes a commit, if the file is what the request says it is.
  private func change(
    _ branch: Branch, _ verb: String, _ body: (inout Tree, _ found: FileMode?) throws(StoreError) -> Void
  ) throws(StoreError) -> WebAnswer {
    let path = target.path
    let message = target.parameters["message"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(verb) \(path)"
    let info = CommitInfo(author: served.policy.person, message: message.hasSuffix("\n") ? message : message + "\n")
    let (match, noneMatch) = (request.head.value(of: "if-match"), request.head.value(of: "if-none-match"))
    let commit = try branch.updateAnew(info) { (tree) throws(StoreError) in
      let found = try tree.entry(path)
      if let match, !(found.map { Self.names(match, $0.id) } ?? false) { throw .testFailed(path) }
      if let noneMatch, let found, Self.names(noneMatch, found.id) { throw .testFailed(path) }
      if let found, found.mode.kind != .blob { throw .invalid("\(path) is a \(found.mode.word)") }
      try body(&tree, found?.mode)
    }
    let now = if let commit { Optional(commit) } else { try branch.head() }
    guard let now else { throw .noBranch(branch.name) }
    let tag = try now.tree.entry(path).map { [HTTPField("ETag", "\"\($0.id)\"")] } ?? []
    return try WebAnswer(200, json: JSONChange(commit: now.id.hex, changed: commit != nil), tag)
  }
}

/// A request's body as a value.
private struct BodySource: ValueSource {
  private let body: WebRequestBody
  private let limit: Int
  private var count = 0
  var size: Int? { body.size }

  init(_ body: WebRequestBody, limit: Int) {
    self.body = body
    self.limit = limit
  }

  mutating func next(atMost wanted: Int) throws(StoreError) -> [UInt8] {
    guard body.size ?? 0 <= limit, count <= limit else { throw .tooLarge("a value above \(limit) bytes") }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, wanted), alignment: 16)
    defer { buffer.deallocate() }
    let read = try body.read(into: buffer)
    count += read
    return Array(buffer[..<read])
  }
}
