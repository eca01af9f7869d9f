import GitFormat
import Glibc
import HostSystem
import TestSupport
import VersionedStore

/// All that happens to a repository, and a promise for each change that was acknowledged: `BRANCH COMMIT`, `BRANCH -`
/// for one that is gone, and `BRANCH ?` before it goes.
///
/// Several branches are committed to at once, small values and such as get packs of their own; branches come and go;
/// packs are merged, and collected with what nothing reaches and with reflogs that are too old.
struct Work: Sendable {
  private static let branches = ["a", "b", "c"]
  private static let rounds = 3
  /// After so long without a commit, small packs are merged.
  private static let idleMicroseconds: UInt32 = 2_600_000

  private let folder: String
  private let format: ObjectFormat
  private let seed: UInt64
  /// For each branch and round.
  private let commits: Int
  private let promises: Promises

  init(_ arguments: ArraySlice<String>) throws {
    let arguments = Array(arguments)
    guard let format = ObjectFormat(rawValue: arguments[1]), let seed = UInt64(arguments[2]),
      let commits = Int(arguments[3]), let offset = Int(arguments[5])
    else { exit(64) }
    folder = arguments[0]
    self.format = format
    self.seed = seed
    self.commits = commits
    promises = try Promises(on: arguments[4], at: offset)
  }

  func run() throws {
    _ = try GitBackend.create(folder, format: format)
    let (repository, backend) = try open(folder)
    try commitAlone(repository)
    for round in 0..<Self.rounds {
      let writers = try Self.branches.indices.map { index in
        try BackgroundThread {
          do { try change(repository, index, round) } catch {
            say("\(error)\n", on: STDERR_FILENO)
            exit(1)
          }
        }
      }
      try collect(backend, round)
      withExtendedLifetime(writers) {}
      _ = consume writers
      usleep(Self.idleMicroseconds)
    }
  }

  /// A few commits with nothing beside them: of each it is known which flush it waited for.
  private func commitAlone(_ repository: Repository) throws {
    let branch = try repository.branch("main")
    for number in 1...4 {
      try commit(to: branch, "alone", Array("\(number)".utf8), slot: 0)
      usleep(200_000)
    }
  }

  private func commit(to branch: Branch, _ path: String, _ value: [UInt8], slot: Int) throws {
    guard let commit = try branch.set(Path(path), value, info("Set \(path)")) else { return }
    try promises.note("\(branch.name) \(commit.id)", slot: slot)
  }

  // MARK: - Beside each other

  private func change(_ repository: Repository, _ index: Int, _ round: Int) throws {
    var generator = SeededGenerator(seed &* 100 &+ UInt64(round * 10 + index))
    let name = Self.branches[index]
    let branch = try repository.branch(name)
    var topics: [String] = []
    for number in 0..<commits {
      let size =
        number == commits / 2 && index == round ? large : [20, 200, 2_000, 10_000].randomElement(using: &generator)!
      let path = "notes/\(Int.random(in: 0..<20, using: &generator))"
      try commit(to: branch, path, value(size, &generator), slot: index + 1)
      switch Int.random(in: 0..<12, using: &generator) {
      case 0: try repository.backend.publish()
      case 1:
        let topic = "topics/\(name)-\(round)-\(number)"
        let commit = try repository.createBranch(topic, at: try branch.requireHead().id)
        topics.append(topic)
        try promises.note("\(topic) \(try commit.requireHead().id)", slot: index + 1)
      case 2:
        guard let topic = topics.popLast() else { break }
        try promises.note("\(topic) ?", slot: index + 1)
        try repository.deleteBranch(topic)
        try promises.note("\(topic) -", slot: index + 1)
      default: break
      }
    }
  }

  /// Too large for the journal. SHA-1 takes its time in an emulated machine, where it is not optimized.
  private var large: Int { format == .sha256 ? 1_200_000 : 100_000 }

  /// Bytes that cannot be made much smaller.
  private func value(_ size: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 8)
    while bytes.count < size { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// Collections, each taking more away than the one before: what is of no use but young stays, goes, and goes from the
  /// reflogs too.
  private func collect(_ backend: GitBackend, _ round: Int) throws {
    usleep(300_000)
    var options = CollectOptions(now: seconds())
    if round > 0 { options.graceSeconds = 0 }
    if round > 1 { options.now += 100 * 86_400 }
    try backend.collect(options)
  }
}
