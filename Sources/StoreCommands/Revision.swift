import GitFormat
import VersionedStore

/// How people name a commit, as far as gitrevisions(7) is of use here: `main`, `snapshot-1`, `origin/main`, `HEAD~2`,
/// `3f2a91`, and the second parent of a merge as `main^2`.
struct Revision {
  private enum Step {
    case ancestor(Int)
    case parent(Int)
  }

  private let text: String
  private let start: String
  private let steps: [Step]

  /// nil where it is not of that form.
  init?(_ text: String) {
    self.text = text
    start = String(text.prefix { $0 != "~" && $0 != "^" })
    var rest = text.dropFirst(start.count)
    var steps: [Step] = []
    while let sign = rest.first {
      let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
      guard sign == "~" || sign == "^", let count = digits.isEmpty ? 1 : Int(digits), count <= Self.farthest else {
        return nil
      }
      steps.append(sign == "~" ? .ancestor(count) : .parent(count))
      rest = rest.dropFirst(1 + digits.count)
    }
    guard !start.isEmpty, steps.count <= 1_000 else { return nil }
    self.steps = steps
  }

  private static let farthest = 100_000_000
  /// How many objects are looked at for a commit that begins with some digits.
  private static let searchLimit = 10_000

  /// The commit.
  static func commit(_ text: String, in repository: Repository) throws -> Commit {
    guard let revision = Self(text) else {
      throw CommandFailure(
        .failed, "\(text) does not name a commit; branches, snapshots, hashes, and these with ~2 or ^2 behind them do")
    }
    return try revision.resolve(in: repository)
  }

  private func resolve(in repository: Repository) throws -> Commit {
    var commit = try Self.peeled(try startID(in: repository), text, in: repository)
    for step in steps {
      switch step {
      case .ancestor(let count):
        for _ in 0..<count { commit = try parent(1, of: commit, in: repository) }
      case .parent(0): break
      case .parent(let number): commit = try parent(number, of: commit, in: repository)
      }
    }
    return commit
  }

  private func parent(_ number: Int, of commit: Commit, in repository: Repository) throws -> Commit {
    guard commit.parents.indices.contains(number - 1) else {
      throw CommandFailure(.absent, "\(text): commit \(Words.short(commit.id)) has no parent number \(number)")
    }
    return try repository.commit(commit.parents[number - 1])
  }

  /// What the first word names: a reference by the order of gitrevisions(7), or an object by its hash.
  private func startID(in repository: Repository) throws -> ObjectID {
    if start == "HEAD" || start == "@" { return try repository.mainBranch().requireHead().id }
    for prefix in ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"] {
      if let name = RefName(prefix + start), let id = try repository.backend.reference(name) { return id }
    }
    if let id = ObjectID(repository.format, hex: start) { return id }
    if let other = ObjectFormat.allCases.first(where: { $0 != repository.format && ObjectID($0, hex: start) != nil }) {
      throw StoreError.otherFormat(ours: repository.format, theirs: other)
    }
    if let id = try abbreviated(in: repository) { return id }
    throw CommandFailure(.absent, "there is no branch, snapshot or commit \(Words.line(start)) here")
  }

  /// The commit or tag whose hash begins so.
  private func abbreviated(in repository: Repository) throws -> ObjectID? {
    guard (4...repository.format.digits).contains(start.utf8.count), start.allSatisfy(\.isHexDigit),
      start.utf8.count == start.count, let packs = repository.backend.packSource as? PackSet
    else { return nil }
    try repository.backend.publish()
    let found = try packs.ids(hexPrefix: start.utf8, limit: Self.searchLimit).filter { id in
      let kind = try repository.objects.object(id).kind
      return kind == .commit || kind == .tag
    }
    guard found.count < 2 else {
      throw CommandFailure(.failed, "several commits begin with \(start); give more digits")
    }
    return found.first
  }

  /// The commit that an object is, or that a tag is of in the end.
  private static func peeled(_ id: ObjectID, _ text: String, in repository: Repository) throws -> Commit {
    var id = id
    for _ in 0..<16 {
      let object: GitObject
      do { object = try repository.objects.object(id) } catch StoreError.missing {
        throw CommandFailure(.absent, "there is no commit \(text) here")
      }
      switch object.kind {
      case .commit: return try repository.commit(id)
      case .tag: id = try TagObject(object.bytes, repository.format).object
      default: throw CommandFailure(.failed, "\(text) is a \(object.kind), not a commit")
      }
    }
    throw CommandFailure(.failed, "\(text) is a tag of a tag, too many times over")
  }
}

extension Repository {
  /// The history, which ends where this repository's does.
  func fullHistory() throws(StoreError) -> History { history(shallow: try backend.shallowCommits) }

  /// The commits that branches, snapshots and remotes' branches name.
  func allHeads() throws -> [ObjectID] {
    var heads: [ObjectID] = []
    for (_, id) in try backend.references(under: "refs/") {
      var id = id
      var object = try objects.object(id)
      while object.kind == .tag {
        id = try TagObject(object.bytes, format).object
        object = try objects.object(id)
      }
      if object.kind == .commit { heads.append(id) }
    }
    return heads
  }
}
