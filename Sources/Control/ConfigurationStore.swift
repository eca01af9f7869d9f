import GitFormat
import Glibc
import HostSystem
import Household
import VersionedStore

/// The Git repository with the configuration's history: the commits of branch `main`, numbered from its first.
///
/// A number is a commit's place on the line of first parents. Only `append` and `adopt` move the branch, and never back.
struct ConfigurationStore {
  /// The only branch whose commits are put in force.
  static let mainName = "main"
  static let main = RefName.branch(mainName)!
  /// References that keep what was pushed and is not decided yet.
  static let incomingPrefix = "refs/lares/incoming/"
  /// So many commits of one push are put in force at most.
  static let pushLimit = 10_000

  let repository: Repository
  let branch: Branch
  private(set) var ids: [ObjectID] = []
  private(set) var numbers: [ObjectID: Int] = [:]
  /// The commit in force.
  private(set) var head: Commit?

  var newest: Int { ids.count }
  var recoveryNotes: [String] { backend.recoveryNotes }
  private let backend: GitBackend

  /// Makes an empty store.
  static func create(_ folder: String) throws -> ConfigurationStore {
    try ConfigurationStore(GitBackend.create(folder))
  }

  /// Opens a store and reads its line of commits, and the newest with its files.
  ///
  /// - Throws: where it is damaged, or cannot be opened now (`StoreError.isDamage` tells which).
  init(opening folder: String) throws { try self.init(GitBackend(opening: folder)) }

  private init(_ backend: GitBackend) throws {
    self.backend = backend
    repository = Self.repository(backend)
    branch = try repository.branch(Self.mainName)
    // Clients are told what HEAD names.
    _ = try backend.headTarget
    try load()
    try dropIncoming()
  }

  /// A repository with a configuration's history, to be used in control's name.
  static func repository(_ backend: GitBackend) -> Repository {
    Repository(backend, identity: Identity(name: "lares", email: "lares@lares"), now: { Clock.wall })
  }

  private mutating func load() throws {
    var line: [ObjectID] = []
    var next = try branch.head()?.id
    while let id = next {
      line.append(id)
      next = try repository.commit(id).parents.first
    }
    ids = line.reversed()
    numbers = Dictionary(uniqueKeysWithValues: zip(ids, 1...))
    guard let tip = ids.last else { return }
    var (newest, tree) = try read(tip, number: ids.count)
    do {
      newest.files = try ConfigurationTree.files(of: tree)
    } catch let error as StoreError {
      throw error
    } catch {
      // Somebody put there what is no configuration. It cannot be in force, and the next commit takes its place.
    }
    head = newest
  }

  /// What a session left that was cut off in the middle of a push.
  private func dropIncoming() throws {
    let left = try backend.references(under: Self.incomingPrefix)
    guard !left.isEmpty else { return }
    try backend.commit(
      Batch(
        refs: left.map {
          RefChange($0.name, from: $0.id, to: nil, who: repository.signature(), why: "push was cut off")
        }))
  }

  // MARK: - Reading

  /// - Precondition: there is a commit of this number.
  func commit(_ number: Int) throws -> Commit {
    if let head, head.number == number { return head }
    return try commit(ids[number - 1], number: number)
  }

  /// The same without files, which is faster.
  func summary(_ number: Int) throws -> CommitSummary {
    if let head, head.number == number { return CommitSummary(head) }
    return CommitSummary(try read(ids[number - 1], number: number).commit)
  }

  func commit(_ id: ObjectID, number: Int) throws -> Commit {
    var (commit, tree) = try read(id, number: number)
    commit.files = try ConfigurationTree.files(of: tree)
    return commit
  }

  func read(_ id: ObjectID, number: Int) throws -> (commit: Commit, tree: Tree) {
    let stored = try repository.commit(id)
    let message = CommitMessage(parsing: stored.message)
    let commit = Commit(
      number: number, id: id.hex, author: stored.author.name, reason: message.reason, time: stored.author.time,
      undoes: message.undoes.flatMap { numbers[$0] }, files: [:])
    return (commit, stored.tree)
  }

  /// The number of the commit whose name begins so; nil where there is none.
  ///
  /// - Throws: `ControlError.badRequest` where several do.
  func number(ofCommit prefix: String) throws -> Int? {
    let prefix = prefix.lowercased()
    if let id = ObjectID(hex: prefix) { return numbers[id] }
    let found = ids.indices.filter { ids[$0].hex.hasPrefix(prefix) }
    guard found.count <= 1 else {
      throw ControlError.badRequest("\(found.count) commits have names that begin with \(prefix); give more of it")
    }
    return found.first.map { $0 + 1 }
  }

