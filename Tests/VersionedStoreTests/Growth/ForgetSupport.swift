import GitFormat
import Glibc
import HostSystem
import TestSupport

@testable import VersionedStore

/// Looks for bytes in everything that a repository has.
struct ByteSearch {
  private let texts: [[UInt8]]

  init(_ texts: [String]) { self.texts = texts.map { Array($0.utf8) } }

  /// Files with one of the texts: as they are, with all zlib streams in them inflated, or as an object.
  func find(in folder: String) throws -> [String] {
    var found: [String] = []
    var folders = [folder]
    var sets: [String] = []
    while let next = folders.popLast() {
      for name in File.list(next) {
        let path = "\(next)/\(name)"
        if File.isFolder(path) {
          folders.append(path)
          continue
        }
        let bytes = try File.read(path)
        if has(bytes) || (!name.hasSuffix(".idx") && has(inflated(bytes))) { found.append(path) }
        if name.hasSuffix(".pack") { sets.append(next) }
      }
    }
    for place in Set(sets) { found += try objects(in: place) }
    return found
  }

  private func has(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
      texts.contains { text in
        var start = 0
        while start + text.count <= bytes.count, let base = bytes.baseAddress,
          let place = memchr(base + start, Int32(text[0]), bytes.count - text.count + 1 - start)
        {
          if memcmp(place, text, text.count) == 0 { return true }
          start = UnsafeRawPointer(place) - base + 1
        }
        return false
      }
    }
  }

  /// What every zlib stream that may begin anywhere in the bytes holds.
  private func inflated(_ bytes: [UInt8]) -> [UInt8] {
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    bytes.withUnsafeBytes { bytes in
      for start in 0..<max(0, bytes.count - 2) where bytes[start] == 0x78 {
        guard (Int(bytes[start]) << 8 | Int(bytes[start + 1])) % 31 == 0 else { continue }
        var stream = InflateStream()
        let input = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let progress = room.withUnsafeMutableBytes { try? stream.step(input, into: $0) }
        if let progress { all += room[..<progress.produced] }
      }
    }
    return all
  }

  /// Deltas hide bytes: the objects themselves are looked at.
  private func objects(in packs: String) throws -> [String] {
    let format: ObjectFormat =
      File.list(packs).contains { $0.hasPrefix("pack-") && $0.utf8.count > 60 } ? .sha256 : .sha1
    let set = PackSet(objects: File.folderName(of: packs), format)
    return try set.allIDs().filter { id in try has(set.object(id)?.bytes ?? []) }.map { "\(packs): \($0)" }
  }
}

/// A repository with a history made by our own writers.
struct ForgetSample {
  let folder: TemporaryFolder
  let store: GitBackend
  let repository: Repository
  var path: String { folder.path + "/store.git" }

  static let secret = "the very private telephone number"

  init(_ format: ObjectFormat = .sha1) throws {
    folder = try TemporaryFolder()
    store = try GitBackend.create(folder.path + "/store.git", format: format)
    repository = Repository(store, identity: Identity(name: "Lares", email: "lares@home.arpa")) { 1_763_800_100 }
  }

  func set(
    _ path: String, _ text: String, on branch: String = "main", by who: Signature = ada, message: String? = nil
  ) throws {
    try repository.branch(branch).set(
      Path(path), Array(text.utf8), CommitInfo(author: who, message: message ?? "Set \(path)\n"))
  }

  func fsck() throws -> String { try git(path, "fsck", "--strict", "--no-dangling") }
}

let eve = Signature(name: "Eve Example", email: "eve@example.net", time: 1_763_800_050, zone: -60)

/// Runs something on a thread, something else meanwhile, and waits for both.
func withThread(_ body: @escaping @Sendable () -> Void, whileRunning other: () throws -> Void) throws {
  let thread = try BackgroundThread(body)
  defer { withExtendedLifetime(thread) {} }
  try other()
}
