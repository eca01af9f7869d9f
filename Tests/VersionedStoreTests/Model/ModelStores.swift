import GitFormat
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

/// A way to a fresh, empty back end. The model's tests run on each of `all`, in both object formats.
struct StoreMaker: Sendable, CustomTestStringConvertible {
  let name: String
  let format: ObjectFormat
  let backend: @Sendable (ObjectFormat) throws -> any Backend

  var testDescription: String { "\(name), \(format.rawValue)" }

  /// The one list of back ends that the suites run on.
  static let all: [StoreMaker] = ObjectFormat.allCases.flatMap { format in
    [
      StoreMaker(name: "memory", format: format) { MemoryBackend(format: $0) },
      StoreMaker(name: "disk", format: format) { try TemporaryBackend(format: $0) },
    ]
  }

  static let memory = StoreMaker(name: "memory", format: .sha1) { MemoryBackend(format: $0) }

  /// A repository on a fresh back end, whose clock goes one second a reading.
  func repository() throws -> Repository {
    let clock = TestClock()
    return Repository(try backend(format), identity: Identity(name: "Store", email: "store@home.arpa")) { clock.tick() }
  }
}

/// Seconds since 1970 that go on by one at each look.
final class TestClock: Sendable {
  private let time: Mutex<Int64>

  init(_ start: Int64 = 1_700_000_000) { time = Mutex(start) }

  func tick() -> Int64 {
    time.withLock { time in
      time += 1
      return time
    }
  }
}

extension CommitInfo {
  static func test(_ message: String) -> CommitInfo {
    CommitInfo(author: Signature(name: "Ada", email: "ada@home.arpa", time: 1_700_000_000), message: message)
  }
}

extension [UInt8] {
  init(text: String) { self = Array(text.utf8) }
}

/// What a tree should be: files by path, nothing else.
typealias Files = [Path: Contents]

extension Tree {
  /// All files below, read one directory after the other.
  func files(at path: Path = .root) throws -> Files {
    var files: Files = [:]
    for entry in try list(path) {
      let below = path / entry.name
      if entry.mode.isTree {
        files.merge(try self.files(at: below)) { one, _ in one }
      } else {
        files[below] = try contents(below)
      }
    }
    return files
  }
}

/// A repository on disk, in a folder that goes with it.
final class TemporaryBackend: Backend {
  private let folder: TemporaryFolder
  private let backend: GitBackend

  init(format: ObjectFormat) throws {
    folder = try TemporaryFolder()
    backend = try GitBackend.create(folder.path + "/store.git", format: format)
  }

  var format: ObjectFormat { backend.format }
  var headTarget: RefName { get throws(StoreError) { try backend.headTarget } }
  func object(_ id: ObjectID) throws(StoreError) -> GitObject { try backend.object(id) }
  func contains(_ id: ObjectID) throws(StoreError) -> Bool { try backend.contains(id) }
  func reference(_ name: RefName) throws(StoreError) -> ObjectID? { try backend.reference(name) }
  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try backend.references(under: prefix)
  }
  func commit(_ batch: Batch) throws(StoreError) { try backend.commit(batch) }
  func publish() throws(StoreError) { try backend.publish() }
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch { try backend.watch(onChange) }
}