  /// The files at any branch, tag or commit of the store, be it on the main line or not; nil where there is none of that
  /// name.
  func files(at revision: String) throws -> [String: String]? {
    var id = ObjectID(hex: revision)
    for prefix in ["refs/heads/", "refs/tags/", ""] where id == nil {
      id = try RefName(prefix + revision).flatMap { try backend.reference($0) }
    }
    guard let id, try backend.contains(id) else { return nil }
    var object = try backend.object(id)
    var target = id
    for _ in 0..<8 where object.kind == .tag {
      target = try TagObject(object.bytes, backend.format).object
      object = try backend.object(target)
    }
    return try ConfigurationTree.files(of: repository.commit(target).tree)
  }

  /// The search for the commit that broke something, among those after the good one.
  ///
  /// - Precondition: both numbers are of this line, the good one before the bad one.
  func bisection(bad: Int, good: Int) throws -> Bisection {
    var parents: [ObjectID: [ObjectID]] = [:]
    for number in good + 1...bad { parents[ids[number - 1]] = number - 1 > good ? [ids[number - 2]] : [] }
    return try Bisection(bad: ids[bad - 1], parents: parents)
  }

  func number(of id: ObjectID) -> Int? { numbers[id] }
  func id(of number: Int) -> ObjectID { ids[number - 1] }

  // MARK: - Writing

  mutating func append(_ commit: Commit) throws {
    let author = Signature(person: commit.author, at: commit.time)
    let undoes = commit.undoes.flatMap { ids.indices.contains($0 - 1) ? ids[$0 - 1] : nil }
    let message = CommitMessage(reason: commit.reason, undoes: undoes)
    let tree = try ids.last.map { try repository.commit($0).tree } ?? repository.emptyTree
    let stored = try branch.commit(
      ConfigurationTree.replacing(head?.files ?? [:], with: commit.files, in: tree), on: ids.last,
      CommitInfo(author: author, message: message.text))
    var commit = commit
    commit.id = stored.id.hex
    take(commit, stored.id)
  }

  /// The commits that would be added with this one as the newest, in order.
  ///
  /// - Throws: `ControlError.pushDiverges` where it does not go on from the head.
  func commits(upTo text: String) throws -> [Commit] {
    guard let tip = ObjectID(hex: text) else {
      throw ControlError.badRequest("\"\(text)\" is not the name of a commit")
    }
    guard try backend.contains(tip) else { throw ControlError.noSuchRevision(text) }
    var line: [ObjectID] = []
    var next: ObjectID? = tip
    while let id = next, id != ids.last {
      guard numbers[id] == nil else { break }
      line.append(id)
      guard line.count <= Self.pushLimit else { throw ControlError.badRequest("more than \(Self.pushLimit) commits") }
      next = try repository.commit(id).parents.first
    }
    guard next == ids.last else { throw ControlError.pushDiverges }
    var commits = try line.reversed().enumerated().map { try read($1, number: newest + 1 + $0).commit }
    // Only the last comes into force.
    if let tip = commits.last { commits[commits.count - 1] = try commit(line[0], number: tip.number) }
    return commits
  }

  mutating func adopt(_ commits: [Commit], by owner: String) throws {
    let added = commits.compactMap { $0.id.flatMap { ObjectID(hex: $0) } }
    guard let tip = added.last, added.count == commits.count else { throw ControlError.nothingToCommit }
    let who = Signature(person: owner)
    try repository.store(
      Batch(refs: [RefChange(Self.main, from: ids.last, to: tip, who: who, why: "push")]))
    for (commit, id) in zip(commits, added) { take(commit, id) }
  }

  mutating func take(_ commit: Commit, _ id: ObjectID) {
    ids.append(id)
    numbers[id] = ids.count
    head = commit
  }

  /// Makes all that is acknowledged visible to other programs.
  func publish() throws { try backend.publish() }
}

extension StoreError {
  /// Whether nothing works any more before the store is opened again: also when somebody has moved main behind
  /// control's back.
  var needsReopening: Bool {
    switch self {
    case .poisoned, .refChanged: true
    default: isDamage
    }
  }

  /// Whether what is stored is broken, rather than that it cannot be read or written just now.
  var isDamage: Bool {
    switch self {
    case .missing, .wrongKind, .malformed, .damaged, .notFound, .noBranch, .invalid, .tooLarge: true
    // Something that belongs to every repository is not there, or is no folder.
    case .system(let error): [ENOENT, ENOTDIR, EISDIR].contains(error.code)
    default: false
    }
  }
}

extension Signature {
  /// Somebody who changes the configuration, by the name that control knows.
  init(person: String, at time: UnixTime = Clock.wall) {
    self.init(name: person, email: "\(person)@lares", time: time)
  }
}
